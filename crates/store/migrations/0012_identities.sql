-- Who people are at OpenID providers, and which accounts that are here. An identity is one account's in a directory, and an
-- account has one identity of each issuer.
CREATE TABLE linked_identity (
    directory TEXT NOT NULL,
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    kind TEXT NOT NULL,
    account INTEGER NOT NULL,
    linked INTEGER NOT NULL,
    PRIMARY KEY (directory, issuer, subject),
    UNIQUE (kind, account, issuer),
    FOREIGN KEY (kind, account) REFERENCES account (kind, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- The sessions at providers that sessions here came of.
CREATE TABLE provider_session (
    session BLOB PRIMARY KEY REFERENCES session (key) ON DELETE CASCADE,
    issuer TEXT NOT NULL,
    client TEXT NOT NULL,
    subject TEXT NOT NULL,
    sid TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX provider_session_by_subject ON provider_session (issuer, client, subject);
CREATE INDEX provider_session_by_sid ON provider_session (issuer, client, sid);

-- SHA-256 of what is good for one use: answers of providers, and their words that sessions ended.
CREATE TABLE used_once (
    key BLOB PRIMARY KEY CHECK (length(key) = 32),
    until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX used_once_by_end ON used_once (until);
