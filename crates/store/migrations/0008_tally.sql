-- How many accounts there are, and what their Argon2id hashes cost (what stands before salt and hash), kept beside them:
-- a server asks at start, and must not look through all accounts.
CREATE TABLE account_count (
    directory TEXT NOT NULL,
    kind TEXT NOT NULL,
    accounts INTEGER NOT NULL,
    PRIMARY KEY (directory, kind)
) STRICT, WITHOUT ROWID;
INSERT INTO account_count (directory, kind, accounts) SELECT directory, kind, count(*) FROM account GROUP BY directory, kind;

CREATE TABLE password_cost (
    cost TEXT PRIMARY KEY,
    accounts INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO password_cost (cost, accounts)
    WITH base64 (letters) AS (VALUES ('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'))
    SELECT rtrim(rtrim(rtrim(password, letters), '$'), letters) AS cost, count(*)
    FROM account, base64 WHERE password GLOB '$argon2id$*$*' GROUP BY cost;
