DROP INDEX messages_by_chat;
INSERT INTO messages SELECT i, 1 + i % 2 FROM generate_series(10, 10010) i;
