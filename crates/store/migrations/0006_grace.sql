-- Ids of sessions that a sign-in replaced, for requests that were on their way with the old one: until `until` they are
-- found as the session that took its place, and with that one they are gone.
CREATE TABLE session_grace (
    key BLOB PRIMARY KEY CHECK (length(key) = 32),
    successor BLOB NOT NULL REFERENCES session (key) ON DELETE CASCADE,
    until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX session_grace_by_successor ON session_grace (successor);
CREATE INDEX session_grace_by_end ON session_grace (until);
