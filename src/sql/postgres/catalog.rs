//! PostgreSQL's catalog. Tables are told apart by their oid, the first column of every answer.

use crate::model::{Engine, TableName};
use crate::sql::statement::{Binds, Statement};

fn statement(text: &str) -> Statement {
    Statement::new(text.to_owned(), Binds::none(Engine::Postgres))
}

/// Whoever we are; then who is a superuser or sees through row-level security, we ourselves or
/// somebody whom we may become, and whether it is the former: a trigger on a purged table runs with
/// these rights.
pub fn login() -> Statement {
    statement(
        "SELECT CURRENT_USER::pg_catalog.text, p.rolname::pg_catalog.text, p.rolsuper FROM (VALUES (1)) one \
         LEFT JOIN LATERAL (SELECT r.rolname, r.rolsuper FROM pg_catalog.pg_roles r \
          WHERE (r.rolsuper OR r.rolbypassrls) AND pg_catalog.pg_has_role(CURRENT_USER, r.oid, 'MEMBER') \
          ORDER BY r.rolname <> CURRENT_USER, NOT r.rolsuper, r.rolname LIMIT 1) p ON true",
    )
}

/// What all statements of this file leave out.
const OURS: &str = "n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') \
     AND n.nspname NOT LIKE 'pg\\_temp\\_%' AND n.nspname NOT LIKE 'pg\\_toast\\_temp\\_%'";

/// Schema, name, kind, its rules in lines (relhasrules stays true when they are dropped), whether it
/// hides rows, is published without an identity; then the login's rights: USAGE of the schema,
/// SELECT, DELETE, UPDATE, and UPDATE of some column.
pub fn tables() -> Statement {
    statement(&format!(
        "WITH ro_published AS (SELECT DISTINCT t.schemaname, t.tablename \
         FROM pg_catalog.pg_publication_tables t \
         JOIN pg_catalog.pg_publication p ON p.pubname = t.pubname WHERE p.pubdelete OR p.pubupdate) \
         SELECT c.oid::pg_catalog.int8, n.nspname::pg_catalog.text, c.relname::pg_catalog.text, \
         c.relkind::pg_catalog.text, \
         (SELECT pg_catalog.string_agg(r.rulename::pg_catalog.text, pg_catalog.chr(10) ORDER BY r.rulename) \
          FROM pg_catalog.pg_rewrite r WHERE r.ev_class = c.oid AND r.rulename <> '_RETURN' AND r.ev_enabled IN ('O', 'A')), \
         pg_catalog.row_security_active(c.oid), \
         EXISTS (SELECT 1 FROM ro_published p \
          WHERE p.schemaname = n.nspname AND p.tablename = c.relname) \
         AND (c.relreplident = 'n' OR c.relreplident = 'd' AND NOT EXISTS \
          (SELECT 1 FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND i.indisprimary)), \
         pg_catalog.has_schema_privilege(n.oid, 'USAGE'), \
         pg_catalog.has_table_privilege(c.oid, 'SELECT'), \
         pg_catalog.has_table_privilege(c.oid, 'DELETE'), \
         pg_catalog.has_table_privilege(c.oid, 'UPDATE'), \
         pg_catalog.has_any_column_privilege(c.oid, 'UPDATE') \
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND {OURS} ORDER BY 2, 3"
    ))
}

/// A type's name; with its schema where it is only called like one of the server's own.
pub(super) fn type_name(kind: &str) -> String {
    format!(
        "CASE WHEN {kind}.typnamespace <> 'pg_catalog'::pg_catalog.regnamespace AND EXISTS (\
          SELECT 1 FROM pg_catalog.pg_type o WHERE o.typname = {kind}.typname \
          AND o.typnamespace = 'pg_catalog'::pg_catalog.regnamespace) \
         THEN {kind}.typnamespace::pg_catalog.regnamespace::pg_catalog.text || '.' || {kind}.typname \
         ELSE {kind}.typname::pg_catalog.text END"
    )
}

/// Name, type and its cast (of a domain, those of its base), whether the database computes it,
/// the schema of the extension its type comes from, or that of its elements, whether unlike texts
/// may be equal to it, whether it says in which partition a row lies, whether the login may not
/// change it, whether it may use the schema of the type, and the collation.
pub fn columns() -> Statement {
    statement(&format!(
        "WITH RECURSIVE ro_base(type, base) AS (SELECT t.oid, t.oid FROM pg_catalog.pg_type t \
         WHERE t.typtype <> 'd' UNION ALL SELECT d.oid, b.base FROM pg_catalog.pg_type d \
         JOIN ro_base b ON b.type = d.typbasetype WHERE d.typtype = 'd'), \
         ro_extended AS (SELECT b.type, n.nspname FROM pg_catalog.pg_depend d \
         JOIN ro_base b ON b.base = d.objid JOIN pg_catalog.pg_type t ON t.oid = b.base \
         JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace \
         WHERE d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass AND d.deptype = 'e' \
         AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass) \
         SELECT a.attrelid::pg_catalog.int8, a.attname::pg_catalog.text, {}, \
         pg_catalog.quote_ident(tn.nspname) || '.\"' || pg_catalog.replace(t.typname, '\"', '\"\"') || '\"', \
         a.attgenerated <> '' OR a.attidentity = 'a', \
         (SELECT x.nspname::pg_catalog.text FROM ro_extended x \
          WHERE x.type IN (t.oid, t.typelem) LIMIT 1), \
         coalesce((SELECT NOT k.collisdeterministic FROM pg_catalog.pg_collation k \
          WHERE k.oid = a.attcollation), false), \
         EXISTS (SELECT 1 FROM pg_catalog.pg_partitioned_table p WHERE p.partrelid = a.attrelid \
          AND a.attnum::pg_catalog.int2 = ANY (p.partattrs::pg_catalog.int2[])), \
         NOT pg_catalog.has_column_privilege(c.oid, a.attnum, 'UPDATE'), \
         pg_catalog.has_schema_privilege(tn.oid, 'USAGE'), \
         (SELECT pg_catalog.quote_ident(cn.nspname) || '.' || pg_catalog.quote_ident(k.collname) \
          FROM pg_catalog.pg_collation k JOIN pg_catalog.pg_namespace cn ON cn.oid = k.collnamespace \
          WHERE k.oid = a.attcollation) \
         FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         JOIN ro_base b ON b.type = a.atttypid JOIN pg_catalog.pg_type t ON t.oid = b.base \
         JOIN pg_catalog.pg_namespace tn ON tn.oid = t.typnamespace \
         WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v', 'm', 'f') \
         AND {OURS} ORDER BY a.attrelid, a.attnum",
        type_name("t")
    ))
}

/// Index, whether it is the primary key, unique, and fit to tell rows apart (unique at once, of
/// all rows, without NULL), and its columns in order: NULL for an expression, and for a column that
/// it compares or sorts otherwise than a statement does; with each whether it goes down. Only indexes
/// of all rows that can be walked in order.
pub fn indexes() -> Statement {
    statement(&format!(
        "SELECT i.indrelid::pg_catalog.int8, i.indexrelid::pg_catalog.int8, i.indisprimary, \
         i.indisunique, i.indisunique AND i.indimmediate AND NOT EXISTS (\
          SELECT 1 FROM pg_catalog.unnest(i.indkey) WITH ORDINALITY AS x(attnum, at) \
          LEFT JOIN pg_catalog.pg_attribute xa ON xa.attrelid = i.indrelid AND xa.attnum = x.attnum \
          WHERE x.at <= i.indnkeyatts AND (x.attnum = 0 OR NOT xa.attnotnull)), \
         CASE WHEN i.indcollation[k.at - 1] = a.attcollation AND i.indoption[k.at - 1] IN (0, 3) \
          AND EXISTS (SELECT 1 FROM pg_catalog.pg_opclass o JOIN pg_catalog.pg_opclass d \
          ON d.opcmethod = o.opcmethod AND d.opcintype = o.opcintype AND d.opcdefault \
          WHERE o.oid = i.indclass[k.at - 1] AND o.opcfamily = d.opcfamily) \
          THEN a.attname::pg_catalog.text END, i.indoption[k.at - 1] = 3 \
         FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indrelid \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         JOIN pg_catalog.pg_class ic ON ic.oid = i.indexrelid \
         JOIN pg_catalog.pg_am m ON m.oid = ic.relam AND m.amname = 'btree' \
         CROSS JOIN LATERAL pg_catalog.unnest(i.indkey) WITH ORDINALITY AS k(attnum, at) \
         LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum \
         WHERE i.indisvalid AND i.indpred IS NULL AND k.at <= i.indnkeyatts AND {OURS} \
         ORDER BY i.indrelid, i.indexrelid, k.at"
    ))
}

/// Key, referenced table, own column, referenced column, action, and whether that would leave the
/// column without a value that it needs. Of a partitioned table the keys
/// of its own, and not what each partition has of them. A key that is not enforced is none.
pub fn foreign_keys() -> Statement {
    statement(
        "SELECT k.conrelid::pg_catalog.int8, k.oid::pg_catalog.int8, k.confrelid::pg_catalog.int8, \
         a.attname::pg_catalog.text, f.attname::pg_catalog.text, k.confdeltype::pg_catalog.text, \
         k.confdeltype IN ('n', 'd') AND (a.attnotnull OR t.typnotnull) \
         AND (k.confdeltype = 'n' OR NOT a.atthasdef AND t.typdefault IS NULL) \
         AND coalesce(nullif(pg_catalog.to_jsonb(k) -> 'confdelsetcols', 'null') \
          @> pg_catalog.to_jsonb(p.own), true) \
         FROM pg_catalog.pg_constraint k \
         CROSS JOIN LATERAL ROWS FROM (pg_catalog.unnest(k.conkey), pg_catalog.unnest(k.confkey)) \
          WITH ORDINALITY AS p(own, theirs, at) \
         JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = p.own \
         JOIN pg_catalog.pg_type t ON t.oid = a.atttypid \
         JOIN pg_catalog.pg_attribute f ON f.attrelid = k.confrelid AND f.attnum = p.theirs \
         WHERE k.contype = 'f' AND k.conparentid = 0 \
         AND coalesce((pg_catalog.to_jsonb(k) ->> 'conenforced')::pg_catalog.bool, true) \
         ORDER BY k.conrelid, k.oid, p.at",
    )
}

/// Name, whether it fires on DELETE, on UPDATE. Those of foreign keys are not triggers that
/// anybody wrote.
pub fn triggers() -> Statement {
    statement(
        "SELECT t.tgrelid::pg_catalog.int8, t.tgname::pg_catalog.text, t.tgtype & 8 > 0, \
         t.tgtype & 16 > 0 FROM pg_catalog.pg_trigger t \
         WHERE NOT t.tgisinternal AND t.tgenabled IN ('O', 'A') ORDER BY t.tgname",
    )
}

/// About how many rows a table has that may not be read: by its statistics, and without any by its
/// size.
pub fn rows_about(table: &TableName) -> Statement {
    let schema = super::literal(table.schema.as_deref().unwrap_or_default());
    let name = super::literal(&table.name);
    statement(&format!(
        "SELECT CASE WHEN c.reltuples > 0 AND c.relpages > 0 \
         THEN c.reltuples / c.relpages * b.blocks ELSE b.blocks * 60 END::pg_catalog.int8 \
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         CROSS JOIN LATERAL (SELECT pg_catalog.pg_relation_size(c.oid) \
         / pg_catalog.current_setting('block_size')::pg_catalog.int8) AS b(blocks) \
         WHERE n.nspname = {schema} AND c.relname = {name}"
    ))
}

/// Every table that inherits from a table, through whatever generations: the ancestor's oid, the
/// heir's, and whether it is a partition.
pub fn descendants() -> Statement {
    statement(
        "WITH RECURSIVE ro_family(ancestor, heir) AS (SELECT i.inhparent, i.inhrelid \
         FROM pg_catalog.pg_inherits i UNION SELECT f.ancestor, i.inhrelid \
         FROM ro_family f JOIN pg_catalog.pg_inherits i ON i.inhparent = f.heir) \
         SELECT f.ancestor::pg_catalog.int8, f.heir::pg_catalog.int8, c.relispartition FROM ro_family f \
         JOIN pg_catalog.pg_class c ON c.oid = f.heir WHERE c.relkind IN ('r', 'p', 'f') ORDER BY 1, 2",
    )
}
