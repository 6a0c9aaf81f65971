ALTER TABLE holds ADD COLUMN at timestamptz;
REVOKE SELECT ON holds FROM purge;
