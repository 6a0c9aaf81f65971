//! The same small tables on both engines, and one that no policy names.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use retention_operator::run::{self, Options, Outcome, Unwatched};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection, Row};
use tempfile::TempDir;

use crate::bed::{Bed, block_on, elsewhere};
use crate::postgres::client;
use crate::postgres::database::{Database, delete, read, update};
use crate::postgres::laws::server;
use crate::postgres::stage::Stage;

/// The run's clock, and thirty days before.
pub const NOW: &str = "1795262400";
pub const CUTOFF: &str = "1792670400";
pub const ROWS: usize = 20;

pub enum Place {
    Sqlite(TempDir),
    Postgres(Stage),
}

/// Without its schema.
pub fn table(at: usize) -> String {
    format!("t{at}")
}

/// Texts that a careless program would take for a part of its own, and no text at all.
fn values() -> String {
    let texts = [
        "NULL",
        "''",
        "'a'",
        "'A'",
        "'b'",
        "'it''s'",
        "'a\\b'",
        "'$$'",
        "'--'",
        "'/* x */'",
        "'%'",
        "'_'",
        "'é'",
        "'\"'",
        "'a''||''b'",
        "'\n'",
        "'ab'",
        "'?1'",
        "'$1'",
        "'; delete from canary'",
    ];
    let row = |(at, text): (usize, &&str)| {
        let n = if at % 7 == 6 { "NULL".to_owned() } else { (at as i64 % 9 - 2).to_string() };
        let flag = ["1", "0", "NULL"][at % 3];
        let odd = texts[at * 7 % texts.len()];
        format!("({}, {}, {n}, {text}, {odd}, {flag}, 0, NULL)", at + 1, 1_792_670_390 + at % 9)
    };
    texts.iter().enumerate().map(row).collect::<Vec<_>>().join(", ")
}

impl Place {
    pub fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::File::create(folder.path().join("app.db")).unwrap();
        let place = Self::Sqlite(folder);
        place.execute(
            "CREATE TABLE canary (id INTEGER PRIMARY KEY); INSERT INTO canary VALUES (1), (2)",
        );
        place.execute(
            "CREATE TABLE other (t_id INTEGER, v INTEGER); CREATE INDEX other_t ON other (t_id)",
        );
        place.execute(
            "INSERT INTO other VALUES (1, 1), (2, 2), (2, 5), (5, NULL), (7, 0), (9, -1), (12, 3)",
        );
        place
    }

    /// None, and a word aloud, where there is no PostgreSQL that counts statements.
    pub fn postgres() -> Option<Self> {
        let database = Database::create_on(server()?, None);
        database.execute("CREATE EXTENSION pg_stat_statements");
        let url = database.url();
        let place = Self::Postgres(Stage::new(database, url));
        place.execute(
            "CREATE TABLE canary (id int PRIMARY KEY); INSERT INTO canary VALUES (1), (2)",
        );
        place.execute(
            "CREATE TABLE other (t_id bigint, v int); CREATE INDEX other_t ON other (t_id)",
        );
        place.execute(
            "INSERT INTO other VALUES (1, 1), (2, 2), (2, 5), (5, NULL), (7, 0), (9, -1), (12, 3)",
        );
        place.grant(&["canary", "other"]);
        Some(place)
    }

    pub fn is_postgres(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    /// As a manifest names it.
    pub fn table(&self, at: usize) -> String {
        if self.is_postgres() { format!("public.{}", table(at)) } else { table(at) }
    }

    fn execute(&self, sql: &str) {
        match self {
            Self::Sqlite(folder) => elsewhere(&folder.path().join("app.db"), sql).unwrap(),
            Self::Postgres(stage) => stage.database.execute(sql),
        }
    }

    /// The login may do everything, so that nothing but the product holds it back.
    fn grant(&self, tables: &[&str]) {
        if let Self::Postgres(stage) = self {
            let each = |table: &&str| [delete(table, "id"), update(table), read(table)];
            let column = |table: &&str| if *table == "other" { "v" } else { "id" };
            for table in tables {
                let [_, update, read] = each(table);
                stage.database.grant(&[delete(table, column(table)), update, read]);
            }
        }
    }

    /// So many tables of the same rows, each with a copy of what they were.
    pub fn fill(&self, tables: usize) {
        let (big, flag) =
            if self.is_postgres() { ("bigint", "int") } else { ("INTEGER", "INTEGER") };
        let values = values();
        let sql: String = (0..tables)
            .map(|at| {
                let columns = format!("(id {big} PRIMARY KEY, at {big}, n {flag}, s text, \"Odd col\" text, flag {flag}, done {flag}, note text)");
                let made = |name: &str| format!("DROP TABLE IF EXISTS {name}; CREATE TABLE {name} {columns}; INSERT INTO {name} VALUES {values};");
                format!("{}{}", made(&table(at)), made(&format!("{}_before", table(at))))
            })
            .collect();
        self.execute(&sql);
        let names: Vec<String> = (0..tables).map(table).collect();
        self.grant(&names.iter().map(String::as_str).collect::<Vec<_>>());
    }

    pub fn rows(&self, sql: &str) -> Result<Vec<i64>, String> {
        match self {
            Self::Postgres(stage) => {
                client::asked(&stage.database.own_url(), sql).map_err(|error| error.to_string())
            }
            Self::Sqlite(folder) => block_on(async {
                let options = SqliteConnectOptions::new().filename(folder.path().join("app.db"));
                let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
                let rows =
                    sqlx::query(AssertSqlSafe(sql.to_owned())).fetch_all(&mut connection).await;
                connection.close().await.unwrap();
                rows.map(|rows| rows.iter().map(|row| row.get(0)).collect())
                    .map_err(|error| error.to_string())
            }),
        }
    }

    /// A run of a policy with these targets.
    pub fn run(&self, targets: &str) -> Outcome {
        let spec = format!("window: {{default: 30d}}, targets: [{targets}]");
        match self {
            Self::Postgres(stage) => {
                stage.ask(&spec, |options| options.batch_rows = Some(100), &Unwatched).0
            }
            Self::Sqlite(folder) => {
                let text = format!(
                    "apiVersion: retention-operator.io/v1alpha1
kind: DatabaseConnection
metadata: {{name: app}}
spec:
  sqlite: {{path: app.db}}
  volume: {{persistentVolumeClaim: {{claimName: app}}}}
  allow: [{{tables: [\"*\"], actions: [Delete, Update]}}]
  limits: {{dutyCyclePercent: 100}}
---
apiVersion: retention-operator.io/v1alpha1
kind: RetentionPolicy
metadata: {{name: rows}}
spec: {{connectionRef: {{name: app}}, schedule: \"@daily\", {spec}}}
"
                );
                std::fs::write(folder.path().join("manifest.yaml"), text).unwrap();
                let options = Options {
                    batch_rows: Some(100),
                    allow_future_now: true,
                    ..Bed::at(folder.path())
                };
                block_on(async {
                    let stop = AtomicBool::new(false);
                    let run = run::run(&options, &Unwatched, &stop);
                    tokio::time::timeout(Duration::from_mins(1), run).await.expect("it hangs")
                })
            }
        }
    }

    pub fn assert_nothing_else_was_touched(&self) {
        assert_eq!(self.rows("SELECT count(*) FROM canary"), Ok(vec![2]));
        assert_eq!(self.rows("SELECT count(*) FROM other"), Ok(vec![7]));
        let Self::Postgres(stage) = self else { return };
        // Literals stand there as parameters, but in what is only compiled.
        let role = format!("'{}'::regrole", stage.database.role);
        let said = format!(
            "SELECT query FROM pg_stat_statements WHERE userid = {role} AND query !~* '^(PREPARE|EXPLAIN) '"
        );
        let own = ["DELETE FROM ONLY \"public\".\"t", "UPDATE ONLY \"public\".\"t"];
        let reads = [
            "BEGIN",
            "SELECT ",
            "WITH ",
            "LOCK TABLE ",
            "SET CONSTRAINTS ",
            "COMMIT",
            "ROLLBACK",
            "DEALLOCATE ",
        ];
        let mut writes = 0;
        for query in stage.database.texts(&said) {
            let is_own = own.iter().any(|own| query.starts_with(own));
            let is_read = reads.iter().any(|read| query.starts_with(read));
            let hides = ["DELETE FROM ", "UPDATE ONLY ", "INSERT INTO "]
                .iter()
                .any(|write| query.to_uppercase().contains(write));
            assert!(is_own || is_read && !hides, "nobody meant {query}");
            assert!(!query.contains("canary"), "no policy names it: {query}");
            writes += usize::from(is_own);
        }
        assert!(writes > 0, "nothing was written");
        let reset = format!("SELECT 1::bigint FROM pg_stat_statements_reset({role})");
        stage.database.numbers(&reset);
    }
}
