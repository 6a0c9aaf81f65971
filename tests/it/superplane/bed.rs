//! superplane's tables, the example's manifest, and a login that has the rights of the example's `grants.sql`.

use std::fs;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use retention_operator::run::{self, Options, Unwatched, Watch};

use crate::bed::{NOW, block_on};
use crate::openai_agents::application::root;
use crate::postgres::database::Database;
use crate::postgres::stage::Said;

/// What the tests call things: an id by a number, and rows as the application makes them.
const WORDS: &str = "
    CREATE FUNCTION u(n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS
        $$ SELECT ('0a000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid $$;
    CREATE FUNCTION n(id uuid) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$ SELECT right(id::text, 12)::bigint $$;
    CREATE FUNCTION ago(past interval) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS
        $$ SELECT timestamptz '2026-11-21 12:00Z' - past $$;
    CREATE FUNCTION utc(past interval) RETURNS timestamp LANGUAGE sql IMMUTABLE AS
        $$ SELECT timestamp '2026-11-21 12:00' - past $$;

    -- A chat with a run of the agent, two messages and a memory of its canvas.
    CREATE FUNCTION chat(chat bigint, org bigint, past interval) RETURNS void LANGUAGE sql AS $$
        INSERT INTO agent_chats (id, org_id, user_id, canvas_id, updated_at) VALUES (u(chat), u(org), u(7), u(chat), ago(past));
        INSERT INTO agent_chat_runs (id, chat_id) VALUES (u(chat), u(chat));
        INSERT INTO agent_chat_messages (id, chat_id, message_index, message, run_id)
            SELECT u(chat * 10 + i), u(chat), i, '{}', u(chat) FROM generate_series(1, 2) i;
        INSERT INTO agent_canvas_markdown_memory VALUES (u(chat), '');
    $$;
    -- An organization with a workflow.
    CREATE FUNCTION org(org bigint, days int) RETURNS void LANGUAGE sql AS $$
        INSERT INTO organizations (id, name, usage_retention_window_days) VALUES (u(org), org, days);
        INSERT INTO workflows VALUES (u(org), u(org), org, utc('0'), utc('0'));
    $$;
    -- A finished run with the event that began it and two executions, each with an event, a request that is done and a value.
    CREATE FUNCTION run(run bigint, org bigint, past interval) RETURNS void LANGUAGE sql AS $$
        INSERT INTO workflow_runs VALUES (u(run), u(org), 'finished', 'passed', utc(past), utc(past), utc(past), NULL);
        INSERT INTO workflow_events VALUES (u(run * 10), u(org), NULL, '{}', 'routed', NULL, utc(past), u(run));
        INSERT INTO workflow_node_executions
            SELECT u(run * 10 + i), u(org), i, u(run * 10), u(run * 10), NULL, 'finished', 'passed', utc(past), utc(past), u(run)
            FROM generate_series(1, 2) i;
        INSERT INTO workflow_events
            SELECT id, workflow_id, node_id, '{}', 'routed', id, created_at, run_id FROM workflow_node_executions WHERE run_id = u(run);
        INSERT INTO workflow_node_requests
            SELECT id, workflow_id, id, 'completed', 'invoke', created_at, created_at, created_at, node_id
            FROM workflow_node_executions WHERE run_id = u(run);
        INSERT INTO workflow_node_execution_kvs
            SELECT id, id, 'key', 'value', created_at, workflow_id, node_id FROM workflow_node_executions WHERE run_id = u(run);
    $$;
";

pub fn example(file: &str) -> String {
    fs::read_to_string(root().join("examples/superplane").join(file)).unwrap()
}

pub struct Bed {
    pub database: Database,
    /// What `with` has changed.
    manifest: String,
    /// The ConfigMap, if there is one.
    pub windows: Option<String>,
    pub batch: usize,
    url: String,
}

/// The same straight and through the pooler, each in a database of its own.
pub fn both(sql: &str, test: impl Fn(Bed)) {
    for pooled in [false, true] {
        let Some(mut bed) = Bed::new(sql) else { return };
        if pooled {
            let Some(url) = bed.database.bouncer_url() else { return };
            bed.url = url;
        }
        println!("{}", if pooled { "through the pooler" } else { "straight" });
        test(bed);
    }
}

impl Bed {
    /// None, and a word aloud, where there is no PostgreSQL.
    pub fn new(sql: &str) -> Option<Self> {
        let bed = Self::without_rights(sql)?;
        let grants =
            example("grants.sql").replace("TO retention;", &format!("TO {};", bed.database.role));
        bed.database.execute(&grants);
        Some(bed)
    }

    pub fn without_rights(sql: &str) -> Option<Self> {
        let database = Database::create()?;
        database.execute(&format!("{}{WORDS}", example("schema.sql")));
        database.execute(sql);
        // The tests' servers are not verified; who walks through the example verifies its own.
        let manifest = example("manifest.yaml");
        let verified: Vec<&str> =
            manifest.lines().filter(|line| line.contains("caSecretKeyRef")).collect();
        assert_eq!(verified.len(), 1);
        Some(Self {
            manifest: manifest.replace(verified[0], ""),
            windows: Some(example("windows.yaml")),
            batch: 3,
            url: database.url(),
            database,
        })
    }

    /// A part of the manifest replaced.
    pub fn with(mut self, from: &str, to: &str) -> Self {
        assert_eq!(self.manifest.matches(from).count(), 1, "{from}");
        self.manifest = self.manifest.replace(from, to);
        self
    }

    pub fn batches_of(mut self, rows: usize) -> Self {
        self.batch = rows;
        self
    }

    pub fn purge(&self, policy: &str) -> Said {
        self.ask(policy, false, &Unwatched)
    }

    pub fn dry_run(&self, policy: &str) -> Said {
        self.ask(policy, true, &Unwatched)
    }

    pub fn ask(&self, policy: &str, dry_run: bool, watch: &dyn Watch) -> Said {
        let folder = tempfile::tempdir().unwrap();
        let secret = format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: superplane-app}}\nstringData: {{uri: \"{}\"}}\n",
            self.url
        );
        let write = |name, text: &str| fs::write(folder.path().join(name), text).unwrap();
        write("secret.yaml", &secret);
        write("manifest.yaml", &self.manifest);
        if let Some(windows) = &self.windows {
            write("windows.yaml", windows);
        }
        let options = Options {
            files: vec![folder.path().display().to_string()],
            policies: vec![policy.to_owned()],
            now: Some(NOW.parse().unwrap()),
            allow_future_now: true,
            dry_run,
            batch_rows: Some(self.batch),
            ..Options::default()
        };
        let stop = AtomicBool::new(false);
        block_on(async {
            let run = run::run(&options, watch, &stop);
            Said(tokio::time::timeout(Duration::from_mins(2), run).await.expect("it hangs"))
        })
    }

    /// The numbers of what is left in a table.
    pub fn left(&self, table: &str) -> Vec<i64> {
        self.database.numbers(&format!("SELECT n(id) FROM {table} ORDER BY 1"))
    }

    pub fn chats(&self) -> Vec<i64> {
        self.left("agent_chats")
    }

    pub fn runs(&self) -> Vec<i64> {
        self.left("workflow_runs")
    }
}
