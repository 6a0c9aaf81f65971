//! What happens when somebody else changes a row while a run is at one of its named points.

use std::cell::Cell;
use std::path::PathBuf;

use retention_operator::run::{Point, Unwatched, Watch};

use crate::bed::{Bed, EXPIRED, elsewhere};

/// Does something elsewhere when a point is reached for the n-th time.
struct Meddler {
    point: Point,
    on: usize,
    sql: &'static str,
    database: PathBuf,
    met: Cell<usize>,
    went: Cell<Option<bool>>,
}

impl Meddler {
    fn new(bed: &Bed, point: Point, on: usize, sql: &'static str) -> Self {
        Self { point, on, sql, database: bed.database(), met: Cell::new(0), went: Cell::new(None) }
    }
}

impl Watch for Meddler {
    fn reached(&self, point: Point) {
        if point == self.point {
            self.met.set(self.met.get() + 1);
            if self.met.get() == self.on {
                self.went.set(Some(elsewhere(&self.database, self.sql).is_ok()));
            }
        }
    }
}

/// Where the world can still change: after the plan, after the rows were found, between batches.
const OPEN: [(Point, usize); 3] = [(Point::Planned, 1), (Point::Found, 1), (Point::Committed, 1)];
/// Where the batch holds the writer's lock.
const CLOSED: [Point; 3] = [Point::Locked, Point::Judged, Point::Acted];

/// Chat 8 is changed; it must stay, and all other expired ones must go.
fn chat_8_survives(sql: &'static str) {
    for (point, on) in OPEN {
        for batch in [1, 3] {
            let bed = Bed::new();
            let meddler = Meddler::new(&bed, point, on, sql);
            let outcome = bed.run(batch, &meddler);
            assert_eq!(meddler.went.get(), Some(true), "{point:?}: the change was not made");
            assert_eq!(outcome.exit, 0, "{point:?}: {outcome:?}");
            assert_eq!(bed.chats(), [8, 9, 10], "{point:?}, batches of {batch}");
        }
    }
}

#[test]
fn a_row_refreshed_meanwhile_survives() {
    chat_8_survives("UPDATE chats SET updated_at = 1795200000 WHERE id = 8");
}

#[test]
fn a_row_refreshed_to_exactly_its_cutoff_survives() {
    chat_8_survives("UPDATE chats SET updated_at = unixepoch('2026-10-22 12:00:00') WHERE id = 8");
}

#[test]
fn a_row_pinned_meanwhile_survives() {
    chat_8_survives("UPDATE chats SET pinned = 1 WHERE id = 8");
}

#[test]
fn a_row_given_to_a_tenant_that_keeps_for_ever_survives() {
    chat_8_survives("UPDATE chats SET org = 'globex' WHERE id = 8");
}

#[test]
fn a_row_without_a_tenant_by_now_survives() {
    chat_8_survives("UPDATE chats SET org = NULL WHERE id = 8");
}

#[test]
fn a_row_given_to_a_tenant_whom_nobody_knew_at_the_plan_survives() {
    chat_8_survives("UPDATE chats SET org = 'newcomer' WHERE id = 8");
}

#[test]
fn a_row_with_new_activity_in_another_table_survives_without_any_foreign_key() {
    chat_8_survives("INSERT INTO notes VALUES (8, 1795200000)");
}

#[test]
fn a_young_row_under_the_key_of_one_that_went_survives() {
    chat_8_survives(
        "DELETE FROM messages WHERE chat_id = 8; DELETE FROM chats WHERE id = 8;
         INSERT INTO chats (id, org, updated_at) VALUES (8, 'acme', 1795200000)",
    );
}

#[test]
fn a_row_that_somebody_else_deletes_is_no_failure() {
    for (point, on) in OPEN {
        let bed = Bed::new();
        let sql = "DELETE FROM messages WHERE chat_id = 8; DELETE FROM chats WHERE id = 8";
        let outcome = bed.run(2, &Meddler::new(&bed, point, on, sql));
        assert_eq!((outcome.exit, bed.chats()), (0, vec![9, 10]), "{point:?}");
        let status = outcome.reports[0].status.as_ref().unwrap();
        assert_eq!(status.targets[0].rows.deleted, 7, "only what the run itself took is counted");
    }
}

#[test]
fn a_child_that_comes_meanwhile_goes_with_its_root() {
    for (point, on) in OPEN {
        let bed = Bed::new();
        let outcome = bed.run(
            2,
            &Meddler::new(
                &bed,
                point,
                on,
                "INSERT INTO messages (chat_id, body) VALUES (8, 'late')",
            ),
        );
        assert_eq!((outcome.exit, bed.chats()), (0, vec![9, 10]), "{point:?}");
        bed.assert_whole_families();
    }
}

#[test]
fn under_the_lock_nobody_else_can_write() {
    for point in CLOSED {
        let bed = Bed::new();
        let meddler = Meddler::new(&bed, point, 1, "UPDATE chats SET pinned = 1 WHERE id = 1");
        let outcome = bed.run(8, &meddler);
        assert_eq!(meddler.went.get(), Some(false), "{point:?}: the change got in");
        assert_eq!((outcome.exit, bed.chats()), (0, vec![9, 10]), "{point:?}");
    }
}

#[test]
fn rows_that_the_application_takes_away_leave_the_newest_of_what_is_left() {
    for (point, on) in [(Point::Planned, 1), (Point::Found, 1)] {
        let bed = Bed::new()
            .with("    age: {column: updated_at, encoding: UnixSeconds}\n", "    keepNewest: {rows: 3, partitionBy: [org], orderBy: [id]}\n")
            .with("    - {name: noted, when: \"exists (select 1 from notes n where n.chat_id = chats.id and n.created_at >= :cutoff)\"}\n", "");
        // 7, 8 and 9 are the newest of acme; two of them go away before the batch.
        let sql =
            "DELETE FROM messages WHERE chat_id IN (8, 9); DELETE FROM chats WHERE id IN (8, 9)";
        let outcome = bed.run(8, &Meddler::new(&bed, point, on, sql));
        assert_eq!((outcome.exit, bed.chats()), (0, vec![5, 6, 7, 10]), "{point:?}");
    }
}

#[test]
fn a_table_that_would_cascade_and_came_after_the_plan_loses_nothing() {
    let sql = "CREATE TABLE invoices (id INTEGER PRIMARY KEY, chat_id INTEGER REFERENCES chats (id) ON DELETE CASCADE);
               INSERT INTO invoices SELECT id, id FROM chats";
    for (point, on) in OPEN {
        let bed = Bed::new();
        let meddler = Meddler::new(&bed, point, on, sql);
        let outcome = bed.run(1, &meddler);
        assert_eq!(meddler.went.get(), Some(true), "{point:?}");
        let target = &outcome.reports[0].status.as_ref().unwrap().targets[0];
        assert_eq!(
            (outcome.exit, target.reason.as_deref()),
            (1, Some("SchemaChanged")),
            "{point:?}"
        );
        let invoiced = bed.numbers("SELECT count(*) FROM chats")[0];
        assert_eq!(bed.numbers("SELECT count(*) FROM invoices"), [invoiced], "{point:?}");
        assert_eq!(bed.run(1, &Unwatched).exit, 2, "the next plan refuses the cascade");
    }
}

#[test]
fn a_writer_that_holds_the_database_too_long_ends_the_target_and_not_the_data() {
    let bed = Bed::new().with("lockTimeout: 1s", "lockTimeout: 50ms");
    let lock = Holder::hold(&bed);
    let outcome = bed.run(4, &Unwatched);
    lock.release();
    assert_eq!(outcome.exit, 1);
    let target = &outcome.reports[0].status.as_ref().unwrap().targets[0];
    assert_eq!(target.reason.as_deref(), Some("LockTimeout"), "{target:?}");
    assert_eq!(bed.chats().len(), 10);
    assert_eq!(bed.run(4, &Unwatched).exit, 0);
    assert_eq!(bed.chats(), [9, 10], "the next run goes on");
    assert_eq!(EXPIRED.len(), 8);
}

/// Another process' write transaction that does not end.
struct Holder {
    end: std::sync::mpsc::Sender<()>,
    thread: std::thread::JoinHandle<()>,
}

impl Holder {
    fn hold(bed: &Bed) -> Self {
        use sqlx::Connection;
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(bed.database());
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let (locked, is_locked) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            crate::bed::block_on(async {
                let mut connection = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
                sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut connection).await.unwrap();
                locked.send(()).unwrap();
                let _ = ended.recv();
                sqlx::raw_sql("ROLLBACK").execute(&mut connection).await.unwrap();
            });
        });
        is_locked.recv().unwrap();
        Self { end, thread }
    }

    fn release(self) {
        drop(self.end);
        self.thread.join().unwrap();
    }
}
