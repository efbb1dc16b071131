-- The last account id given out, by kind. It never goes back, so an id is never used again.
CREATE TABLE account_sequence (
    kind TEXT PRIMARY KEY CHECK (kind IN ('customer', 'admin')),
    last INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO account_sequence (kind, last) VALUES ('customer', 0), ('admin', 0);

-- Ids of accounts that were deleted: an explicit id is checked against them.
CREATE TABLE account_grave (
    kind TEXT NOT NULL,
    id INTEGER NOT NULL,
    PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;

-- Times are milliseconds since the Unix epoch. `login_key` is the login in lower case.
CREATE TABLE account (
    kind TEXT NOT NULL CHECK (kind IN ('customer', 'admin')),
    id INTEGER NOT NULL CHECK (id > 0),
    directory TEXT NOT NULL,
    login TEXT NOT NULL,
    login_key TEXT NOT NULL,
    email TEXT,
    password TEXT,
    enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    version INTEGER NOT NULL,
    not_before INTEGER NOT NULL,
    created INTEGER NOT NULL,
    PRIMARY KEY (kind, id),
    UNIQUE (directory, login_key)
) STRICT, WITHOUT ROWID;
CREATE INDEX account_by_directory ON account (directory, id);

CREATE TABLE role (
    name TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;

CREATE TABLE role_resource (
    role TEXT NOT NULL REFERENCES role (name) ON DELETE CASCADE,
    resource TEXT NOT NULL,
    PRIMARY KEY (role, resource)
) STRICT, WITHOUT ROWID;

CREATE TABLE account_role (
    kind TEXT NOT NULL,
    account INTEGER NOT NULL,
    position INTEGER NOT NULL,
    role TEXT NOT NULL REFERENCES role (name) ON DELETE CASCADE,
    PRIMARY KEY (kind, account, role),
    FOREIGN KEY (kind, account) REFERENCES account (kind, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX account_role_by_role ON account_role (role);

-- `key` is the SHA-256 of the session id; the id itself is nowhere.
CREATE TABLE session (
    key BLOB PRIMARY KEY CHECK (length(key) = 32),
    kind TEXT NOT NULL,
    account INTEGER NOT NULL,
    account_version INTEGER NOT NULL,
    directory TEXT NOT NULL,
    created INTEGER NOT NULL,
    last_seen INTEGER NOT NULL,
    authenticated INTEGER NOT NULL,
    factors TEXT NOT NULL, -- words with a space between
    site TEXT NOT NULL,
    device TEXT NOT NULL,
    FOREIGN KEY (kind, account) REFERENCES account (kind, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX session_by_account ON session (kind, account);

-- Keys that Doorward made for itself.
CREATE TABLE stored_key (
    purpose TEXT NOT NULL,
    id TEXT NOT NULL,
    secret BLOB NOT NULL,
    created INTEGER NOT NULL,
    PRIMARY KEY (purpose, id)
) STRICT, WITHOUT ROWID;

-- What changed, in the order of commits, for whoever caches it. The oldest rows are pruned.
CREATE TABLE change (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    what TEXT NOT NULL CHECK (what IN ('account', 'unlocked', 'roles', 'session')),
    kind TEXT,
    account INTEGER,
    directory TEXT,
    login TEXT,
    session BLOB
) STRICT;
