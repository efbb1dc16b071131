-- Whether the tokens of a client are bound to the certificate that it shows.
ALTER TABLE oauth_client ADD COLUMN certificate_bound INTEGER NOT NULL DEFAULT 0 CHECK (certificate_bound IN (0, 1));
