-- Clients of the authorization server. Lists are JSON arrays of texts; `secret` is a hash.
CREATE TABLE oauth_client (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    method TEXT NOT NULL,
    secret TEXT,
    jwks TEXT,
    certificate TEXT,
    redirect_uris TEXT NOT NULL,
    post_logout_redirect_uris TEXT NOT NULL,
    grants TEXT NOT NULL,
    scopes TEXT NOT NULL,
    resources TEXT NOT NULL,
    enabled INTEGER NOT NULL,
    tokens_not_before INTEGER NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What may be used once, and was: the SHA-256 of a `jti`, apart for each use.
CREATE TABLE oauth_spent (
    usage TEXT NOT NULL,
    key BLOB NOT NULL CHECK (length(key) = 32),
    until INTEGER NOT NULL,
    PRIMARY KEY (usage, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX oauth_spent_by_end ON oauth_spent (until);

-- Access tokens that ended before their time, by the SHA-256 of their `jti`.
CREATE TABLE oauth_revoked (
    key BLOB PRIMARY KEY CHECK (length(key) = 32),
    until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX oauth_revoked_by_end ON oauth_revoked (until);

-- Clients change, too, and access tokens end: `role` then names the client, `session` the token.
CREATE TABLE change_10 (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    what TEXT NOT NULL CHECK (what IN ('account', 'unlocked', 'roles', 'session', 'keys', 'groups', 'client', 'access_token')),
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
INSERT INTO change_10 (sequence, what, kind, account, directory, login, session, deed, role, run, noted)
    SELECT sequence, what, kind, account, directory, login, session, deed, role, run, noted FROM change;
DROP TABLE change;
ALTER TABLE change_10 RENAME TO change;
