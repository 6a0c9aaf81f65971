CREATE TABLE odd (rowid TEXT, _rowid_ TEXT, oid TEXT, updated_at TEXT NOT NULL);
CREATE TABLE chats (id INTEGER PRIMARY KEY, updated_at TEXT NOT NULL);
INSERT INTO odd VALUES ('a', 'b', 'c', '2026-01-01 00:00:00');
INSERT INTO chats VALUES (1, '2026-01-01 00:00:00');
