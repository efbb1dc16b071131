-- An e-mail address is one customer's on each website: an import asks for each row whether it is taken.
CREATE INDEX account_by_lower_email ON account (directory, lower(email));
