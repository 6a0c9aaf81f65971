CREATE COLLATION nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
ALTER TABLE chats ADD COLUMN team text COLLATE nocase;
