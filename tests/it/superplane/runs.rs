//! Runs of workflows: which are due, and what goes with them.

use super::bed::{Bed, both};

/// Organization 1 keeps 30 days, 2 has no window, 3 and 4 none that is one, 5 keeps one day.
const ORGS: &str = "SELECT org(1, 30); SELECT org(2, NULL); SELECT org(3, 0); SELECT org(4, -7); SELECT org(5, 1);";

/// The tables that go with a run, and nothing else.
const WITH_A_RUN: [&str; 3] =
    ["workflow_node_executions", "workflow_node_requests", "workflow_node_execution_kvs"];

impl Bed {
    /// Every run that is left is whole, and of the others there is nothing.
    pub fn assert_whole_runs(&self) {
        let of = |digits: &[i64]| -> Vec<i64> {
            self.runs()
                .iter()
                .flat_map(|run| digits.iter().map(move |digit| run * 10 + digit))
                .collect()
        };
        for table in WITH_A_RUN {
            assert_eq!(self.left(table), of(&[1, 2]), "{table}");
        }
        assert_eq!(self.left("workflow_events"), of(&[0, 1, 2]));
    }
}

#[test]
fn a_run_goes_when_it_finished_longer_ago_than_its_organizations_window_and_zero_means_for_ever() {
    let sql = format!(
        "{ORGS} SELECT run(10, 1, '720:00:00'); SELECT run(11, 1, '720:00:00.000001'); SELECT run(12, 1, '719:59:59');
         SELECT run(13, 1, '-1 hour'); SELECT run(14, 1, '400 days');
         SELECT run(20, 2, '9000 days'); SELECT run(30, 3, '9000 days'); SELECT run(40, 4, '9000 days');
         SELECT run(50, 5, '24:00:00'); SELECT run(51, 5, '24:00:01');"
    );
    both(&sql, |bed| {
        for said in [bed.dry_run("event-runs"), bed.purge("event-runs")] {
            said.assert_done();
            assert_eq!((said.target().rows.selected, said.target().rows.deleted), (3, 3));
            let windows =
                said.target().tenants.iter().map(|tenant| (&tenant.name[35..], &*tenant.window));
            let mut windows: Vec<_> = windows.collect();
            windows.sort_unstable();
            let expected =
                [("1", "30d"), ("2", "Forever"), ("3", "Forever"), ("4", "Forever"), ("5", "1d")];
            assert_eq!(windows, expected);
        }
        assert_eq!(bed.runs(), [10, 12, 13, 20, 30, 40, 50]);
        bed.assert_whole_runs();
    });
}

#[test]
fn an_organization_without_a_window_has_the_policys_default_and_one_with_zero_keeps_for_ever() {
    let sql = format!("{ORGS} SELECT run(i * 10, i, '90 days') FROM generate_series(1, 4) i;");
    both(&sql, |bed| {
        let bed = bed.with("default: Forever", "default: 60d");
        bed.purge("event-runs").assert_done();
        assert_eq!(bed.runs(), [30, 40]);
    });
}

#[test]
fn a_run_that_is_not_finished_or_does_not_say_when_stays() {
    let sql = format!(
        "{ORGS} SELECT run(i, 1, '90 days') FROM generate_series(10, 16) i;
         UPDATE workflow_runs SET state = 'pending' WHERE id = u(10); UPDATE workflow_runs SET state = 'started' WHERE id = u(11);
         UPDATE workflow_runs SET state = 'cancelling' WHERE id = u(12); UPDATE workflow_runs SET finished_at = NULL WHERE id = u(13);
         UPDATE workflow_runs SET created_at = utc('0'), updated_at = utc('0'), result = 'failed' WHERE id = u(14);
         UPDATE workflow_runs SET finished_at = '-infinity' WHERE id = u(15);"
    );
    both(&sql, |bed| {
        bed.purge("event-runs").assert_done();
        assert_eq!(bed.runs(), [10, 11, 12, 13, 15]);
        bed.assert_whole_runs();
    });
}

#[test]
fn a_run_takes_all_that_hangs_on_it_along_and_each_row_is_counted_once() {
    // An event of an execution of run 10 began run 20, which is young; events of run 10 are named by run 20's execution and
    // by what waits in its queue; so is an execution.
    let sql = format!(
        "{ORGS} SELECT run(10, 1, '90 days'); SELECT run(20, 1, '1 day');
         INSERT INTO workflow_events VALUES (u(109), u(1), NULL, '{{}}', 'routed', u(101), utc('0'), u(20));
         UPDATE workflow_node_executions SET root_event_id = u(109), event_id = u(100), previous_execution_id = u(102) WHERE id = u(201);
         INSERT INTO workflow_node_queue_items VALUES (u(1), u(1), '', u(100), u(101), utc('0'), u(20));
         INSERT INTO workflow_node_requests (id, workflow_id, state, type, run_at, created_at, updated_at, node_id)
             VALUES (u(1), u(1), 'completed', '', utc('9 days'), utc('9 days'), utc('9 days'), '');"
    );
    both(&sql, |bed| {
        for said in [bed.dry_run("event-runs"), bed.purge("event-runs")] {
            said.assert_done();
            let told: Vec<_> =
                said.target().dependents.iter().map(|d| (&*d.name, d.deleted, d.updated)).collect();
            let expected = [
                ("executions", 2, 0),
                ("requests", 2, 0),
                ("values", 2, 0),
                ("events-of-executions", 3, 0),
                ("events", 1, 0),
                ("work-orders", 0, 0),
            ];
            assert_eq!(told, expected);
        }
        assert_eq!(bed.runs(), [20]);
        assert_eq!(bed.left("workflow_node_executions"), [201, 202]);
        assert_eq!(bed.left("workflow_node_requests"), [1, 201, 202], "one hangs on no execution");
        assert_eq!(bed.left("workflow_node_execution_kvs"), [201, 202]);
        assert_eq!(bed.left("workflow_events"), [200, 201, 202], "109 was an event of what went");
        let loose = "SELECT num_nulls(root_event_id, event_id, previous_execution_id)::bigint FROM workflow_node_executions WHERE id = u(201)
                     UNION ALL SELECT num_nulls(root_event_id, event_id) FROM workflow_node_queue_items";
        assert_eq!(bed.database.numbers(loose), [3, 2]);
    });
}

#[test]
fn a_work_order_in_flight_is_cancelled_one_that_is_finished_stays_as_it_was_and_both_forget_the_run()
 {
    let sql = format!(
        "{ORGS} SELECT run(10, 1, '90 days'); SELECT run(20, 1, '1 day');
         INSERT INTO factory_work_order_executions VALUES
             (u(1), u(1), u(10), 'pending', NULL, ago('5 days')), (u(2), u(1), u(10), 'running', '', ago('5 days')),
             (u(3), u(1), u(10), 'finished', 'passed', ago('5 days')), (u(4), u(1), u(20), 'running', NULL, ago('5 days'));"
    );
    both(&sql, |bed| {
        let said = bed.purge("event-runs");
        said.assert_done();
        assert_eq!(said.target().dependents.last().unwrap().updated, 2);
        let told = "SELECT concat_ws(' ', n(id), n(run_id), status, result, updated_at = ago('0'), updated_at = ago('5 days'))
                    FROM factory_work_order_executions ORDER BY n(id)";
        assert_eq!(
            bed.database.texts(told),
            [
                "1 finished cancelled t f",
                "2 finished cancelled t f",
                "3 finished passed f t",
                "4 20 running f t"
            ]
        );
    });
}

#[test]
fn a_run_that_began_another_stays_as_long_as_that_one_and_stops_nobody_else() {
    // 10 began 11, which began 12: all old. 20 began 21, which is young. 30 and 31 are nobody's, 40 is its own.
    let sql = format!(
        "{ORGS} SELECT run(i, 1, '90 days') FROM unnest(ARRAY[10, 11, 12, 20, 30, 40]) i; SELECT run(21, 1, '1 day'); SELECT run(31, 5, '2 days');
         UPDATE workflow_runs SET parent_run_id = u(n(id) - 1) WHERE id IN (u(11), u(12), u(21));
         UPDATE workflow_runs SET parent_run_id = id WHERE id = u(40);"
    );
    both(&sql, |bed| {
        let said = bed.purge("event-runs");
        said.assert_done();
        let message = said.target().message.as_ref().unwrap();
        assert!(message.contains("workflow_runs(parent_run_id)"), "{message}");
        for gone in [12, 30, 31, 40] {
            assert!(!bed.runs().contains(&gone), "{gone}");
        }
        assert!(bed.runs().contains(&20) && bed.runs().contains(&21));
        bed.assert_whole_runs();
        // One generation at least with every run.
        for _ in 0..2 {
            bed.purge("event-runs").assert_done();
        }
        assert_eq!(bed.runs(), [20, 21]);
        bed.database
            .execute("UPDATE workflow_runs SET finished_at = utc('31 days') WHERE id = u(21)");
        for _ in 0..2 {
            bed.purge("event-runs").assert_done();
        }
        assert_eq!(bed.runs(), [0; 0]);
    });
}

#[test]
fn a_run_that_cannot_go_holds_up_no_other_and_loses_nothing() {
    let sql = format!(
        "{ORGS} SELECT run(i, 1, '90 days') FROM generate_series(10, 19) i;
         CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN IF OLD.id = public.u(142) THEN RAISE 'not this one'; END IF; RETURN OLD; END $$;
         CREATE TRIGGER keep BEFORE DELETE ON workflow_events FOR EACH ROW EXECUTE FUNCTION keep();"
    );
    both(&sql, |bed| {
        let said = bed.purge("event-runs");
        assert_eq!((said.exit(), said.target().kept.failed), (1, Some(1)), "{said:#?}");
        assert_eq!(bed.runs(), [14]);
        bed.assert_whole_runs();
    });
}
