-- What is good for one use is in one table. Of old rows nobody knows which use they had, so they count for both.
INSERT OR IGNORE INTO oauth_spent (usage, key, until) SELECT 'journey', key, until FROM used_once;
INSERT OR IGNORE INTO oauth_spent (usage, key, until) SELECT 'logout_token', key, until FROM used_once;
DROP TABLE used_once;
