//! Pods of one run on a database of their own, and what is true after each.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use fastrand::Rng;
use tempfile::TempDir;

use super::chats::{CHATS, Chat, chats, goes};
use super::pod::{self, Ended, Instance};
use super::record::{NAME, Record};
use crate::bed::{elsewhere, numbers_of};
use crate::postgres::database::{Database, delete};

/// Who takes the messages.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Lane {
    /// The database, with their chats.
    Cascade,
    /// The batch, before their chats.
    Explicit,
    /// The database, and whole blocks go at once, in SQLite stretches.
    Blocks,
    /// The batch, before the chats of whole blocks.
    BlocksOneByOne,
}

enum Engine {
    Sqlite,
    Postgres(Box<Database>),
}

pub struct Scene {
    engine: Engine,
    lane: Lane,
    folder: TempDir,
    pub record: Record,
    goes: BTreeSet<i64>,
    stays: BTreeSet<i64>,
    chats: Vec<Chat>,
}

impl Scene {
    /// None, and a word aloud, where there is no PostgreSQL.
    pub fn new(postgres: bool, lane: Lane, rng: &mut Rng) -> Option<Self> {
        let engine =
            if postgres { Engine::Postgres(Box::new(Database::create()?)) } else { Engine::Sqlite };
        let chats = chats(rng);
        let ids = |go: bool| {
            let mine = (1..).zip(&chats).filter(|(_, chat)| goes(chat) == go);
            mine.map(|(id, _)| id).collect()
        };
        let (goes, stays): (BTreeSet<i64>, BTreeSet<i64>) = (ids(true), ids(false));
        assert!(goes.len() > 300 && stays.len() > 100, "{} go", goes.len());
        let folder = tempfile::tempdir().unwrap();
        let scene = Self { engine, lane, folder, record: Record::new(), goes, stays, chats };
        scene.declare();
        Some(scene)
    }

    fn declare(&self) {
        let (connection, prefix, age) = match &self.engine {
            Engine::Sqlite => (
                "sqlite: {path: app.db}\n  volume: {persistentVolumeClaim: {claimName: app}}"
                    .to_owned(),
                "",
                "column: at, encoding: UnixSeconds",
            ),
            Engine::Postgres(database) => {
                database.execute(
                    "CREATE TABLE chats (id bigint PRIMARY KEY, org text, at timestamptz, pinned int, pad text);
                     CREATE TABLE messages (id bigserial PRIMARY KEY, chat_id bigint);
                     CREATE INDEX ON messages (chat_id);",
                );
                let rule = if self.takes_messages() { "" } else { "ON DELETE CASCADE" };
                database.execute(&format!(
                    "ALTER TABLE messages ADD FOREIGN KEY (chat_id) REFERENCES chats {rule}"
                ));
                database.grant(&[delete("chats", "id"), delete("messages", "id")]);
                let connection = "postgres: {secretKeyRef: {name: app, key: uri}}".to_owned();
                (connection, "public.", "column: at")
            }
        };
        let url = match &self.engine {
            Engine::Sqlite => String::new(),
            Engine::Postgres(database) => database.url(),
        };
        let text = format!(
            "apiVersion: v1
kind: Secret
metadata: {{name: app}}
stringData: {{uri: \"{url}\"}}
---
apiVersion: retention-operator.io/v1alpha1
kind: DatabaseConnection
metadata: {{name: app}}
spec:
  {connection}
  allow: [{{tables: [\"*\"], actions: [Delete]}}]
  limits: {{dutyCyclePercent: 100}}
---
apiVersion: retention-operator.io/v1alpha1
kind: RetentionPolicy
metadata: {{name: rows}}
spec:
  connectionRef: {{name: app}}
  schedule: \"@daily\"
  window: {{default: Forever, tenants: [{{name: acme, window: 30d}}, {{name: globex, window: 90d}}]}}
  targets:
  - name: chats
    table: {prefix}chats
    action: Delete
    tenant: {{column: org}}
    age: {{{age}}}
    exemptions: [{{name: pinned, when: \"pinned > 0\"}}]
    dependents: [{{name: messages, table: {prefix}messages, references: {{chat_id: id}}}}]
---
apiVersion: retention-operator.io/v1alpha1
kind: PurgeRun
metadata: {{name: {NAME}, namespace: default}}
spec: {{policyRef: {{name: rows}}}}
"
        );
        std::fs::write(self.folder.path().join("manifest.yaml"), text).unwrap();
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("app.db")
    }

    /// All rows as they were at first, and no pod yet.
    pub fn begin(&self) {
        self.record.forget();
        let mut rows = String::new();
        let is_file = matches!(self.engine, Engine::Sqlite);
        for (id, Chat { org, at, pinned }) in (1..).zip(&self.chats) {
            let at = if is_file { at.to_string() } else { format!("to_timestamp({at})") };
            let comma = if rows.is_empty() { "" } else { "," };
            // So that a batch is a block or two.
            write!(rows, "{comma}({id}, '{org}', {at}, {pinned}, '{}')", "x".repeat(300)).unwrap();
        }
        let fill = format!(
            "INSERT INTO chats VALUES {rows};
             INSERT INTO messages (chat_id) SELECT id FROM chats UNION ALL SELECT id FROM chats;"
        );
        match &self.engine {
            Engine::Sqlite => {
                for end in ["", "-wal", "-shm", "-journal"] {
                    let _ = std::fs::remove_file(format!("{}{end}", self.file().display()));
                }
                std::fs::write(self.file(), "").unwrap();
                let mode = if self.lane == Lane::Cascade { "DELETE" } else { "WAL" };
                let rule = if self.takes_messages() { "" } else { "ON DELETE CASCADE" };
                let tables = format!(
                    "PRAGMA journal_mode = {mode};
                     CREATE TABLE chats (id INTEGER PRIMARY KEY, org TEXT, at INTEGER, pinned INTEGER, pad TEXT);
                     CREATE TABLE messages (id INTEGER PRIMARY KEY, chat_id INTEGER REFERENCES chats (id) {rule});
                     CREATE INDEX messages_chat ON messages (chat_id);"
                );
                elsewhere(&self.file(), &format!("{tables} BEGIN; {fill} COMMIT;")).unwrap();
            }
            Engine::Postgres(database) => {
                database.execute(&format!("TRUNCATE chats, messages; {fill}"));
            }
        }
    }

    fn takes_messages(&self) -> bool {
        matches!(self.lane, Lane::Explicit | Lane::BlocksOneByOne)
    }

    fn numbers(&self, sql: &str) -> Vec<i64> {
        match &self.engine {
            Engine::Sqlite => numbers_of(&self.file(), sql),
            Engine::Postgres(database) => database.numbers(sql),
        }
    }

    /// One pod. What it said last may still be under way in the server.
    pub fn pod(&self, instance: Instance) -> Ended {
        let by_blocks = matches!(self.lane, Lane::Blocks | Lane::BlocksOneByOne);
        let ended = pod::run(self.folder.path(), &self.record, by_blocks, instance);
        let deadline = Instant::now() + Duration::from_secs(30);
        let others = "SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid()";
        while matches!(self.engine, Engine::Postgres(_)) && self.numbers(others) != [0] {
            assert!(Instant::now() < deadline, "the server does not let go");
        }
        ended
    }

    /// What is gone, after what any pod may have left.
    pub fn gone(&self, context: &str) -> usize {
        let whole = "SELECT chat_id FROM messages GROUP BY chat_id HAVING count(*) = 2";
        let families: BTreeSet<i64> = self.numbers(whole).into_iter().collect();
        let left: BTreeSet<i64> = self.numbers("SELECT id FROM chats").into_iter().collect();
        let messages = self.numbers("SELECT count(*) FROM messages")[0];
        assert_eq!(left, families, "{context}: half families");
        assert_eq!(messages, 2 * left.len() as i64, "{context}: half families");
        assert!(left.is_superset(&self.stays), "{context}: a row that was to stay is gone");
        CHATS as usize - left.len()
    }

    /// (chats, messages, whether these are the least) that went, as the record tells.
    pub fn told(&self) -> (usize, usize, bool) {
        let status = self.record.status();
        let target = &status["targets"][0];
        let count = |value: &serde_json::Value| value.as_u64().unwrap_or_default() as usize;
        let totals = &status["totals"];
        assert_eq!(count(&target["rows"]["deleted"]), count(&totals["deleted"]));
        let least = target["rows"]["atLeast"] == true;
        assert_eq!(totals["atLeast"] == true, least);
        (count(&totals["deleted"]), count(&target["dependents"][0]["deleted"]), least)
    }

    /// What must hold while pods come and go.
    pub fn assert_whole(&self, context: &str) {
        let gone = self.gone(context);
        let (chats, messages, _) = self.told();
        assert!(chats <= gone, "{context}: {chats} told of {gone}");
        assert_eq!(messages, 2 * chats, "{context}");
    }

    /// What must hold when a pod came to its end.
    pub fn assert_done(&self, was_killed: bool, context: &str) {
        let gone = self.gone(context);
        assert_eq!(gone, self.goes.len(), "{context}: not all is gone");
        let (chats, messages, least) = self.told();
        assert_eq!(messages, 2 * chats, "{context}");
        assert_eq!(self.record.status()["exitCode"], 0, "{context}");
        if least {
            assert!(was_killed && chats <= gone, "{context}: {chats} told of {gone}");
        } else {
            assert_eq!(chats, gone, "{context}: it is not marked as the least");
        }
    }

    /// A run that nobody kills: how many points it meets, and how long it takes.
    pub fn undisturbed(&self) -> Ended {
        self.begin();
        let ended = self.pod(Instance::Never);
        self.assert_done(false, "undisturbed");
        assert!(!self.told().2, "nobody was killed");
        ended
    }
}
