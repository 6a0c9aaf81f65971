CREATE TABLE parts (id bigint PRIMARY KEY, message_id bigint NOT NULL REFERENCES messages (id) ON DELETE CASCADE);
CREATE INDEX parts_by_message ON parts (message_id);
INSERT INTO parts VALUES (1, 1), (2, 3);
GRANT SELECT, DELETE ON parts TO purge;
