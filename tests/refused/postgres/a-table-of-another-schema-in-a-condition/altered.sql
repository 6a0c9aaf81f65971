CREATE SCHEMA attic;
CREATE TABLE attic.holds_now (chat_id bigint);
GRANT USAGE ON SCHEMA attic TO purge;
GRANT SELECT ON attic.holds_now TO purge;
