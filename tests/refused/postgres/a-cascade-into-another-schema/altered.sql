CREATE SCHEMA attic;
CREATE TABLE attic.parts (id bigint PRIMARY KEY, chat_id bigint NOT NULL REFERENCES chats (id) ON DELETE CASCADE);
GRANT USAGE ON SCHEMA attic TO purge;
GRANT SELECT, DELETE ON attic.parts TO purge;
