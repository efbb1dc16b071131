-- Groups change, too, and whoever knows from which websites they are excluded must hear of it.
CREATE TABLE change_7 (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    what TEXT NOT NULL CHECK (what IN ('account', 'unlocked', 'roles', 'session', 'keys', 'groups')),
    kind TEXT,
    account INTEGER,
    directory TEXT,
    login TEXT,
    session BLOB,
    deed TEXT,
    role TEXT,
    run TEXT,
    noted INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO change_7 (sequence, what, kind, account, directory, login, session, deed, role, run, noted)
    SELECT sequence, what, kind, account, directory, login, session, deed, role, run, noted FROM change;
DROP TABLE change;
ALTER TABLE change_7 RENAME TO change;
