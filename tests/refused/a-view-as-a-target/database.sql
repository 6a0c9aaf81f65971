CREATE TABLE chats (id INTEGER PRIMARY KEY, status TEXT, updated_at TEXT NOT NULL);
CREATE VIEW finished AS SELECT * FROM chats WHERE status = 'finished';
INSERT INTO chats VALUES (1, 'finished', '2026-01-01 00:00:00'), (2, 'running', '2026-01-01 00:00:00');
