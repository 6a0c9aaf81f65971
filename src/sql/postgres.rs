//! What only PostgreSQL is told: how a transaction begins, arrays of keys, walks along blocks.

mod blocks;
mod bulk;
mod catalog;
mod commit;
mod compile;
mod due;
mod pressure;
mod strangers;
mod tenants;
mod walk;

pub use blocks::{Blocks, Due, NEVER_GOES, delete_due, wait_little};
pub use bulk::{
    GOES, NOT_SELECTED, bound, claim_due, delete_at, earliest, is_judged_alone, judge_locked,
    take_locked,
};
pub use catalog::{
    columns, descendants, foreign_keys, indexes, login, rows_about, tables, triggers,
};
pub use commit::{commit, commit_and_tell, identity, settled};
pub use compile::{assignment, compiled, pointing, type_of, type_of_condition};
pub use due::{by_row, judge_by_row, tenants_of};
pub use pressure::pressure;
pub use strangers::strange_operators;
pub use tenants::{known_tenants, tenants, tenants_between};
pub use walk::{blocks, rows_at_most, sweep_blocks, tenants_along_index};

use std::time::Duration;

use super::statement::{Binds, Statement};
use super::words::{cast, in_text, key_cast, name};
use crate::model::{Engine, Key, Table, Value};

/// An array of one column's values.
pub(super) fn array<'v>(
    table: &Table,
    column: &str,
    values: impl Iterator<Item = &'v Value>,
    binds: &mut Binds,
) -> String {
    let cast = key_cast(table, column).unwrap_or_default();
    format!("CAST({} AS {cast}[])", texts(values, binds))
}

/// An array of texts, as it is bound.
fn texts<'v>(values: impl Iterator<Item = &'v Value>, binds: &mut Binds) -> String {
    let text = |value: &Value| match value {
        Value::Garbled(_) => value.clone(),
        value => in_text(value).map_or(Value::Null, Value::Text),
    };
    binds.add_list(values.map(text).collect())
}

/// Keys as the rows of a subquery.
pub(super) fn key_list(table: &Table, keys: &[Key], binds: &mut Binds) -> String {
    unnested(&key_lists(table, keys, binds))
}

/// For each column of the key its values, and their type.
fn key_lists<'t>(table: &'t Table, keys: &[Key], binds: &mut Binds) -> Vec<(String, &'t str)> {
    let columns = table.key.iter().enumerate();
    let list = |(at, column): (usize, &'t String)| {
        let values = texts(keys.iter().map(|key| &key.0[at]), binds);
        (values, key_cast(table, column).unwrap_or_default())
    };
    columns.map(list).collect()
}

/// Lists of texts side by side, as rows of their types.
fn unnested(lists: &[(String, &str)]) -> String {
    let names: Vec<String> = (0..lists.len()).map(|at| format!("ro_k{at}")).collect();
    let typed = names.iter().zip(lists).map(|(name, (_, to))| cast(name, to));
    let unnested = lists.iter().map(|(values, _)| format!("pg_catalog.unnest({values})"));
    format!(
        "SELECT {} FROM ROWS FROM ({}) AS ro_keys ({})",
        typed.collect::<Vec<_>>().join(", "),
        unnested.collect::<Vec<_>>().join(", "),
        names.join(", ")
    )
}

/// How a transaction is to behave.
#[derive(Debug, Clone)]
pub struct Beginning {
    pub writes: bool,
    /// How long a lock of a table is waited for, and of a row before any root is locked.
    pub lock_timeout: Duration,
    pub statement_timeout: Duration,
    /// Schemas of extensions whose types the statements meet: without them `citext` compares as text.
    pub extensions: Vec<String>,
    /// As `server_version_num` has it.
    pub version: i64,
    /// Whether a statement is to go along an index, in its order.
    pub along_index: bool,
    /// Whether the database holds texts as bytes of no known encoding.
    pub bytes: bool,
}

/// How many schemas of the search path are really looked through: PostgreSQL leaves out, without a
/// word, those that the login may not use, and citext then compares as text.
const FOUND: &str = "pg_catalog.cardinality(pg_catalog.current_schemas(false))";

/// While roots are locked nobody waits longer for us.
const LOCKED: Duration = Duration::from_millis(100);

/// One message: BEGIN with its settings, and what must be true throughout. Behind a transaction
/// pooler everything else could reach another server connection than the statement that needs it.
///
/// A batch locks its tables first, which holds up nobody but who changes a schema, and then asks
/// what the plan was made for: no trigger and no foreign key can come after that.
pub fn begin(beginning: &Beginning, written: &[String], watched: Option<&str>) -> Statement {
    let Beginning {
        writes,
        lock_timeout,
        statement_timeout,
        extensions,
        version,
        along_index,
        bytes,
    } = beginning;
    let millis = |duration: &Duration| duration.as_millis().max(1).to_string();
    let mut settings = vec![
        ("TimeZone", "UTC".to_owned()),
        ("DateStyle", "ISO, MDY".to_owned()),
        ("IntervalStyle", "postgres".to_owned()),
        ("bytea_output", "hex".to_owned()),
        ("extra_float_digits", "1".to_owned()),
        ("standard_conforming_strings", "on".to_owned()),
        ("search_path", pinned(extensions)),
        ("row_security", "off".to_owned()),
        ("jit", "off".to_owned()),
        ("transform_null_equals", "off".to_owned()),
        ("array_nulls", "on".to_owned()),
        // lc_monetary stays the database's own: what a column of type money holds follows from it.
        ("lc_time", "C".to_owned()),
        ("lc_numeric", "C".to_owned()),
        // Of what an index finds all counts.
        ("gin_fuzzy_search_limit", "0".to_owned()),
        ("statement_timeout", millis(statement_timeout)),
        ("lock_timeout", millis(lock_timeout)),
        ("idle_in_transaction_session_timeout", "30000".to_owned()),
        ("client_connection_check_interval", "5000".to_owned()),
    ];
    if *version >= 170_000 {
        settings.push(("transaction_timeout", "0".to_owned()));
    }
    if *writes {
        // Every statement of a batch goes by keys. On a table that was never analysed the planner
        // would read all of it for them.
        settings.push(("enable_seqscan", "off".to_owned()));
    }
    if *along_index {
        // On a table that was never analysed each page would gather all rows of a tenant, and sort
        // them, for the first few.
        settings.push(("enable_bitmapscan", "off".to_owned()));
        settings.push(("enable_sort", "off".to_owned()));
    }
    if *bytes {
        // Otherwise one row of another encoding fails every statement that meets it.
        settings.push(("client_encoding", "SQL_ASCII".to_owned()));
    }
    let set = |(name, value): &(&str, String)| {
        format!("pg_catalog.set_config('{name}', {}, true)", literal(value))
    };
    // What is set to read only stays so: somebody, or the provider of a full disk, has said it.
    let mode = if *writes { "" } else { " READ ONLY" };
    let mut text = format!(
        "BEGIN ISOLATION LEVEL READ COMMITTED{mode}; SELECT {}",
        settings.iter().map(set).collect::<Vec<_>>().join(", ")
    );
    if *writes {
        if !written.is_empty() {
            text += &format!("; LOCK TABLE {} IN ROW EXCLUSIVE MODE", written.join(", "));
        }
        text += &format!(
            "; SELECT pg_catalog.set_config('lock_timeout', '{}', true)",
            LOCKED.as_millis()
        );
    }
    if let Some(watched) = watched {
        text += &format!(
            "; SELECT ({watched}), {FOUND}, {}, pg_catalog.pg_current_xact_id()::pg_catalog.text",
            strangers::any()
        );
    }
    Statement::new(text, Binds::none(Engine::Postgres))
}

/// Where names are looked for that nobody has qualified: operators, and those of extension types.
fn pinned(extensions: &[String]) -> String {
    let path = extensions.iter().map(|schema| crate::model::quote(schema));
    std::iter::once("pg_catalog".to_owned()).chain(path).collect::<Vec<_>>().join(", ")
}

/// The pinned path with the login's own behind it, to the end of the transaction: one message.
///
/// Where a schema of it has operators that somebody has made, the path stays pinned: one that fits
/// better than PostgreSQL's own would be taken in its place, and rows would go by it (tried).
/// Triggers then fail aloud where they count on the path.
pub fn path(extensions: &[String], own: &str) -> Statement {
    let pinned = pinned(extensions);
    let whole = if own.trim().is_empty() { pinned.clone() } else { format!("{pinned}, {own}") };
    let set = |path: &str| format!("pg_catalog.set_config('search_path', {}, true)", literal(path));
    alone(format!(
        "SELECT {}; SELECT CASE WHEN {} THEN {} END",
        set(&whole),
        strangers::any(),
        set(&pinned)
    ))
}

/// A word to the server.
pub fn nothing() -> Statement {
    alone("BEGIN READ ONLY; COMMIT".to_owned())
}

/// A statement without parameters.
pub fn alone(text: String) -> Statement {
    Statement::new(text, Binds::none(Engine::Postgres))
}

/// The tables as a message without parameters names them.
pub fn names(tables: &[&Table]) -> Vec<String> {
    tables.iter().map(|table| name(table)).collect()
}

/// One value that changes with the schema of these tables: their columns, constraints, triggers,
/// rules, rights to see rows, and whose parts they are. A foreign key that points at them comes with
/// triggers of theirs. What a new partition brings along for itself changes nothing.
///
/// With `families` the tables' parts are looked at too, whichever there are.
pub fn schema_version(tables: &[crate::model::TableName], families: bool) -> String {
    let list = pairs(tables);
    let parts = if families {
        " UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN ro_all a ON a.oid = i.inhparent"
    } else {
        ""
    };
    format!(
        "WITH RECURSIVE ro_all(oid) AS (SELECT c.oid FROM (VALUES {list}) AS ro_names(schema, name) \
         JOIN pg_catalog.pg_namespace n ON n.nspname = CAST(ro_names.schema AS pg_catalog.name) \
         JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid \
         AND c.relname = CAST(ro_names.name AS pg_catalog.name){parts}), \
         ro_parts(part) AS (SELECT 'c' || c.oid || ':' || c.xmin::text \
         FROM pg_catalog.pg_class c JOIN ro_all USING (oid) \
         UNION ALL SELECT 'a' || a.attrelid || ':' || a.attnum || ':' || a.xmin::text \
         FROM pg_catalog.pg_attribute a JOIN ro_all r ON a.attrelid = r.oid AND a.attnum > 0 \
         UNION ALL SELECT 't' || t.oid || ':' || t.xmin::text \
         FROM pg_catalog.pg_trigger t JOIN ro_all r ON t.tgrelid = r.oid WHERE t.tgparentid = 0 \
         UNION ALL SELECT 'k' || k.oid || ':' || k.xmin::text \
         FROM pg_catalog.pg_constraint k JOIN ro_all r ON k.conrelid = r.oid WHERE k.conparentid = 0 \
         UNION ALL SELECT 'i' || i.inhrelid || ':' || i.inhparent || ':' || i.xmin::text \
         FROM pg_catalog.pg_inherits i JOIN ro_all r ON i.inhrelid = r.oid) \
         SELECT pg_catalog.md5(coalesce(pg_catalog.string_agg(part, ',' ORDER BY part COLLATE \"C\"), '')) \
         FROM ro_parts"
    )
}

/// Schemas and names in a list that is never empty.
fn pairs(tables: &[crate::model::TableName]) -> String {
    let pairs: Vec<String> = tables
        .iter()
        .map(|table| {
            let schema = table.schema.as_deref().unwrap_or(Engine::Postgres.schema());
            format!("({}, {})", literal(schema), literal(&table.name))
        })
        .collect();
    if pairs.is_empty() { "('', '')".to_owned() } else { pairs.join(", ") }
}

/// A text as a literal, whatever the server's settings.
fn literal(text: &str) -> String {
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

/// The server's clock in whole seconds, its version, and whether it may be written to.
pub fn server() -> Statement {
    Statement::new(
        "SELECT CAST(pg_catalog.date_trunc('second', pg_catalog.clock_timestamp()) AS pg_catalog.text), \
         pg_catalog.current_setting('server_version_num')::pg_catalog.int4, \
         pg_catalog.current_setting('server_version')::pg_catalog.text, pg_catalog.pg_is_in_recovery(), \
         pg_catalog.current_setting('track_counts') = 'on', \
         (SELECT s.reset_val FROM pg_catalog.pg_settings s WHERE s.name = 'search_path'), \
         pg_catalog.current_setting('session_replication_role') = 'origin', \
         pg_catalog.current_setting('server_encoding') = 'SQL_ASCII', \
         (SELECT s.setting::pg_catalog.int8 FROM pg_catalog.pg_settings s \
         WHERE s.name = 'idle_session_timeout'), \
         pg_catalog.current_setting('default_transaction_read_only') = 'on'"
            .to_owned(),
        Binds::none(Engine::Postgres),
    )
}

/// Whether lower() knows more letters than those of ASCII.
pub fn lowers_unicode() -> Statement {
    alone("SELECT pg_catalog.lower(pg_catalog.chr(196)) = pg_catalog.chr(228)".to_owned())
}

/// Rows of a table that went in this transaction so far, by whichever statement.
pub fn deleted_so_far(tables: &[&Table]) -> Statement {
    let columns = tables.iter().map(|table| deleted_of(table));
    alone(format!("SELECT {}", columns.collect::<Vec<_>>().join(", ")))
}

fn deleted_of(table: &Table) -> String {
    let literal = literal(&name(table));
    format!("pg_catalog.pg_stat_get_xact_tuples_deleted({literal}::pg_catalog.regclass)")
}
