CREATE TABLE notes (id bigint PRIMARY KEY, chat_id bigint REFERENCES chats (id) ON DELETE SET NULL);
INSERT INTO notes SELECT i, 2 FROM generate_series(1, 40000) i;
