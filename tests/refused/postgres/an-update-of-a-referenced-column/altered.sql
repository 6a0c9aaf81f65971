ALTER TABLE chats ADD COLUMN slug text UNIQUE;
CREATE TABLE links (slug text REFERENCES chats (slug));
GRANT SELECT ON links TO purge;
