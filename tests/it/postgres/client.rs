//! Other clients of a database than the product. Each works on a thread of its own, so that it may also be called while a
//! run waits, and is gone before anybody else looks.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread::JoinHandle;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection, Row};

use crate::bed::block_on;

/// Without what a pooler refuses.
async fn connect(url: &str) -> Result<PgConnection, sqlx::Error> {
    let options: PgConnectOptions = url.parse()?;
    let options = options.extra_float_digits(None).statement_cache_capacity(0);
    PgConnection::connect_with(&options).await
}

fn with<T: Send>(
    url: &str,
    work: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error> + Send,
) -> Result<T, sqlx::Error> {
    let work = || {
        block_on(async {
            let mut connection = connect(url).await?;
            let done = work(&mut connection).await;
            connection.close().await?;
            done
        })
    };
    std::thread::scope(|scope| scope.spawn(work).join().unwrap())
}

/// Statements in one transaction, or with transactions of their own.
pub fn execute(url: &str, sql: &str) -> Result<(), sqlx::Error> {
    with(url, async |connection| {
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.map(drop)
    })
}

/// What another client of the application does, one that hardly waits for locks. `Err` when it could not.
pub fn elsewhere(url: &str, sql: &str) -> Result<(), String> {
    let done = with(url, async |connection| {
        sqlx::raw_sql("SET lock_timeout = '200ms'").execute(&mut *connection).await?;
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.map(drop)
    });
    done.map_err(|error| error.to_string())
}

/// The first column of a query.
pub fn column<T>(url: &str, sql: &str) -> Vec<T>
where
    T: Send + for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
{
    asked(url, sql).unwrap_or_else(|error| panic!("{sql}: {error}"))
}

/// The same of a query that may be none.
pub fn asked<T>(url: &str, sql: &str) -> Result<Vec<T>, sqlx::Error>
where
    T: Send + for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
{
    with(url, async |connection| {
        sqlx::query(AssertSqlSafe(sql))
            .persistent(false)
            .fetch_all(connection)
            .await?
            .iter()
            .map(|row| row.try_get(0))
            .collect()
    })
}

/// Asks the same again and again until it is done, and gets the same answer each time: how often.
pub fn repeat(url: &str, sql: &str, answer: i64, done: &AtomicBool) -> usize {
    let asked = with(url, async |connection| {
        let mut asked = 0;
        while asked == 0 || !done.load(Ordering::Relaxed) {
            // A pooler keeps parse and execution together inside of a transaction alone.
            let mut transaction = connection.begin().await?;
            let query = sqlx::query(AssertSqlSafe(sql)).persistent(false);
            let got: i64 = query.fetch_one(&mut *transaction).await?.try_get(0)?;
            transaction.commit().await?;
            assert_eq!(got, answer, "another client's answer");
            asked += 1;
        }
        Ok(asked)
    });
    asked.unwrap()
}

/// A transaction of another client that has done something and does not end before this is dropped.
pub struct Holding {
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Holding {
    pub fn begin(url: &str, sql: &str) -> Self {
        Self::try_begin(url, sql).expect("the other transaction could not do it")
    }

    /// `None`: it was not let in, or could not do it.
    pub fn try_begin(url: &str, sql: &str) -> Option<Self> {
        let (url, sql) = (url.to_owned(), format!("BEGIN; {sql}"));
        let (end, ended) = mpsc::channel::<()>();
        let (held, is_held) = mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            block_on(async {
                let Ok(mut connection) = connect(&url).await else { return };
                if sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.is_err() {
                    return;
                }
                held.send(()).unwrap();
                let _ = ended.recv();
                sqlx::raw_sql("ROLLBACK").execute(&mut connection).await.unwrap();
                connection.close().await.unwrap();
            });
        });
        is_held.recv().ok()?;
        Some(Self { end: Some(end), thread: Some(thread) })
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        drop(self.end.take());
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(ended.is_none_or(|ended| ended.is_ok()) || std::thread::panicking());
    }
}
