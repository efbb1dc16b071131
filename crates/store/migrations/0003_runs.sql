-- Which run of a command changed it; what servers do by themselves has none.
ALTER TABLE change ADD COLUMN run TEXT;
-- Whether somebody wrote it down already: of all processes that hear of it, one does.
ALTER TABLE change ADD COLUMN noted INTEGER NOT NULL DEFAULT 0;
