//! What PostgreSQL is asked between batches.
//!
//! Not by its views (`pg_locks`, `pg_replication_slots`, `pg_stat_replication`) but by the functions
//! that they show: a session that is new would read the catalog for everything else in them.

use super::{alone, pairs};
use crate::model::Table;
use crate::sql::statement::Statement;

/// Others wait for a lock that a batch, too, would have to stand in line for. Who waits to VACUUM is
/// in nobody's way.
fn waiters(tables: &[&Table]) -> String {
    let names: Vec<_> = tables.iter().map(|table| table.name.clone()).collect();
    format!(
        "EXISTS (SELECT 1 FROM pg_catalog.pg_lock_status() l WHERE NOT l.granted AND l.locktype = 'relation' \
         AND l.mode <> 'ShareUpdateExclusiveLock' AND l.database = \
          (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()) \
         AND EXISTS (SELECT 1 FROM pg_catalog.pg_class c \
          JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = l.relation \
          AND (n.nspname::pg_catalog.text, c.relname::pg_catalog.text) IN ({})))",
        pairs(&names)
    )
}

/// The login, whether others wait for these tables, and a row for each server that follows: its
/// name, its state (NULL: the login may not see it), whether it is a subscriber, how far the log was
/// written and replayed, in bytes, and how many milliseconds are in between.
///
/// A backup is no replica, and neither is who only keeps the log, as `pg_receivewal` does: it tells
/// what it wrote and never what it replayed. Where nobody follows, the log is not asked for: not
/// every service that looks like PostgreSQL has one.
pub fn pressure(tables: &[&Table]) -> Statement {
    let bytes = |position: &str| {
        format!("pg_catalog.pg_wal_lsn_diff({position}, '0/0'::pg_catalog.pg_lsn)::pg_catalog.int8")
    };
    let (written, replayed) =
        (bytes("pg_catalog.pg_current_wal_flush_lsn()"), bytes("r.replay_lsn"));
    let waiters = waiters(tables);
    alone(format!(
        "SELECT pg_catalog.quote_ident(CURRENT_USER)::pg_catalog.text, {waiters}, f.* FROM (VALUES (1)) one \
         LEFT JOIN (SELECT coalesce(nullif(a.application_name, ''), 'of process ' || r.pid)::pg_catalog.text, \
         r.state::pg_catalog.text, EXISTS (SELECT 1 FROM pg_catalog.pg_get_replication_slots() s \
          WHERE s.active_pid = r.pid AND s.slot_type = 'logical'), {written}, {replayed}, \
         (extract(epoch FROM r.replay_lag) * 1000)::pg_catalog.int8 \
         FROM pg_catalog.pg_stat_get_wal_senders() r \
         CROSS JOIN LATERAL pg_catalog.pg_stat_get_activity(r.pid) a WHERE r.state IS NULL OR r.state <> 'backup' \
         AND (r.replay_lsn IS NOT NULL OR r.write_lsn IS NULL)) f ON true"
    ))
}
