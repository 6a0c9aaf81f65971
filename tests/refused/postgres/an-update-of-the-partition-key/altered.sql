CREATE TABLE logs (id bigint, org text, archived boolean, updated_at timestamptz NOT NULL) PARTITION BY LIST (org);
CREATE TABLE logs_acme PARTITION OF logs FOR VALUES IN ('acme');
INSERT INTO logs VALUES (1, 'acme', false, '2026-01-01Z');
GRANT SELECT, DELETE, UPDATE ON logs, logs_acme TO purge;
