CREATE TABLE notes (id bigint PRIMARY KEY, chat_id text);
INSERT INTO notes VALUES (1, '1');
GRANT SELECT, DELETE, UPDATE ON notes TO purge;
