//! What only PostgreSQL is told: how a transaction begins, arrays of keys, walks along blocks.

mod begin;
mod blocks;
mod bulk;
mod catalog;
mod commit;
mod compile;
mod due;
mod pressure;
mod schema;
mod strangers;
mod tenants;
mod walk;

pub use begin::{Batch, Beginning, begin, path};
pub use blocks::{Blocks, Due, NEVER_GOES, delete_due};
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
pub use schema::schema_version;
pub use strangers::strange_operators;
pub use tenants::{known_tenants, tenants, tenants_between};
pub use walk::{blocks, rows_at_most, sweep_blocks, tenants_along_index};

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
