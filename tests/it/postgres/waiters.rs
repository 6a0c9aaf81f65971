//! A run, and others who wait for locks.

use std::cell::{Cell, RefCell};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use retention_operator::run::{Point, Watch};

use super::client::{self, Holding};
use super::database::{Database, delete};
use super::stage::{both, old};

const ROWS: &str = "CREATE TABLE t (id int PRIMARY KEY, at timestamptz);
    INSERT INTO t SELECT g, '2020-01-01Z' FROM generate_series(1, 400) g";

/// Another client that does this as soon as it gets its lock.
pub fn queued(database: &Database, sql: &str) -> JoinHandle<()> {
    let (url, sql) = (database.own_url(), sql.to_owned());
    let waiting = "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
        WHERE NOT l.granted AND a.datname = current_database()";
    let thread = thread::spawn(move || client::execute(&url, &sql).unwrap());
    let deadline = Instant::now() + Duration::from_secs(30);
    while database.numbers(waiting) == [0] {
        assert!(Instant::now() < deadline && !thread.is_finished(), "it does not wait");
    }
    thread
}

/// Others begin to wait for the table when the plan stands, and get it once the run says that it waits.
struct InLine<'a> {
    database: &'a Database,
    holding: RefCell<Option<Holding>>,
    other: RefCell<Option<JoinHandle<()>>>,
    why: RefCell<String>,
}

impl Watch for InLine<'_> {
    fn reached(&self, point: Point) {
        if point == Point::Planned {
            self.holding.replace(Some(self.database.holding("INSERT INTO t VALUES (0, now())")));
            let lock = "BEGIN; LOCK TABLE t IN SHARE MODE; COMMIT";
            self.other.replace(Some(queued(self.database, lock)));
        }
    }

    fn waits(&self, _target: &str, why: &str) {
        self.why.replace(why.to_owned());
        drop(self.holding.take());
        if let Some(other) = self.other.take() {
            other.join().unwrap();
        }
    }
}

#[test]
fn who_waits_for_the_table_goes_first() {
    both(ROWS, &[delete("t", "id")], |stage| {
        let watch = InLine {
            database: &stage.database,
            holding: RefCell::new(None),
            other: RefCell::new(None),
            why: RefCell::default(),
        };
        let said = stage.ask(&old(""), |options| options.batch_rows = Some(100), &watch);
        said.assert_done();
        assert_eq!(stage.left(), [0; 0]);
        assert_eq!(*watch.why.borrow(), "others wait for a lock on a table that the target writes");
        let throttled = said.target().work.clone().unwrap().throttled_seconds.unwrap();
        assert!(throttled.lock_waiters > Some(0.1), "{throttled:?}");
        assert_eq!(throttled.replica_lag, Some(0.0));
    });
}

/// Makes the first batch long, with somebody who waits for one of its rows.
struct Slow<'a> {
    database: &'a Database,
    began: Cell<Option<Instant>>,
    other: RefCell<Option<JoinHandle<()>>>,
    gone: RefCell<Vec<u64>>,
}

impl Watch for Slow<'_> {
    fn reached(&self, point: Point) {
        match (point, self.began.get()) {
            (Point::Locked, None) => self.began.set(Some(Instant::now())),
            (Point::Acted, Some(began)) if self.other.borrow().is_none() => {
                let update = "UPDATE t SET at = at WHERE id = 1";
                self.other.replace(Some(queued(self.database, update)));
                while began.elapsed() < Duration::from_millis(60) {
                    thread::yield_now();
                }
            }
            _ => {}
        }
    }

    fn gone(&self, _target: &str, rows: u64) {
        self.gone.borrow_mut().push(rows);
    }
}

#[test]
fn a_long_batch_that_somebody_waited_for_is_followed_by_half_of_one() {
    both(ROWS, &[delete("t", "id")], |stage| {
        let watch = Slow {
            database: &stage.database,
            began: Cell::new(None),
            other: RefCell::new(None),
            gone: RefCell::default(),
        };
        let said = stage.ask(&old(""), |options| options.batch_rows = None, &watch);
        said.assert_done();
        watch.other.take().unwrap().join().unwrap();
        let gone = watch.gone.borrow();
        let (first, second) = (gone[0], gone[1] - gone[0]);
        let took = said.target().work.clone().unwrap().longest_batch_millis as u64;
        // By its time alone it would have been so large.
        let fitting = first * 50 / took;
        assert!(second <= (fitting * 6 / 10).max(1), "{first}, {second} of {fitting}");
    });
}
