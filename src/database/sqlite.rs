//! One connection to one SQLite file.

mod catalog;
mod changes;
mod log;

use std::ops::ControlFlow;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use sqlx::sqlite::{SqliteArguments, SqliteConnectOptions, SqliteConnection, SqliteRow};
use sqlx::{Arguments, Connection, Decode, Row, TypeInfo, ValueRef};

use changes::Changes;

use super::session::{Mode, into};
use super::{Error, ErrorClass};
use crate::model::Value;
use crate::sql::{Bind, Statement};

/// How many steps of SQLite's machine pass between two looks at the time.
const TICK: i32 = 10_000;
/// How often a COMMIT is tried that finds a reader in its way, and how long it waits in between:
/// while it waits, SQLite lets no new reader in.
const COMMIT_TRIES: u32 = 5;
const COMMIT_PAUSE: Duration = Duration::from_millis(5);

/// A session. Statements outside of `begin` .. `commit` only ever read.
pub struct Session {
    connection: SqliteConnection,
    lock_timeout: Duration,
    statement_timeout: Duration,
    /// The schema that transactions may begin on; `None`: any.
    schema: Option<Value>,
    path: PathBuf,
    /// Device and number of the file that was opened.
    file: Option<(u64, u64)>,
    started: Instant,
    /// When the running statement must end, in milliseconds since `started`.
    ends: Arc<AtomicU64>,
    /// Steps of SQLite's machine, by [`TICK`].
    ticks: Arc<AtomicU64>,
    changes: Changes,
    /// How long batches took since the write-ahead log was last moved into the file.
    written_for: Duration,
    writes: bool,
    /// Whether foreign keys are enforced.
    pub enforces: bool,
}

impl Session {
    /// Opens a file that is there. `enforce` switches foreign keys; inside of a transaction the
    /// pragma would do nothing and say nothing, so it is set first and read back.
    pub async fn open(
        path: &Path,
        mode: Mode,
        enforce: bool,
        lock_timeout: Duration,
        statement_timeout: Duration,
    ) -> Result<Self, Error> {
        let mut options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(false)
            .read_only(mode == Mode::Read)
            .foreign_keys(enforce)
            // Waiting is ours to do: SQLite's own would also hold up readers at COMMIT.
            .busy_timeout(Duration::from_millis(100));
        if mode == Mode::Write {
            for (name, value) in log::OURS {
                options = options.pragma(name, value);
            }
        }
        let mut connection = SqliteConnection::connect_with(&options).await?;
        let started = Instant::now();
        let ends = Arc::new(AtomicU64::new(u64::MAX));
        let ticks = Arc::new(AtomicU64::new(0));
        let (watched, counted) = (Arc::clone(&ends), Arc::clone(&ticks));
        let mut handle = connection.lock_handle().await?;
        handle.set_progress_handler(TICK, move || {
            counted.fetch_add(1, Ordering::Relaxed);
            let now = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
            now < watched.load(Ordering::Relaxed)
        });
        let changes = Changes::default();
        changes.listen(&mut handle);
        drop(handle);
        let mut session = Self {
            connection,
            lock_timeout,
            statement_timeout,
            schema: None,
            path: path.to_owned(),
            file: identity(path),
            started,
            ends,
            ticks,
            changes,
            written_for: Duration::ZERO,
            writes: mode == Mode::Write,
            enforces: enforce,
        };
        let enforced = session.raw_value("PRAGMA foreign_keys").await?;
        if enforced != Value::Integer(i64::from(enforce)) {
            let message = "the database does not take PRAGMA foreign_keys".to_owned();
            return Err(Error { class: ErrorClass::Statement, message });
        }
        Ok(session)
    }

    fn limit(&self) {
        let end = self.started.elapsed() + self.statement_timeout;
        self.ends.store(u64::try_from(end.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    async fn raw_value(&mut self, sql: &'static str) -> Result<Value, Error> {
        self.limit();
        let row = sqlx::query(sql).fetch_one(&mut self.connection).await?;
        decode(&row, 0)
    }

    pub(super) async fn rows(&mut self, statement: &Statement) -> Result<Vec<Vec<Value>>, Error> {
        let mut rows = Vec::new();
        self.each_row(statement, into(&mut rows)).await?;
        Ok(rows)
    }

    /// Row by row, until the caller has seen enough.
    pub async fn each_row(
        &mut self,
        statement: &Statement,
        mut each: impl FnMut(Vec<Value>) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        let waiting = Instant::now();
        loop {
            let mut begun = false;
            let counted = |row| {
                begun = true;
                each(row)
            };
            match self.each_row_once(statement, counted).await {
                // With a rollback journal a writer keeps readers out while it commits.
                Err(error)
                    if error.class == ErrorClass::Busy
                        && !begun
                        && waiting.elapsed() < self.lock_timeout =>
                {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                // Every statement was compiled when the plan was made.
                Err(error) if error.class == ErrorClass::Statement && self.is_changed().await => {
                    return Err(changed(&error.message));
                }
                ended => return ended,
            }
        }
    }

    /// Inside of a transaction it cannot have changed.
    async fn is_changed(&mut self) -> bool {
        let Some(planned) = self.schema.clone() else { return false };
        self.schema_version().await.is_ok_and(|now| now != planned)
    }

    async fn each_row_once(
        &mut self,
        statement: &Statement,
        mut each: impl FnMut(Vec<Value>) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        self.limit();
        let query = sqlx::query_with(statement.sql(), arguments(statement)?);
        let mut stream = query.fetch(&mut self.connection);
        while let Some(row) = stream.try_next().await? {
            let values = (0..row.len()).map(|at| decode(&row, at)).collect::<Result<_, _>>()?;
            if each(values).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Runs a statement that writes, and gives how many rows it touched.
    pub async fn execute(&mut self, statement: &Statement) -> Result<u64, Error> {
        self.limit();
        let query = sqlx::query_with(statement.sql(), arguments(statement)?);
        Ok(query.execute(&mut self.connection).await?.rows_affected())
    }

    /// Counts every change of the schema, whoever made it.
    pub async fn schema_version(&mut self) -> Result<Value, Error> {
        self.raw_value("PRAGMA schema_version").await
    }

    /// From here on a transaction begins only while the schema is this one: a migration may have
    /// added a table that cascades, or a trigger, of which the plan knows nothing.
    pub fn expect_schema(&mut self, version: Value) {
        self.schema = Some(version);
    }

    /// Takes the writer's lock: from here to the end of the transaction nobody else can change
    /// anything. Waits for others no longer than the lock timeout.
    pub async fn begin(&mut self) -> Result<(), Error> {
        self.lock().await?;
        let Some(planned) = self.schema.clone() else { return Ok(()) };
        let changed = match self.schema_version().await {
            // What is deleted from a file that is nobody's any more is told to be gone, and is not.
            Ok(_) if identity(&self.path) != self.file => changed("another file has its name now"),
            Ok(now) if now == planned => return Ok(()),
            Ok(_) => changed("its schema is another"),
            Err(error) => error,
        };
        self.rollback().await;
        Err(changed)
    }

    async fn lock(&mut self) -> Result<(), Error> {
        let waiting = Instant::now();
        loop {
            self.limit();
            match sqlx::query("BEGIN IMMEDIATE")
                .execute(&mut self.connection)
                .await
                .map_err(Error::from)
            {
                Ok(_) => return Ok(()),
                Err(error)
                    if error.class == ErrorClass::Busy && waiting.elapsed() < self.lock_timeout =>
                {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Ends the transaction for good. With a rollback journal an open reader refuses the commit;
    /// it is tried a few times and then left: new readers wait as long as we insist.
    pub async fn commit(&mut self) -> Result<(), Error> {
        let mut tries = 1;
        loop {
            self.limit();
            match sqlx::query("COMMIT").execute(&mut self.connection).await.map_err(Error::from) {
                Ok(_) => return Ok(()),
                Err(error) if error.class == ErrorClass::Busy && tries < COMMIT_TRIES => {
                    tries += 1;
                    tokio::time::sleep(COMMIT_PAUSE).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Undoes the transaction. SQLite undoes it by itself after some errors, and then says that
    /// there is none: either way nothing is left of it.
    pub async fn rollback(&mut self) {
        self.limit();
        if let Err(error) = sqlx::query("ROLLBACK").execute(&mut self.connection).await {
            tracing::debug!("rollback: {error}");
        }
    }

    pub async fn close(self) {
        tracing::debug!(ticks = self.ticks.load(Ordering::Relaxed), "the session ends");
        if let Err(error) = self.connection.close().await {
            tracing::debug!("close: {error}");
        }
    }
}

fn changed(how: &str) -> Error {
    Error {
        class: ErrorClass::SchemaChanged,
        message: format!("the database changed after the plan was made: {how}"),
    }
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    path.metadata().ok().map(|file| (file.dev(), file.ino()))
}

fn arguments(statement: &Statement) -> Result<SqliteArguments, Error> {
    let mut arguments = SqliteArguments::default();
    for bind in statement.binds() {
        let value = match bind {
            Bind::One(value) => value,
            Bind::List(_) => {
                let message = "SQLite has no arrays to bind".to_owned();
                return Err(Error { class: ErrorClass::Statement, message });
            }
        };
        let added = match value {
            Value::Null => arguments.add(None::<i64>),
            Value::Integer(integer) => arguments.add(*integer),
            Value::Real(real) => arguments.add(*real),
            Value::Text(text) => arguments.add(text.clone()),
            Value::Blob(bytes) | Value::Garbled(bytes) => arguments.add(bytes.clone()),
        };
        added
            .map_err(|error| Error { class: ErrorClass::Statement, message: error.to_string() })?;
    }
    Ok(arguments)
}

fn decode(row: &SqliteRow, at: usize) -> Result<Value, Error> {
    let raw = row.try_get_raw(at)?;
    if raw.is_null() {
        return Ok(Value::Null);
    }
    let info = raw.type_info();
    let failed = |error: sqlx::error::BoxDynError| Error {
        class: ErrorClass::Statement,
        message: error.to_string(),
    };
    Ok(match info.name() {
        "INTEGER" => Value::Integer(<i64 as Decode<sqlx::Sqlite>>::decode(raw).map_err(failed)?),
        "REAL" => Value::Real(<f64 as Decode<sqlx::Sqlite>>::decode(raw).map_err(failed)?),
        "TEXT" => {
            let bytes = <&[u8] as Decode<sqlx::Sqlite>>::decode(raw).map_err(failed)?;
            match std::str::from_utf8(bytes) {
                Ok(text) => Value::Text(text.to_owned()),
                Err(_) => Value::Garbled(bytes.to_vec()),
            }
        }
        _ => Value::Blob(<&[u8] as Decode<sqlx::Sqlite>>::decode(raw).map_err(failed)?.to_vec()),
    })
}
