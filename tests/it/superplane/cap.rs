//! No more than a thousand runs at a time: the oldest of those that may go.

use retention_operator::api::Outcome;

use super::bed::both;

/// Older with the number, of two organizations.
const RUNS: &str = "SELECT org(1, 30); SELECT org(2, 60);
                    SELECT run(i, i % 2 + 1, make_interval(hours => 24 * (80 + i::int))) FROM generate_series(10, 29) i;";

#[test]
fn the_oldest_go_first_whoever_they_belong_to() {
    both(RUNS, |bed| {
        let bed = bed.with("maxRowsPerRun: 1000", "maxRowsPerRun: 7");
        for left in [23, 16, 10] {
            let said = bed.purge("event-runs");
            said.assert_done();
            assert_eq!(bed.runs(), (10..left).collect::<Vec<i64>>(), "{said:#?}");
            let capped = said.target().outcome == Some(Outcome::CapReached);
            assert_eq!(capped, left > 10, "{said:#?}");
        }
        bed.assert_whole_runs();
    });
}

#[test]
fn older_runs_that_cannot_go_starve_no_younger_one() {
    // The ten oldest are held, pointed at, or not finished.
    let sql = format!(
        "{RUNS} INSERT INTO workflow_node_queue_items SELECT u(i), u(1), '', NULL, NULL, utc('0'), u(i) FROM generate_series(24, 29) i;
         UPDATE workflow_runs SET state = 'started' WHERE id IN (u(22), u(23)); SELECT run(5, 1, '1 day'); SELECT run(6, 1, '1 day');
         UPDATE workflow_runs SET parent_run_id = u(n(id) + 15) WHERE id IN (u(5), u(6));"
    );
    both(&sql, |bed| {
        let bed = bed.with("maxRowsPerRun: 1000", "maxRowsPerRun: 4");
        for said in [bed.dry_run("event-runs"), bed.purge("event-runs")] {
            said.assert_done();
            assert_eq!(said.target().rows.deleted, 4, "{said:#?}");
        }
        let left: Vec<i64> = [5, 6].into_iter().chain(10..16).chain(20..30).collect();
        assert_eq!(bed.runs(), left);
    });
}

#[test]
fn a_thousand_and_one_take_two_runs() {
    let sql = "SELECT org(1, 30); SELECT run(i, 1, make_interval(hours => 24 * 40 + i::int)) FROM generate_series(10, 1010) i;";
    both(sql, |bed| {
        let bed = bed.batches_of(100);
        let said = bed.purge("event-runs");
        said.assert_done();
        assert_eq!((said.target().rows.deleted, bed.runs()), (1000, vec![10]));
        bed.purge("event-runs").assert_done();
        assert_eq!(bed.runs(), [0; 0]);
    });
}
