-- Clients that registered themselves name the token by which they did.
ALTER TABLE oauth_client ADD COLUMN registered TEXT;

-- Tokens with which clients register themselves, as SHA-256. `scopes` is a JSON array of texts.
CREATE TABLE oauth_registration (
    id TEXT PRIMARY KEY,
    key BLOB NOT NULL UNIQUE CHECK (length(key) = 32),
    name TEXT NOT NULL,
    scopes TEXT NOT NULL,
    uses_left INTEGER NOT NULL CHECK (uses_left >= 0),
    created INTEGER NOT NULL,
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX oauth_registration_by_end ON oauth_registration (expires);
