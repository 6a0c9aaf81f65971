//! A small chat application's database and a policy on it, for tests that look at single rows.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use retention_operator::run::{self, Options, Outcome, Watch};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode};
use sqlx::{AssertSqlSafe, Connection, Row};

/// The clock of every run here.
pub const NOW: &str = "2026-11-21T12:00:00Z";

/// Chats 1 to 8 of acme are expired; 9 is young; 10 is of globex, which keeps for ever. Each has
/// two messages. Nothing ties `notes` to the chats but a column.
const ROWS: &str = "
    CREATE TABLE chats (id INTEGER PRIMARY KEY, org TEXT, updated_at INTEGER, pinned INTEGER NOT NULL DEFAULT 0);
    CREATE INDEX chats_age ON chats (org, updated_at);
    CREATE TABLE messages (id INTEGER PRIMARY KEY, chat_id INTEGER REFERENCES chats (id), body TEXT);
    CREATE INDEX messages_chat ON messages (chat_id);
    CREATE TABLE notes (chat_id INTEGER, created_at INTEGER);
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10)
    INSERT INTO chats (id, org, updated_at) SELECT i, 'acme', 1700000000 + i FROM n;
    UPDATE chats SET updated_at = 1795000000 WHERE id = 9;
    UPDATE chats SET org = 'globex' WHERE id = 10;
    INSERT INTO messages (chat_id, body) SELECT id, 'hello' FROM chats UNION ALL SELECT id, 'again' FROM chats;
";

const MANIFEST: &str = r#"
apiVersion: retention-operator.io/v1alpha1
kind: DatabaseConnection
metadata: {name: app}
spec:
  sqlite: {path: app.db}
  volume: {persistentVolumeClaim: {claimName: app}}
  allow: [{tables: ["*"], actions: [Delete, Update]}]
  limits: {dutyCyclePercent: 100, lockTimeout: 1s}
---
apiVersion: retention-operator.io/v1alpha1
kind: RetentionPolicy
metadata: {name: chats}
spec:
  connectionRef: {name: app}
  schedule: "@daily"
  window: {default: 30d, tenants: [{name: globex, window: Forever}]}
  targets:
  - name: chats
    table: chats
    action: Delete
    tenant: {column: org}
    age: {column: updated_at, encoding: UnixSeconds}
    exemptions:
    - {name: pinned, when: "pinned > 0"}
    - {name: noted, when: "exists (select 1 from notes n where n.chat_id = chats.id and n.created_at >= :cutoff)"}
    dependents: [{name: messages, table: messages, references: {chat_id: id}}]
"#;

/// The ids that a run takes when nobody is in its way.
pub const EXPIRED: [i64; 8] = [1, 2, 3, 4, 5, 6, 7, 8];

pub struct Bed {
    folder: tempfile::TempDir,
}

impl Bed {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bed = Self { folder };
        bed.write_manifest(MANIFEST);
        let options = SqliteConnectOptions::new()
            .filename(bed.database())
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal);
        block_on(async {
            let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
            sqlx::raw_sql(AssertSqlSafe(ROWS)).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        });
        bed
    }

    /// The policy with a part of its text replaced.
    pub fn with(self, from: &str, to: &str) -> Self {
        let text = std::fs::read_to_string(self.manifest()).unwrap();
        assert!(text.contains(from), "the manifest has no {from}");
        self.write_manifest(&text.replace(from, to));
        self
    }

    fn write_manifest(&self, text: &str) {
        std::fs::write(self.manifest(), text).unwrap();
    }

    pub fn at(folder: &Path) -> Options {
        Options {
            files: vec![folder.join("manifest.yaml").display().to_string()],
            roots: vec![(None, folder.to_owned())],
            now: Some(NOW.parse().unwrap()),
            batch_rows: Some(1),
            ..Options::default()
        }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn manifest(&self) -> PathBuf {
        self.folder.path().join("manifest.yaml")
    }

    pub fn database(&self) -> PathBuf {
        self.folder.path().join("app.db")
    }

    pub fn run(&self, batch_rows: usize, watch: &dyn Watch) -> Outcome {
        let options = Options { batch_rows: Some(batch_rows), ..Self::at(self.folder()) };
        let stop = AtomicBool::new(false);
        block_on(async {
            let run = run::run(&options, watch, &stop);
            tokio::time::timeout(Duration::from_mins(1), run).await.expect("it hangs")
        })
    }

    /// The first column of a query, as numbers.
    pub fn numbers(&self, sql: &str) -> Vec<i64> {
        numbers_of(&self.database(), sql)
    }

    pub fn chats(&self) -> Vec<i64> {
        self.numbers("SELECT id FROM chats ORDER BY id")
    }

    /// Every chat has both of its messages, and no message is without a chat.
    pub fn assert_whole_families(&self) {
        let torn = self.numbers(
            "SELECT id FROM chats WHERE (SELECT count(*) FROM messages m WHERE m.chat_id = chats.id) <> 2
             UNION SELECT chat_id FROM messages WHERE chat_id NOT IN (SELECT id FROM chats)",
        );
        assert_eq!(torn, [0; 0], "half families");
    }
}

/// The first column of a query, as numbers.
pub fn numbers_of(database: &Path, sql: &str) -> Vec<i64> {
    let options = SqliteConnectOptions::new().filename(database);
    block_on(async {
        let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
        let rows =
            sqlx::query(AssertSqlSafe(sql.to_owned())).fetch_all(&mut connection).await.unwrap();
        let numbers = rows.iter().map(|row| row.get(0)).collect();
        connection.close().await.unwrap();
        numbers
    })
}

/// Nobody else reads or writes the file while this lives.
pub struct Locked {
    connection: Option<SqliteConnection>,
    runtime: tokio::runtime::Runtime,
}

impl Bed {
    pub fn locked(&self) -> Locked {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let options = SqliteConnectOptions::new().filename(self.database());
        let connection = runtime.block_on(async {
            let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
            sqlx::raw_sql("BEGIN EXCLUSIVE").execute(&mut connection).await.unwrap();
            connection
        });
        Locked { connection: Some(connection), runtime }
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        let connection = self.connection.take().unwrap();
        self.runtime.block_on(connection.close()).unwrap();
    }
}

/// What another connection does, as another process would: on its own thread, without waiting for
/// locks. `Err` when the database is locked.
pub fn elsewhere(database: &Path, sql: &str) -> Result<(), String> {
    let (database, sql) = (database.to_owned(), sql.to_owned());
    let other = std::thread::spawn(move || {
        let options = SqliteConnectOptions::new().filename(database).busy_timeout(Duration::ZERO);
        block_on(async {
            let mut connection =
                SqliteConnection::connect_with(&options).await.map_err(|e| e.to_string())?;
            let done = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await;
            // Gone before anybody else looks: its lock ends with it.
            connection.close().await.map_err(|e| e.to_string())?;
            done.map(drop).map_err(|error| error.to_string())
        })
    });
    other.join().unwrap()
}

pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}
