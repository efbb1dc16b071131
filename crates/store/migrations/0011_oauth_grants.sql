-- What people allowed clients. Times are milliseconds since the Unix epoch; lists are JSON arrays of texts; keys are SHA-256 of
-- secrets that only clients know.
CREATE TABLE oauth_authorization (
    id TEXT PRIMARY KEY,
    client TEXT NOT NULL,
    kind TEXT NOT NULL,
    account INTEGER NOT NULL,
    account_version INTEGER NOT NULL,
    session BLOB, -- ends with it; NULL outlives sessions
    sid TEXT NOT NULL,
    scopes TEXT NOT NULL,
    resources TEXT NOT NULL,
    authenticated INTEGER NOT NULL,
    factors TEXT NOT NULL,
    binding TEXT,
    created INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    FOREIGN KEY (kind, account) REFERENCES account (kind, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX oauth_authorization_by_account ON oauth_authorization (kind, account);
CREATE INDEX oauth_authorization_by_session ON oauth_authorization (session) WHERE session IS NOT NULL;
CREATE INDEX oauth_authorization_by_end ON oauth_authorization (expires);
CREATE INDEX oauth_authorization_by_client ON oauth_authorization (client);

-- A code that was used stays for as long as what it gave: a second use ends that.
CREATE TABLE oauth_code (
    key BLOB PRIMARY KEY CHECK (length(key) = 32),
    authorization TEXT NOT NULL REFERENCES oauth_authorization (id) ON DELETE CASCADE,
    redirect_uri TEXT NOT NULL,
    named INTEGER NOT NULL CHECK (named IN (0, 1)),
    challenge BLOB NOT NULL CHECK (length(challenge) = 32),
    nonce TEXT,
    dpop_jkt TEXT,
    lasts INTEGER NOT NULL,
    used INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX oauth_code_by_authorization ON oauth_code (authorization);

-- So do refresh tokens.
CREATE TABLE oauth_refresh (
    key BLOB PRIMARY KEY CHECK (length(key) = 32),
    authorization TEXT NOT NULL REFERENCES oauth_authorization (id) ON DELETE CASCADE,
    used INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX oauth_refresh_by_authorization ON oauth_refresh (authorization);

CREATE TABLE oauth_consent (
    kind TEXT NOT NULL,
    account INTEGER NOT NULL,
    client TEXT NOT NULL,
    scopes TEXT NOT NULL,
    resources TEXT NOT NULL,
    granted INTEGER NOT NULL,
    PRIMARY KEY (kind, account, client),
    FOREIGN KEY (kind, account) REFERENCES account (kind, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX oauth_consent_by_client ON oauth_consent (client);

CREATE TABLE oauth_pushed (
    key BLOB PRIMARY KEY CHECK (length(key) = 32),
    client TEXT NOT NULL,
    parameters TEXT NOT NULL,
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX oauth_pushed_by_end ON oauth_pushed (expires);

CREATE TABLE oauth_device (
    key BLOB PRIMARY KEY CHECK (length(key) = 32),
    user_code BLOB NOT NULL UNIQUE CHECK (length(user_code) = 32),
    client TEXT NOT NULL,
    scopes TEXT NOT NULL,
    resources TEXT NOT NULL,
    binding TEXT,
    interval INTEGER NOT NULL,
    polled INTEGER,
    decided INTEGER NOT NULL DEFAULT 0 CHECK (decided IN (0, 1)),
    authorization TEXT REFERENCES oauth_authorization (id) ON DELETE CASCADE,
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX oauth_device_by_end ON oauth_device (expires);
CREATE INDEX oauth_device_by_authorization ON oauth_device (authorization);
