CREATE FOREIGN DATA WRAPPER other;
CREATE SERVER other FOREIGN DATA WRAPPER other;
CREATE FOREIGN TABLE old (id bigint, status text, updated_at timestamptz) SERVER other;
GRANT SELECT, DELETE, UPDATE ON old TO purge;
