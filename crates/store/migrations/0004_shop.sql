-- Integrations are a third kind of account; customers belong to a website, a store view and a group; whatever else was
-- proved by tokens ends apart from sessions. `website` is 0 where the account is known on all websites.
ALTER TABLE account_sequence RENAME TO account_sequence_2;
CREATE TABLE account_sequence (
    kind TEXT PRIMARY KEY CHECK (kind IN ('customer', 'admin', 'integration')),
    last INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO account_sequence (kind, last) SELECT kind, last FROM account_sequence_2;
INSERT INTO account_sequence (kind, last) VALUES ('integration', 0);
DROP TABLE account_sequence_2;

CREATE TABLE account_3 (
    kind TEXT NOT NULL CHECK (kind IN ('customer', 'admin', 'integration')),
    id INTEGER NOT NULL CHECK (id > 0),
    directory TEXT NOT NULL,
    login TEXT NOT NULL,
    login_key TEXT NOT NULL,
    email TEXT,
    password TEXT,
    enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    version INTEGER NOT NULL,
    not_before INTEGER NOT NULL,
    tokens_not_before INTEGER NOT NULL DEFAULT 0,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    website INTEGER NOT NULL DEFAULT 0,
    store INTEGER NOT NULL DEFAULT 0,
    customer_group INTEGER NOT NULL DEFAULT 0,
    confirmed INTEGER NOT NULL DEFAULT 1 CHECK (confirmed IN (0, 1)),
    -- What is known of the person besides: a JSON object. Doorward's decisions never read it.
    profile TEXT NOT NULL DEFAULT '{}',
    PRIMARY KEY (kind, id),
    UNIQUE (directory, website, login_key)
) STRICT, WITHOUT ROWID;
INSERT INTO account_3 (kind, id, directory, login, login_key, email, password, enabled, version, not_before, created, updated)
    SELECT kind, id, directory, login, login_key, email, password, enabled, version, not_before, created, created FROM account;
DROP TABLE account;
ALTER TABLE account_3 RENAME TO account;
CREATE INDEX account_by_directory ON account (directory, id);
CREATE INDEX account_by_login ON account (directory, login_key);

-- Addresses of customers. `document` is a JSON object; an id is never used again.
CREATE TABLE address (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    account INTEGER NOT NULL,
    document TEXT NOT NULL,
    FOREIGN KEY (kind, account) REFERENCES account (kind, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX address_by_account ON address (kind, account);

-- Groups of customers, and which one a store view gives to new customers (store 0: where a view has none of its own).
CREATE TABLE customer_group (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    code TEXT NOT NULL UNIQUE COLLATE NOCASE,
    tax_class INTEGER NOT NULL,
    document TEXT NOT NULL DEFAULT '{}'
) STRICT;
INSERT INTO customer_group (id, code, tax_class) VALUES
    (0, 'NOT LOGGED IN', 3), (1, 'General', 3), (2, 'Wholesale', 3), (3, 'Retailer', 3);
CREATE TABLE default_group (
    store INTEGER PRIMARY KEY,
    customer_group INTEGER NOT NULL REFERENCES customer_group (id)
) STRICT;
INSERT INTO default_group (store, customer_group) VALUES (0, 1);

-- Rows of roles that were saved elsewhere as rows: their order decides (magento-webapi 4.4). A role has these or resources.
CREATE TABLE role_row (
    role TEXT NOT NULL REFERENCES role (name) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    resource TEXT NOT NULL,
    allow INTEGER NOT NULL CHECK (allow IN (0, 1)),
    PRIMARY KEY (role, position)
) STRICT, WITHOUT ROWID;

-- Opaque bearer tokens: `key` is the SHA-256 of the token. `expires` is absent for those that do not end by time.
CREATE TABLE token (
    key BLOB PRIMARY KEY CHECK (length(key) = 32),
    kind TEXT NOT NULL,
    account INTEGER NOT NULL,
    created INTEGER NOT NULL,
    expires INTEGER,
    FOREIGN KEY (kind, account) REFERENCES account (kind, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX token_by_account ON token (kind, account);
CREATE INDEX token_by_expiry ON token (expires) WHERE expires IS NOT NULL;

-- Keys that retired, or are not yet to be used; `algorithm` where a purpose knows several.
ALTER TABLE stored_key ADD COLUMN algorithm TEXT;
ALTER TABLE stored_key ADD COLUMN active_from INTEGER;
ALTER TABLE stored_key ADD COLUMN retired INTEGER;

-- Links that work once: `key` is the SHA-256 of the secret in the link, `purpose` what it is good for and nothing else.
CREATE TABLE link (
    purpose TEXT NOT NULL,
    key BLOB NOT NULL CHECK (length(key) = 32),
    kind TEXT NOT NULL,
    account INTEGER NOT NULL,
    created INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    -- What the link is about besides the account, such as a new e-mail address.
    subject TEXT,
    PRIMARY KEY (purpose, key),
    FOREIGN KEY (kind, account) REFERENCES account (kind, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX link_by_account ON link (kind, account);
CREATE INDEX link_by_expiry ON link (expires);

-- Sessions of another application that were exchanged for one of ours: each at most once.
CREATE TABLE exchanged_session (
    key BLOB PRIMARY KEY CHECK (length(key) = 32),
    exchanged INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX exchanged_session_by_time ON exchanged_session (exchanged);

-- How far an import has come: `source` names the data (its SHA-256) and the directory.
CREATE TABLE import (
    source TEXT PRIMARY KEY,
    rows INTEGER NOT NULL,
    updated INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
