CREATE TABLE logs (id bigint, note text, updated_at timestamptz NOT NULL) PARTITION BY RANGE (updated_at);
CREATE TABLE logs_one PARTITION OF logs FOR VALUES FROM ('2026-01-01Z') TO ('2026-02-01Z');
GRANT SELECT, DELETE, UPDATE ON logs TO purge;
GRANT SELECT ON logs_one TO purge;
