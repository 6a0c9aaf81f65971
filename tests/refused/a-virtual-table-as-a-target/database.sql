CREATE TABLE chats (id INTEGER PRIMARY KEY, title TEXT, updated_at TEXT NOT NULL);
CREATE VIRTUAL TABLE search USING fts5 (title, updated_at);
INSERT INTO chats VALUES (1, 'How are you?', '2026-01-01 00:00:00');
INSERT INTO search SELECT title, updated_at FROM chats;
