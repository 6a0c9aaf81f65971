CREATE TABLE chats (id INTEGER PRIMARY KEY, status TEXT NOT NULL, updated_at TEXT NOT NULL);
CREATE TABLE messages (id INTEGER PRIMARY KEY, chat_id INTEGER NOT NULL REFERENCES chats (id) ON DELETE SET NULL, body TEXT);
CREATE INDEX messages_by_chat ON messages (chat_id);
INSERT INTO chats VALUES (1, 'finished', '2026-01-01 00:00:00'), (2, 'running', '2026-01-01 00:00:00');
INSERT INTO messages VALUES (1, 1, 'hello'), (2, 1, 'goodbye'), (3, 2, 'hello');
