//! A connection of the application: the contestants' statements go through it, and the harness's.

use std::path::Path;

use sqlx::postgres::{PgConnection, PgRow};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteRow};
use sqlx::{AssertSqlSafe, Connection, Row};

pub enum Client {
    Postgres(PgConnection),
    Sqlite(SqliteConnection),
}

impl Client {
    pub async fn postgres(url: &str) -> Result<Self, sqlx::Error> {
        PgConnection::connect(url).await.map(Self::Postgres)
    }

    /// As most applications open their file.
    pub async fn sqlite(file: &Path) -> Result<Self, sqlx::Error> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal);
        SqliteConnection::connect_with(&options).await.map(Self::Sqlite)
    }

    pub async fn close(self) {
        let closed = match self {
            Self::Postgres(connection) => connection.close().await,
            Self::Sqlite(connection) => connection.close().await,
        };
        closed.unwrap();
    }

    /// Statements without parameters.
    pub async fn script(&mut self, sql: &str) {
        let text = sqlx::raw_sql(AssertSqlSafe(sql));
        let done = match self {
            Self::Postgres(connection) => text.execute(connection).await.map(drop),
            Self::Sqlite(connection) => text.execute(connection).await.map(drop),
        };
        done.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// How many rows one statement changed.
    pub async fn execute(&mut self, sql: &str, values: &[String]) -> u64 {
        let changed = match self {
            Self::Postgres(connection) => {
                let query = sqlx::query(AssertSqlSafe(sql));
                let query = values.iter().fold(query, sqlx::query::Query::bind);
                query.execute(connection).await.map(|done| done.rows_affected())
            }
            Self::Sqlite(connection) => {
                let query = sqlx::query(AssertSqlSafe(sql));
                let query = values.iter().fold(query, sqlx::query::Query::bind);
                query.execute(connection).await.map(|done| done.rows_affected())
            }
        };
        changed.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// Rows of a query all of whose columns are texts.
    pub async fn rows(&mut self, sql: &str) -> Vec<Vec<String>> {
        let query = AssertSqlSafe(sql);
        let rows = match self {
            Self::Postgres(connection) => {
                let texts = |row: &PgRow| (0..row.len()).map(|at| row.get(at)).collect();
                let rows = sqlx::query(query).fetch_all(connection).await;
                rows.map(|rows| rows.iter().map(texts).collect())
            }
            Self::Sqlite(connection) => {
                let texts = |row: &SqliteRow| (0..row.len()).map(|at| row.get(at)).collect();
                let rows = sqlx::query(query).fetch_all(connection).await;
                rows.map(|rows| rows.iter().map(texts).collect())
            }
        };
        rows.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }
}
