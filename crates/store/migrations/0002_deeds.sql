-- What was done to the account or role that changed; rows from before do not know.
ALTER TABLE change ADD COLUMN deed TEXT;
ALTER TABLE change ADD COLUMN role TEXT;
