//! What a run costs on SQLite, by the steps of its machine, and in memory on both engines: it follows what is expired, not
//! what is there.

mod memory;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use retention_operator::run::Unwatched;
use serde_json::Value as Json;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::bed::{Bed, elsewhere};

/// Hears what a session says of itself when it ends.
#[derive(Clone, Default)]
struct Ticks(Arc<AtomicU64>);

impl Visit for Ticks {
    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "ticks" {
            self.0.fetch_add(value, Ordering::Relaxed);
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}

impl Subscriber for Ticks {
    fn enabled(&self, about: &Metadata<'_>) -> bool {
        about.target() == "retention_operator::database::sqlite"
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn event(&self, event: &Event<'_>) {
        event.record(&mut self.clone());
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// Chats of acme and nine others, whose ages are this expression of i, and no messages.
fn bed(rows: u64, tenants: u64, age: &str, index: bool) -> Bed {
    let drop = if index { "" } else { "DROP INDEX chats_age;" };
    let bed = Bed::new();
    let rows = format!(
        "DELETE FROM messages; DELETE FROM chats; {drop}
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
         INSERT INTO chats (id, org, updated_at) SELECT i, 'o' || (i % {tenants}), {age} FROM n;"
    );
    elsewhere(&bed.database(), &rows).unwrap();
    bed
}

/// Tens of thousands of steps, and how many rows went.
fn costs(bed: &Bed, batch: usize) -> (u64, u64) {
    let ticks = Ticks::default();
    let outcome = tracing::subscriber::with_default(ticks.clone(), || bed.run(batch, &Unwatched));
    assert_eq!(outcome.exit, 0, "{:?} {:?}", outcome.refusals, outcome.unreachable);
    let told = serde_json::to_value(&outcome.reports[0]).unwrap();
    let target: &Json = &told["status"]["targets"][0];
    (ticks.0.load(Ordering::Relaxed), target["rows"]["deleted"].as_u64().unwrap())
}

const YOUNG: &str = "1795000000 + i % 1000";
const SIXTY_OF_100: &str = "CASE WHEN i * 7919 % 100 < 60 THEN 1600000000 + i * 104729 % 1000003 ELSE 1795000000 + i % 1000 END";

#[test]
fn where_nothing_is_expired_ten_times_the_rows_cost_the_same() {
    let (few, _) = costs(&bed(10_000, 10, YOUNG, true), 500);
    let (many, _) = costs(&bed(100_000, 10, YOUNG, true), 500);
    assert!(many <= few + 1, "{few}, of ten times the rows {many}");
}

#[test]
fn one_row_of_a_thousand_costs_by_the_rows_that_go_and_not_by_the_table() {
    let age = format!("CASE WHEN i % 1000 = 7 THEN 1600000000 + i ELSE {YOUNG} END");
    let (few, ten) = costs(&bed(10_000, 10, &age, true), 500);
    let (many, hundred) = costs(&bed(100_000, 10, &age, true), 500);
    assert_eq!((ten, hundred), (10, 100));
    assert!(many <= few + 90 * 500 / 10_000 + 1, "{few}, of ten times the rows {many}");
}

#[test]
fn a_backlog_costs_so_many_steps_a_row_whatever_the_table() {
    for index in [true, false] {
        let each = |rows| {
            let (ticks, gone) = costs(&bed(rows, 10, SIXTY_OF_100, index), 1_000);
            assert_eq!(gone, rows / 10 * 6);
            ticks as f64 * 10_000.0 / gone as f64
        };
        let (few, many) = (each(5_000), each(50_000));
        let told = format!("{few:.0} steps a row, {many:.0} of ten times as many: {index}");
        assert!(many <= few * 1.1 && many < 120.0, "{told}");
    }
}

#[test]
fn without_an_index_the_table_is_read_by_passes_and_not_by_batches() {
    let (idle, _) = costs(&bed(50_000, 10, YOUNG, false), 1_000);
    // Once for the tenants, once for the rows, a few steps each.
    assert!(idle < 7 + 50_000 * 20 / 10_000, "{idle}");
    let by = |batch| costs(&bed(50_000, 10, SIXTY_OF_100, false), batch).0;
    let (large, small) = (by(2_000), by(200));
    assert!(small * 10 <= large * 11, "{large}, by batches of a tenth {small}");
}

#[test]
fn ten_thousand_tenants_cost_one_walk_and_what_is_due() {
    let cost = |rows, due: u64| {
        let age =
            format!("CASE WHEN i % 10000 < {due} AND i <= 10000 THEN 1600000000 ELSE {YOUNG} END");
        let (ticks, gone) = costs(&bed(rows, 10_000, &age, true), 500);
        assert_eq!(gone, due);
        ticks
    };
    let (idle, more) = (cost(10_000, 0), cost(100_000, 0));
    assert!(idle <= 7 + 10_000 * 60 / 10_000, "{idle}");
    assert!(more <= idle + 1, "{idle}, of ten times the rows {more}");
    let hundred = cost(10_000, 100);
    assert!(
        hundred <= idle + 200 * 500 / 10_000,
        "{idle}, of which 100 have something due {hundred}"
    );
}
