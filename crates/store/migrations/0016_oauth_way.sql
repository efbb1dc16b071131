-- By which way (`grant_type`) a client came to what a person allowed it; NULL for what was allowed before this was written down.
ALTER TABLE oauth_authorization ADD COLUMN grant_type TEXT;
