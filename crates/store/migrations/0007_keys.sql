-- Keys change, too, and whoever holds them must hear of it: `role` then names their purpose.
CREATE TABLE change_6 (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    what TEXT NOT NULL CHECK (what IN ('account', 'unlocked', 'roles', 'session', 'keys')),
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
INSERT INTO change_6 (sequence, what, kind, account, directory, login, session, deed, role, run, noted)
    SELECT sequence, what, kind, account, directory, login, session, deed, role, run, noted FROM change;
DROP TABLE change;
ALTER TABLE change_6 RENAME TO change;
