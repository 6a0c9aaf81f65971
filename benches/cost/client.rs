//! A connection of the application: the contestants' statements go through it, and the harness's.

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Row};

pub struct Client(PgConnection);

impl Client {
    pub async fn connect(url: &str) -> Self {
        Self::attempt(url).await.unwrap_or_else(|error| panic!("{url}: {error}"))
    }

    pub async fn attempt(url: &str) -> Result<Self, sqlx::Error> {
        PgConnection::connect(url).await.map(Self)
    }

    pub async fn close(self) {
        self.0.close().await.unwrap();
    }

    /// Statements without parameters.
    pub async fn script(&mut self, sql: &str) {
        let done = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut self.0).await;
        done.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// How many rows one statement changed.
    pub async fn execute(&mut self, sql: &str, values: &[String]) -> u64 {
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for value in values {
            query = query.bind(value);
        }
        let done = query.execute(&mut self.0).await;
        done.unwrap_or_else(|error| panic!("{sql}: {error}")).rows_affected()
    }

    /// Rows of a query all of whose columns are texts.
    pub async fn rows(&mut self, sql: &str) -> Vec<Vec<String>> {
        let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut self.0).await;
        let rows = rows.unwrap_or_else(|error| panic!("{sql}: {error}"));
        rows.iter().map(|row| (0..row.len()).map(|at| row.get(at)).collect()).collect()
    }
}
