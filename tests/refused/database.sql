CREATE TABLE chats (
    id INTEGER PRIMARY KEY,
    org_id TEXT,
    status TEXT NOT NULL,
    pin_order INTEGER NOT NULL DEFAULT 0,
    archived INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    updated_at TEXT NOT NULL
);
INSERT INTO chats VALUES
    (1, 'acme', 'finished', 0, 0, 1767225600, '2026-01-01 00:00:00'),
    (2, 'acme', 'finished', 1, 0, 1767225600, '2026-01-01 00:00:00'),
    (3, 'initech', 'running', 0, 0, 1767225600, '2026-01-01 00:00:00'),
    (4, 'initech', 'finished', 0, 0, 1795219200, '2026-11-21 00:00:00');

CREATE TABLE settings (org_id TEXT, name TEXT NOT NULL, value TEXT);
INSERT INTO settings VALUES ('acme', 'chat_days', '365'), ('initech', 'color', 'blue');

CREATE TABLE secrets (org_id TEXT, value TEXT);
INSERT INTO secrets VALUES ('acme', 'swordfish');
