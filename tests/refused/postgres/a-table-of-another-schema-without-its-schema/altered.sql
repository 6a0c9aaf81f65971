CREATE SCHEMA attic;
CREATE TABLE attic.events (id bigint PRIMARY KEY, updated_at timestamptz);
GRANT USAGE ON SCHEMA attic TO purge;
GRANT SELECT, DELETE, UPDATE ON attic.events TO purge;
