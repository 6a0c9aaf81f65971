CREATE TABLE chats (id INTEGER PRIMARY KEY, org_id TEXT, created_at INTEGER NOT NULL);
INSERT INTO chats VALUES (1, 'acme', 1767225600), (2, 'acme', 1795219200);
CREATE TABLE messages (id INTEGER PRIMARY KEY, chat_id INTEGER, org_id TEXT);
INSERT INTO messages VALUES (1, 1, 'acme'), (2, 2, 'acme');
