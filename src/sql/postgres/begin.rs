//! How a transaction begins: its settings, and what must be true throughout.

use std::time::Duration;

use super::{alone, literal, strangers};
use crate::model::Engine;
use crate::sql::statement::{Binds, Statement};

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

/// What a batch asks for beyond that.
#[derive(Debug)]
pub struct Batch<'a> {
    /// Tables to lock against changes of their schema.
    pub written: &'a [String],
    /// How long a row is waited for, once they are.
    pub row_wait: Duration,
    /// [`super::schema_version`]
    pub watched: Option<&'a str>,
}

/// How many schemas of the search path are really looked through: PostgreSQL leaves out, without a
/// word, those that the login may not use, and citext then compares as text.
const FOUND: &str = "pg_catalog.cardinality(pg_catalog.current_schemas(false))";

/// One message: BEGIN with its settings, and what must be true throughout. Behind a transaction
/// pooler everything else could reach another server connection than the statement that needs it.
///
/// A batch locks its tables first, which holds up nobody but who changes a schema, and then asks
/// what the plan was made for: no trigger and no foreign key can come after that.
pub fn begin(beginning: &Beginning, batch: Option<&Batch<'_>>) -> Statement {
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
    if let Some(Batch { written, row_wait, watched }) = batch {
        if !written.is_empty() {
            text += &format!("; LOCK TABLE {} IN ROW EXCLUSIVE MODE", written.join(", "));
        }
        text += &format!(
            "; SELECT pg_catalog.set_config('lock_timeout', '{}', true)",
            millis(row_wait)
        );
        if let Some(watched) = watched {
            // Nobody adds an operator to PostgreSQL's own schema.
            let strange = if extensions.is_empty() { "FALSE".to_owned() } else { strangers::any() };
            text += &format!(
                "; SELECT ({watched}), {FOUND}, {strange}, \
                 pg_catalog.pg_current_xact_id()::pg_catalog.text"
            );
        }
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
