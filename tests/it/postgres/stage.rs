//! A policy run on a database of one test, straight and through the pooler.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use retention_operator::api::{PurgeRunStatus, TargetReport};
use retention_operator::run::{self, Options, Outcome, RefusalLine, Unwatched, Watch};
use tempfile::TempDir;

use super::database::{Database, Grant};
use crate::bed::{NOW, block_on};

pub struct Stage {
    pub database: Database,
    url: String,
    /// What the connection says beyond what it has to.
    pub connection: &'static str,
    pub lock_timeout: &'static str,
    /// `limits.dutyCyclePercent`.
    pub duty_cycle: u32,
    /// `limits.statementTimeout`.
    pub statement_timeout: &'static str,
    /// `limits.maxReplicaLag`.
    pub max_replica_lag: &'static str,
    /// The certificate of an authority, for `caSecretKeyRef`.
    pub authority: Option<String>,
    folder: TempDir,
}

/// The same straight and through the pooler, each in a database of its own.
pub fn both(sql: &str, grants: &[Grant], test: impl Fn(&mut Stage)) {
    for pooled in [false, true] {
        let Some(database) = Database::create() else { return };
        database.execute(sql);
        database.grant(grants);
        let url = if pooled { database.bouncer_url() } else { Some(database.url()) };
        let Some(url) = url else { return };
        println!("{}", if pooled { "through the pooler" } else { "straight" });
        test(&mut Stage::new(database, url));
    }
}

impl Stage {
    pub fn new(database: Database, url: String) -> Self {
        Self {
            database,
            url,
            connection: "",
            lock_timeout: "2s",
            duty_cycle: 100,
            statement_timeout: "30s",
            max_replica_lag: "10s",
            authority: None,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// The same by another way.
    pub fn by(self, url: String) -> Self {
        Self { url, ..self }
    }

    /// Runs a policy whose spec goes on with this, in YAML's flow style.
    pub fn run(&self, spec: &str) -> Said {
        self.ask(spec, |_| {}, &Unwatched)
    }

    pub fn dry_run(&self, spec: &str) -> Said {
        self.ask(spec, |options| options.dry_run = true, &Unwatched)
    }

    pub fn ask(&self, spec: &str, change: impl FnOnce(&mut Options), watch: &dyn Watch) -> Said {
        self.ask_until(&AtomicBool::new(false), spec, change, watch)
    }

    /// Until it ends, or is told to.
    pub fn ask_until(
        &self,
        stop: &AtomicBool,
        spec: &str,
        change: impl FnOnce(&mut Options),
        watch: &dyn Watch,
    ) -> Said {
        let mut options = Options {
            files: vec![self.write(spec).display().to_string()],
            now: Some(NOW.parse().unwrap()),
            allow_future_now: true,
            batch_rows: Some(2),
            ..Options::default()
        };
        change(&mut options);
        block_on(async {
            let run = run::run(&options, watch, stop);
            Said(tokio::time::timeout(Duration::from_mins(1), run).await.expect("it hangs"))
        })
    }

    /// The manifests of such a policy, in a file.
    pub fn write(&self, spec: &str) -> PathBuf {
        let manifest = self.folder.path().join("manifest.yaml");
        let (url, connection, lock_timeout) = (&self.url, self.connection, self.lock_timeout);
        let (statement, duty) = (self.statement_timeout, self.duty_cycle);
        let lag = self.max_replica_lag;
        let (secret, ca) = match &self.authority {
            Some(authority) => {
                let pem = authority.replace('\n', "\\n");
                (format!(", ca: \"{pem}\""), ", caSecretKeyRef: {name: app, key: ca}")
            }
            None => (String::new(), ""),
        };
        let text = format!(
            "apiVersion: v1
kind: Secret
metadata: {{name: app}}
stringData: {{uri: \"{url}\"{secret}}}
---
apiVersion: retention-operator.io/v1alpha1
kind: DatabaseConnection
metadata: {{name: app}}
spec:
  postgres: {{secretKeyRef: {{name: app, key: uri}}{ca}}}
  allow: [{{tables: [\"*\"], actions: [Delete, Update]}}]
  limits: {{dutyCyclePercent: {duty}, lockTimeout: {lock_timeout}, statementTimeout: {statement}, maxReplicaLag: {lag}}}
  {connection}
---
apiVersion: retention-operator.io/v1alpha1
kind: RetentionPolicy
metadata: {{name: rows}}
spec: {{connectionRef: {{name: app}}, schedule: \"@daily\", {spec}}}
"
        );
        std::fs::write(&manifest, text).unwrap();
        manifest
    }

    /// The ids in table t.
    pub fn left(&self) -> Vec<i64> {
        self.database.numbers("SELECT id::bigint FROM t ORDER BY 1")
    }
}

/// What a run came to.
#[derive(Debug)]
pub struct Said(pub Outcome);

impl Said {
    pub fn exit(&self) -> u8 {
        self.0.exit
    }

    pub fn status(&self) -> &PurgeRunStatus {
        let report = self.0.reports.first().unwrap_or_else(|| panic!("no report: {self:#?}"));
        report.status.as_ref().unwrap()
    }

    /// The only one, or the first.
    pub fn target(&self) -> &TargetReport {
        &self.status().targets[0]
    }

    /// The only refusal.
    pub fn refused(&self) -> &RefusalLine {
        assert_eq!((self.exit(), self.0.refusals.len()), (2, 1), "{self:#?}");
        &self.0.refusals[0]
    }

    /// It ran, all that was due is gone, and nothing is told to be wrong.
    pub fn assert_done(&self) {
        assert_eq!(self.exit(), 0, "{self:#?}");
    }
}

/// A target that deletes from a table what is older than its window.
pub fn old_of(name: &str, table: &str, more: &str) -> String {
    format!("{{name: {name}, table: \"{table}\", action: Delete, age: {{column: at}}{more}}}")
}

/// The rest of a spec, with one target that deletes from table t what is older than 30 days.
pub fn old(more: &str) -> String {
    format!("window: {{default: 30d}}, targets: [{}]", old_of("t", "public.t", more))
}
