//! How a batch ends, and what is asked of one whose end nobody told.

use super::{alone, literal};
use crate::sql::statement::Statement;

/// What is checked at the end of a transaction is checked before COMMIT is asked for: not earlier,
/// since of rows that point at one another some would stand in the way of the others.
pub fn commit() -> Statement {
    alone("SET CONSTRAINTS ALL IMMEDIATE; COMMIT".to_owned())
}

/// The end of a batch that took long: whether others wait for a row that it has locked.
pub fn commit_and_tell() -> Statement {
    alone(
        "SET CONSTRAINTS ALL IMMEDIATE; SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_locks l \
         WHERE NOT l.granted AND l.transactionid = \
         pg_catalog.pg_current_xact_id_if_assigned()::pg_catalog.xid); COMMIT"
            .to_owned(),
    )
}

/// Which server of a family this is. All that were copied from one have one identifier; one that
/// takes over from another begins a timeline, on which transactions may have other numbers.
const IDENTITY: &str = "CASE WHEN NOT pg_catalog.pg_is_in_recovery() THEN \
    (SELECT c.system_identifier::pg_catalog.text FROM pg_catalog.pg_control_system() c) || ':' || \
    pg_catalog.left(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 8) END";

/// NULL where the server follows another.
pub fn identity() -> Statement {
    alone(format!("SELECT {IDENTITY}"))
}

/// Which server answers, and what became of a transaction there: an error where it never had one.
pub fn settled(transaction: &str) -> Statement {
    alone(format!(
        "SELECT {IDENTITY}, CASE WHEN NOT pg_catalog.pg_is_in_recovery() THEN \
         pg_catalog.pg_xact_status({}::pg_catalog.xid8) END",
        literal(transaction)
    ))
}
