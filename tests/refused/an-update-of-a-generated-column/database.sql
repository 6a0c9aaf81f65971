CREATE TABLE chats (
    id INTEGER PRIMARY KEY,
    archived INTEGER NOT NULL,
    updated_at TEXT NOT NULL,
    shown INTEGER GENERATED ALWAYS AS (NOT archived)
);
INSERT INTO chats (id, archived, updated_at) VALUES (1, 0, '2026-01-01 00:00:00');
