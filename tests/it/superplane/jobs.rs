//! The policies beside superplane's own jobs, whose queries stand here as plain SQL: on random rows the same goes and the
//! same stays, but for what is told of their jobs at each place.

use super::bed::both;

/// The same rows for the same seed, about many edges.
fn with_seed(seed: u64, rows: &str) -> String {
    println!("seed {seed}");
    format!(
        "SELECT setseed({seed} % 1000 / 1000.0);
         CREATE FUNCTION chance(share float) RETURNS boolean LANGUAGE sql AS $$ SELECT random() < share $$;
         CREATE FUNCTION one(of anyarray) RETURNS anyelement LANGUAGE sql AS
             $$ SELECT of[1 + floor(random() * cardinality(of))::int] $$;
         -- Anywhere, or at the edge of a window.
         CREATE FUNCTION past() RETURNS interval LANGUAGE sql AS $$
             SELECT CASE WHEN chance(0.7) THEN random() * 60 * 24 * interval '1 hour'
                    ELSE one(ARRAY[7, 14, 30, 365, 3650]) * 24 * interval '1 hour' + one(ARRAY[-1, 0, 1]) * interval '1 microsecond' END $$;
         {rows}"
    )
}

fn seeds() -> [u64; 3] {
    [1, 2, fastrand::u64(..)]
}

/// The rows of a table that are there and should not be, and those that should be and are not.
fn differing(table: &str) -> String {
    format!(
        "SELECT (SELECT count(*) FROM (TABLE {table} EXCEPT ALL TABLE expected_{table}) q) + (SELECT count(*) FROM (TABLE expected_{table} EXCEPT ALL TABLE {table}) q)"
    )
}

/// Of organization 5 the window cannot be read: their job would take the default.
const CHATS: &str = "
    SELECT chat(i, 1 + floor(random() * 5)::int, past()) FROM generate_series(1, 300) i;
    UPDATE agent_chat_messages SET run_id = one((SELECT array_agg(id) FROM agent_chat_runs)) WHERE chance(0.1);
    CREATE VIEW due AS SELECT c.id FROM agent_chats c JOIN (VALUES (1, 14), (2, 3650), (3, 30)) w (org, days) ON c.org_id = u(w.org)
        WHERE c.updated_at < ago('0') - make_interval(hours => 24 * w.days);
    CREATE TABLE expected_agent_chats AS SELECT * FROM agent_chats WHERE id NOT IN (TABLE due);
    CREATE TABLE expected_agent_chat_runs AS SELECT * FROM agent_chat_runs WHERE chat_id NOT IN (TABLE due);
    CREATE TABLE expected_agent_chat_messages AS
        SELECT m.id, m.chat_id, m.message_index, m.message, m.created_at, m.updated_at, CASE WHEN r.chat_id NOT IN (TABLE due) THEN m.run_id END
        FROM agent_chat_messages m LEFT JOIN agent_chat_runs r ON r.id = m.run_id WHERE m.chat_id NOT IN (TABLE due);
    CREATE TABLE expected_agent_canvas_markdown_memory AS TABLE agent_canvas_markdown_memory;";

#[test]
fn of_random_chats_those_stay_that_their_own_query_leaves() {
    for seed in seeds() {
        both(&with_seed(seed, CHATS), |mut bed| {
            bed.windows = bed
                .windows
                .map(|windows| windows + "  0a000000-0000-4000-8000-000000000005: 30 days or so\n");
            let due = bed.database.numbers("SELECT count(*) FROM due")[0];
            assert!((50..200).contains(&due), "{due} are due");
            for said in [bed.dry_run("agent-chats"), bed.purge("agent-chats")] {
                assert_eq!((said.exit(), said.target().rows.deleted), (1, due), "{said:#?}");
            }
            for table in [
                "agent_chats",
                "agent_chat_runs",
                "agent_chat_messages",
                "agent_canvas_markdown_memory",
            ] {
                assert_eq!(bed.database.numbers(&differing(table)), [0], "{table}");
            }
        });
    }
}

/// `due` is their query, word for word but for the clock. A run that another points at makes their job end; what should
/// become of it is told by `kept`: a run stays while one that stays was begun by it, at however many removes.
const RUNS: &str = "
    SELECT org(1, 30); SELECT org(2, NULL); SELECT org(3, 0); SELECT org(4, 7); SELECT org(5, 365);
    SELECT run(i, 1 + floor(random() * 5)::int, past()) FROM generate_series(1, 250) i;
    UPDATE workflow_runs SET state = one(ARRAY['pending', 'started', 'cancelling']) WHERE chance(0.1);
    UPDATE workflow_runs SET finished_at = NULL WHERE chance(0.05);
    UPDATE workflow_runs SET parent_run_id = u(1 + floor(random() * (n(id) - 1))::int) WHERE n(id) > 1 AND chance(0.3);
    UPDATE workflow_node_executions SET state = one(ARRAY['pending', 'started', 'cancelling', 'cancelled']) WHERE chance(0.1);
    UPDATE workflow_node_requests SET state = 'pending' WHERE chance(0.1);
    UPDATE workflow_node_requests SET execution_id = NULL WHERE chance(0.05);
    INSERT INTO workflow_node_queue_items SELECT id, workflow_id, '', NULL, one((SELECT array_agg(id) FROM workflow_events)), utc('0'), id
        FROM workflow_runs WHERE chance(0.1);
    UPDATE workflow_node_executions SET previous_execution_id = one((SELECT array_agg(id) FROM workflow_node_executions)),
        event_id = one((SELECT array_agg(id) FROM workflow_events)) WHERE chance(0.2);
    -- Events of one run's executions that belong to another run.
    UPDATE workflow_events SET execution_id = one((SELECT array_agg(id) FROM workflow_node_executions)) WHERE chance(0.1);
    INSERT INTO factory_work_order_executions SELECT id, u(1), id, one(ARRAY['pending', 'running', 'finished']), 'none', ago('9 days')
        FROM workflow_runs WHERE chance(0.3);

    CREATE VIEW due AS SELECT workflow_runs.* FROM workflow_runs
        JOIN workflows ON workflow_runs.workflow_id = workflows.id
        JOIN organizations ON workflows.organization_id = organizations.id
        WHERE organizations.usage_retention_window_days IS NOT NULL AND organizations.usage_retention_window_days > 0
        AND workflow_runs.state = 'finished' AND workflow_runs.finished_at IS NOT NULL
        AND workflow_runs.finished_at + (organizations.usage_retention_window_days * INTERVAL '1 day') < utc('0')
        AND NOT EXISTS (SELECT 1 FROM workflow_node_queue_items WHERE workflow_node_queue_items.run_id = workflow_runs.id)
        AND NOT EXISTS (SELECT 1 FROM workflow_node_executions WHERE workflow_node_executions.run_id = workflow_runs.id
            AND workflow_node_executions.state IN ('pending', 'started', 'cancelling'))
        AND NOT EXISTS (SELECT 1 FROM workflow_node_requests
            INNER JOIN workflow_node_executions ON workflow_node_requests.execution_id = workflow_node_executions.id
            WHERE workflow_node_executions.run_id = workflow_runs.id AND workflow_node_requests.state = 'pending');
    CREATE TABLE was_due AS SELECT id FROM due;
    CREATE TABLE kept AS WITH RECURSIVE kept (id, parent_run_id) AS (
        SELECT id, parent_run_id FROM workflow_runs WHERE id NOT IN (SELECT id FROM due)
        UNION SELECT p.id, p.parent_run_id FROM workflow_runs p JOIN kept ON kept.parent_run_id = p.id) SELECT id FROM kept;
    CREATE TABLE kept_executions AS SELECT id FROM workflow_node_executions WHERE run_id IN (TABLE kept);

    CREATE TABLE expected_workflow_runs AS SELECT * FROM workflow_runs WHERE id IN (TABLE kept);
    CREATE TABLE expected_workflow_events AS SELECT * FROM workflow_events
        WHERE run_id IN (TABLE kept) AND (execution_id IS NULL OR execution_id IN (TABLE kept_executions));
    CREATE TABLE expected_workflow_node_executions AS
        SELECT e.id, e.workflow_id, e.node_id, (SELECT x.id FROM expected_workflow_events x WHERE x.id = e.root_event_id) AS root_event_id,
            (SELECT x.id FROM expected_workflow_events x WHERE x.id = e.event_id) AS event_id,
            (SELECT k.id FROM kept_executions k WHERE k.id = e.previous_execution_id) AS previous_execution_id,
            e.state, e.result, e.created_at, e.updated_at, e.run_id
        FROM workflow_node_executions e WHERE run_id IN (TABLE kept);
    CREATE TABLE expected_workflow_node_requests AS SELECT * FROM workflow_node_requests
        WHERE execution_id IS NULL OR execution_id IN (TABLE kept_executions);
    CREATE TABLE expected_workflow_node_execution_kvs AS SELECT * FROM workflow_node_execution_kvs WHERE execution_id IN (TABLE kept_executions);
    CREATE TABLE expected_workflow_node_queue_items AS
        SELECT q.id, q.workflow_id, q.node_id, q.root_event_id, (SELECT x.id FROM expected_workflow_events x WHERE x.id = q.event_id) AS event_id,
            q.created_at, q.run_id
        FROM workflow_node_queue_items q;
    CREATE TABLE expected_factory_work_order_executions AS
        SELECT id, organization_id, run_id, status, result, updated_at FROM factory_work_order_executions WHERE run_id IN (TABLE kept)
        UNION ALL SELECT id, organization_id, NULL, 'finished', CASE status WHEN 'finished' THEN result ELSE 'cancelled' END,
            CASE status WHEN 'finished' THEN updated_at ELSE ago('0') END
        FROM factory_work_order_executions WHERE run_id NOT IN (TABLE kept);";

const TABLES: [&str; 7] = [
    "workflow_runs",
    "workflow_events",
    "workflow_node_executions",
    "workflow_node_requests",
    "workflow_node_execution_kvs",
    "workflow_node_queue_items",
    "factory_work_order_executions",
];

#[test]
fn of_random_runs_those_stay_that_their_own_query_leaves_and_those_that_began_them() {
    for (seed, cap) in seeds().into_iter().zip(["1000", "1000", "13"]) {
        both(&with_seed(seed, RUNS), |bed| {
            let bed = bed.with("maxRowsPerRun: 1000", &format!("maxRowsPerRun: {cap}"));
            let goes = bed.database.numbers("SELECT 250 - count(*) FROM kept")[0];
            assert!((20..200).contains(&goes), "{goes} go");
            let mut gone = 0;
            for round in 0.. {
                let (dry, said) = (bed.dry_run("event-runs"), bed.purge("event-runs"));
                said.assert_done();
                let deleted = said.target().rows.deleted;
                // What one run takes depends on who comes first: whoever was begun, or who began it.
                assert!(deleted >= dry.target().rows.deleted, "{dry:#?}\n{said:#?}");
                gone += deleted;
                let early = "SELECT count(*) FROM (SELECT id FROM expected_workflow_runs EXCEPT SELECT id FROM workflow_runs) q";
                assert_eq!(bed.database.numbers(early), [0], "round {round}");
                if deleted == 0 {
                    break;
                }
                assert!(round < 50, "it never ends");
            }
            assert_eq!(gone, goes);
            for table in TABLES {
                assert_eq!(bed.database.numbers(&differing(table)), [0], "{table}");
            }
        });
    }
}
