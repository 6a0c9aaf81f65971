//! What tells that a schema is not the one any more that a plan was made for.

use std::collections::BTreeMap;

use super::literal;
use crate::model::{Engine, TableName};

/// One value that changes with the schema of these tables: their columns, constraints, triggers,
/// rules, rights to see rows, and whose parts they are. A foreign key that points at them comes with
/// triggers of theirs. What a new partition brings along for itself changes nothing.
///
/// With `families` the tables' parts are looked at too, whichever there are.
pub fn schema_version(tables: &[TableName], families: bool) -> String {
    let named = named(tables);
    let parts = if families {
        " UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN ro_all a ON a.oid = i.inhparent"
    } else {
        ""
    };
    // Each batch has it planned anew: lists take half as long as joins.
    let any = "= ANY ((SELECT ro_list.oids FROM ro_list)::pg_catalog.oid[])";
    format!(
        "WITH RECURSIVE ro_all(oid) AS (SELECT c.oid FROM pg_catalog.pg_class c WHERE {named}{parts}), \
         ro_list(oids) AS MATERIALIZED (SELECT pg_catalog.array_agg(ro_all.oid) FROM ro_all), \
         ro_parts(part) AS (SELECT 'c' || c.oid || ':' || c.xmin::pg_catalog.text \
         FROM pg_catalog.pg_class c WHERE c.oid {any} \
         UNION ALL SELECT 'a' || a.attrelid || ':' || a.attnum || ':' || a.xmin::pg_catalog.text \
         FROM pg_catalog.pg_attribute a WHERE a.attrelid {any} AND a.attnum > 0 \
         UNION ALL SELECT 't' || t.oid || ':' || t.xmin::pg_catalog.text \
         FROM pg_catalog.pg_trigger t WHERE t.tgrelid {any} AND t.tgparentid = 0 \
         UNION ALL SELECT 'k' || k.oid || ':' || k.xmin::pg_catalog.text \
         FROM pg_catalog.pg_constraint k WHERE k.conrelid {any} AND k.conparentid = 0 \
         UNION ALL SELECT 'i' || i.inhrelid || ':' || i.inhparent || ':' || i.xmin::pg_catalog.text \
         FROM pg_catalog.pg_inherits i WHERE i.inhrelid {any}) \
         SELECT pg_catalog.md5(coalesce(pg_catalog.string_agg(part, ',' ORDER BY part COLLATE \"C\"), '')) \
         FROM ro_parts"
    )
}

/// A condition that finds these tables in `pg_class`, by schema.
pub(super) fn named(tables: &[TableName]) -> String {
    let mut by_schema: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for table in tables {
        let schema = table.schema.as_deref().unwrap_or(Engine::Postgres.schema());
        by_schema.entry(schema).or_default().push(literal(&table.name));
    }
    let named = by_schema.into_iter().map(|(schema, names)| {
        format!(
            "c.relnamespace = (SELECT n.oid FROM pg_catalog.pg_namespace n WHERE n.nspname = {}) \
             AND c.relname = ANY (CAST(ARRAY[{}] AS pg_catalog.name[]))",
            literal(schema),
            names.join(", ")
        )
    });
    let named: Vec<String> = named.collect();
    if named.is_empty() { "FALSE".to_owned() } else { format!("({})", named.join(" OR ")) }
}
