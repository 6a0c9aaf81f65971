CREATE TABLE chats (
    id bigint PRIMARY KEY, org text NOT NULL, status text NOT NULL, title text, archived boolean NOT NULL DEFAULT false,
    meta jsonb, created_at timestamp, seen_on date, finished_at bigint, updated_at timestamptz NOT NULL);
CREATE INDEX chats_by_age ON chats (updated_at);
CREATE TABLE messages (id bigint PRIMARY KEY, chat_id bigint NOT NULL REFERENCES chats (id), body text);
CREATE INDEX messages_by_chat ON messages (chat_id);
CREATE TABLE holds (chat_id bigint);
CREATE TABLE settings (org text PRIMARY KEY, days int NOT NULL);
INSERT INTO chats (id, org, status, title, created_at, seen_on, finished_at, updated_at) VALUES
    (1, 'acme', 'finished', 'first', '2026-01-01', '2026-01-01', 1767225600, '2026-01-01Z'),
    (2, 'acme', 'running', 'second', '2026-01-01', '2026-01-01', 1767225600, '2026-01-01Z');
INSERT INTO messages VALUES (1, 1, 'hello'), (2, 1, 'goodbye'), (3, 2, 'hello');
INSERT INTO settings VALUES ('acme', 90);
GRANT USAGE ON SCHEMA public TO purge;
GRANT SELECT, DELETE, UPDATE ON chats, messages TO purge;
GRANT SELECT ON holds, settings TO purge;
