CREATE TABLE pins (chat_id bigint REFERENCES chats (id));
INSERT INTO pins SELECT 2 FROM generate_series(1, 10001);
GRANT SELECT ON pins TO purge;
