//! Runs that are due and not over yet.

use std::cell::Cell;
use std::collections::BTreeMap;

use retention_operator::run::{Point, Watch};

use super::bed::{Bed, both};
use crate::postgres::client;

const RUNS: &str = "SELECT org(1, 30); SELECT run(i, 1, '90 days') FROM generate_series(10, 19) i;
                    SELECT run(20, 1, '1 day');";

/// Does something when a run comes to a point for the first time.
pub struct Once<F> {
    at: Point,
    act: F,
    done: Cell<bool>,
}

impl<F: Fn()> Once<F> {
    pub fn at(at: Point, act: F) -> Self {
        Self { at, act, done: Cell::new(false) }
    }
}

impl<F: Fn()> Watch for Once<F> {
    fn reached(&self, point: Point) {
        if point == self.at && !self.done.replace(true) {
            (self.act)();
        }
    }
}

#[test]
fn a_run_with_something_queued_at_work_or_asked_for_is_held_and_counted_by_why() {
    let sql = format!(
        "{RUNS} INSERT INTO workflow_node_queue_items VALUES (u(1), u(1), '', NULL, NULL, utc('0'), u(10)), (u(2), u(1), '', NULL, NULL, utc('0'), u(20));
         UPDATE workflow_node_executions SET state = 'pending' WHERE id = u(111);
         UPDATE workflow_node_executions SET state = 'started' WHERE id = u(122);
         UPDATE workflow_node_executions SET state = 'cancelling' WHERE id = u(132);
         UPDATE workflow_node_executions SET state = 'cancelled' WHERE id = u(142);
         UPDATE workflow_node_requests SET state = 'pending' WHERE id IN (u(151), u(101));
         -- This one is nobody's.
         INSERT INTO workflow_node_requests (id, workflow_id, state, type, run_at, created_at, updated_at, node_id)
             VALUES (u(1), u(1), 'pending', '', utc('9 days'), utc('9 days'), utc('9 days'), '');"
    );
    both(&sql, |bed| {
        for said in [bed.dry_run("event-runs"), bed.purge("event-runs")] {
            said.assert_done();
            let target = said.target();
            assert_eq!((target.rows.selected, target.rows.deleted), (10, 5));
            // Under the first that holds.
            let expected = [("at-work", 3), ("queued", 1), ("requested", 1)];
            let expected: BTreeMap<_, _> =
                expected.map(|(why, rows)| (why.to_owned(), rows)).into();
            assert_eq!(target.kept.held, expected);
            assert_eq!(
                target.kept.referenced,
                Some(0),
                "what waits in a queue holds, and nothing is overdue"
            );
            assert_eq!(target.overdue.as_ref().map_or(0, |overdue| overdue.rows), 0);
        }
        assert_eq!(bed.runs(), [10, 11, 12, 13, 15, 20]);
        assert_eq!(bed.left("workflow_node_queue_items"), [1, 2]);
    });
}

#[test]
fn a_run_that_gets_something_to_do_after_it_was_found_is_held() {
    for sql in [
        "INSERT INTO workflow_node_queue_items VALUES (u(1), u(1), '', NULL, NULL, utc('0'), u(15))",
        "UPDATE workflow_node_executions SET state = 'started' WHERE id = u(151)",
        "UPDATE workflow_node_requests SET state = 'pending' WHERE id = u(152)",
        "INSERT INTO workflow_node_executions VALUES (u(159), u(1), '', NULL, NULL, NULL, 'pending', NULL, utc('0'), utc('0'), u(15))",
        "UPDATE workflow_runs SET state = 'started' WHERE id = u(15)",
        "UPDATE workflow_runs SET finished_at = utc('720:00:00') WHERE id = u(15)",
        "UPDATE workflow_runs SET workflow_id = u(2) WHERE id = u(15)",
        "INSERT INTO workflow_runs VALUES (u(30), u(1), 'started', NULL, utc('0'), utc('0'), NULL, u(15))",
    ] {
        let Some(bed) = Bed::new(&format!("{RUNS} SELECT org(2, NULL);")) else { return };
        let act = || client::elsewhere(&bed.database.own_url(), sql).unwrap();
        let said = bed.ask("event-runs", false, &Once::at(Point::Found, act));
        said.assert_done();
        assert_eq!(said.target().rows.deleted, 9, "{sql}");
        assert!(bed.runs().contains(&15), "{sql}");
        assert!(bed.left("workflow_events").contains(&151), "{sql}");
    }
}

#[test]
fn a_window_that_goes_counts_from_the_next_run() {
    let Some(bed) = Bed::new(RUNS) else { return };
    bed.purge("event-runs").assert_done();
    assert_eq!(bed.runs(), [20]);
    bed.database.execute("SELECT run(i, 1, '90 days') FROM generate_series(10, 19) i; UPDATE organizations SET usage_retention_window_days = NULL;");
    bed.purge("event-runs").assert_done();
    assert_eq!(bed.runs().len(), 11);
}

#[test]
fn a_run_that_somebody_has_in_hand_is_left_to_the_next_time() {
    both(RUNS, |bed| {
        let hand = bed.database.holding("SELECT 1 FROM workflow_runs WHERE id = u(15) FOR UPDATE");
        let said = bed.purge("event-runs");
        assert_eq!(said.target().rows.deleted, 9, "{said:#?}");
        assert_eq!(said.target().kept.locked, Some(1), "{said:#?}");
        drop(hand);
        bed.purge("event-runs").assert_done();
        assert_eq!(bed.runs(), [20]);
        bed.assert_whole_runs();
    });
}
