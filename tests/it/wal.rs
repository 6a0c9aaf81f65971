//! A write-ahead log that somebody who reads keeps from being emptied.

use std::cell::RefCell;

use retention_operator::api::Outcome;
use retention_operator::run::Watch;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection};
use tokio::runtime::Runtime;

use crate::bed::{Bed, elsewhere};

/// A transaction that has read and does not end before this is dropped.
pub struct Reader {
    connection: Option<SqliteConnection>,
    runtime: Runtime,
}

impl Reader {
    fn of(bed: &Bed) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let options = SqliteConnectOptions::new().filename(bed.database());
        let connection = runtime.block_on(async {
            let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
            let read = "BEGIN; SELECT count(*) FROM chats";
            sqlx::raw_sql(AssertSqlSafe(read)).execute(&mut connection).await.unwrap();
            connection
        });
        Self { connection: Some(connection), runtime }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let connection = self.connection.take().unwrap();
        self.runtime.block_on(connection.close()).unwrap();
    }
}

/// The application writes 70 MiB while a reader stands at the beginning.
pub fn pinned() -> (Bed, Reader) {
    let bed = Bed::new();
    let reader = Reader::of(&bed);
    elsewhere(
        &bed.database(),
        "CREATE TABLE large (bytes); INSERT INTO large VALUES (zeroblob(70 << 20))",
    )
    .unwrap();
    (bed, reader)
}

struct Ends {
    /// Where the run waits, no runtime may be entered.
    end: Option<std::sync::mpsc::Sender<()>>,
    ended: RefCell<Option<std::thread::JoinHandle<()>>>,
    why: RefCell<String>,
}

impl Watch for Ends {
    fn waits(&self, _target: &str, why: &str) {
        self.why.replace(why.to_owned());
        if let (Some(end), Some(ended)) = (&self.end, self.ended.take()) {
            end.send(()).unwrap();
            ended.join().unwrap();
        }
    }
}

#[test]
fn a_large_log_that_a_reader_pins_is_waited_for_until_the_reader_ends() {
    let (bed, reader) = pinned();
    let (end, is_over) = std::sync::mpsc::channel();
    let ended = std::thread::spawn(move || {
        is_over.recv().unwrap();
        drop(reader);
    });
    let watch = Ends { end: Some(end), ended: RefCell::new(Some(ended)), why: RefCell::default() };
    let outcome = bed.run(2, &watch);
    assert_eq!((outcome.exit, bed.chats()), (0, vec![9, 10]), "{outcome:#?}");
    let why = watch.why.borrow();
    let said = "MiB, and somebody who reads keeps it from being emptied";
    assert!(why.starts_with("the write-ahead log has 7") && why.ends_with(said), "{why}");
    let target = &outcome.reports[0].status.as_ref().unwrap().targets[0];
    let throttled = target.work.clone().unwrap().throttled_seconds.unwrap();
    assert!(throttled.wal_size > Some(0.1), "{throttled:?}");
    assert_eq!((throttled.replica_lag, throttled.lock_waiters), (None, None));
}

#[test]
fn a_log_that_stays_large_ends_the_run_with_its_time_and_nothing_goes() {
    let (bed, _reader) = pinned();
    let bed =
        bed.with("schedule: \"@daily\"\n", "schedule: \"@daily\"\n  activeDeadlineSeconds: 1\n");
    let watch = Ends { end: None, ended: RefCell::new(None), why: RefCell::default() };
    let outcome = bed.run(2, &watch);
    let target = &outcome.reports[0].status.as_ref().unwrap().targets[0];
    assert_eq!((outcome.exit, target.outcome), (1, Some(Outcome::DeadlineExceeded)));
    let message = target.message.clone().unwrap();
    assert!(message.contains("it waited: the write-ahead log has 7"), "{message}");
    assert_eq!(bed.chats().len(), 10);
}
