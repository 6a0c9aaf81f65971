CREATE TABLE notes (chat text);
ALTER TABLE chats ADD UNIQUE (title);
GRANT SELECT, DELETE ON notes TO purge;
