//! A disk that is full, and a file or a table that is another one by now.

use std::cell::Cell;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use retention_operator::run::{Outcome, Point, Unwatched, Watch};

use crate::bed::{Bed, elsewhere};
use crate::skip::{aloud, is_forbidden};

const SMALL: &str = "RETENTION_SMALL_DISK";

/// Does something when a point is reached for the first time.
struct At<F: Fn()>(Point, Cell<bool>, F);

impl<F: Fn()> Watch for At<F> {
    fn reached(&self, point: Point) {
        if point == self.0 && !self.1.replace(true) {
            (self.2)();
        }
    }
}

fn at<F: Fn()>(point: Point, then: F) -> At<F> {
    At(point, Cell::new(false), then)
}

fn assert_failed(outcome: &Outcome, exit: u8, reason: &str, words: &str) {
    let target = &outcome.reports[0].status.as_ref().unwrap().targets[0];
    assert_eq!((outcome.exit, target.reason.as_deref()), (exit, Some(reason)), "{outcome:#?}");
    let message = target.message.as_deref().unwrap_or_default();
    assert!(message.contains(words), "{message}");
    assert_eq!(target.kept.failed, Some(0), "no row is to blame: {outcome:#?}");
}

fn deleted(outcome: &Outcome) -> i64 {
    outcome.reports[0].status.as_ref().unwrap().targets[0].rows.deleted
}

fn assert_the_next_finishes(bed: &Bed, outcome: &Outcome) {
    assert_eq!(10 - bed.chats().len() as i64, deleted(outcome), "{outcome:#?}");
    bed.assert_whole_families();
    assert_eq!(bed.run(3, &Unwatched).exit, 0);
    assert_eq!(bed.chats(), [9, 10]);
    bed.assert_whole_families();
}

#[test]
fn a_full_disk_is_told_leaves_whole_batches_and_the_next_run_finishes() {
    let folder = tempfile::tempdir().unwrap();
    let line = "mount -t tmpfs -o size=4m tmpfs \"$0\" && exec \"$@\"";
    let status = Command::new("unshare")
        .args(["--mount", "sh", "-c", line])
        .arg(folder.path())
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "faults::sqlite::the_process_on_a_small_disk", "--test-threads=1"])
        .args(["--nocapture"])
        .env(SMALL, folder.path())
        .env("TMPDIR", folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&status.stderr);
    if said.contains("Operation not permitted") || said.contains("must be superuser") {
        assert!(!is_forbidden(), "a small disk has to be mounted, which root may do");
        aloud::<()>("root, to mount a small disk", None);
        return;
    }
    let told = String::from_utf8_lossy(&status.stdout);
    assert!(status.status.success() && told.contains("1 passed"), "{told}{said}");
}

/// What runs on the small disk; alone it does nothing.
#[test]
fn the_process_on_a_small_disk() {
    let Ok(folder) = std::env::var(SMALL) else { return };
    let filler = Path::new(&folder).join("filler");
    for mode in ["WAL", "DELETE"] {
        let bed = Bed::new();
        let noise = format!(
            "PRAGMA journal_mode = {mode}; CREATE TABLE noise (bytes);
             CREATE TRIGGER loud BEFORE DELETE ON chats BEGIN INSERT INTO noise VALUES (zeroblob(100000)); END"
        );
        elsewhere(&bed.database(), &noise).unwrap();
        let fill = at(Point::Committed, || {
            let mut file = fs::File::create(&filler).unwrap();
            while file.write_all(&[0; 512]).is_ok() {}
        });
        let outcome = bed.run(1, &fill);
        assert_failed(&outcome, 3, "DiskFull", "database or disk is full");
        assert_failed(&outcome, 3, "DiskFull", "make room");
        fs::remove_file(&filler).unwrap();
        assert_the_next_finishes(&bed, &outcome);
    }
}

#[test]
fn a_file_that_is_replaced_ends_the_target_and_none_of_the_new_ones_rows_is_told_to_be_gone() {
    for point in [Point::Found, Point::Committed] {
        let bed = Bed::new();
        elsewhere(&bed.database(), "PRAGMA journal_mode = DELETE").unwrap();
        let copy = bed.folder().join("copy.db");
        fs::copy(bed.database(), &copy).unwrap();
        // As a backup is brought back.
        let replace = at(point, || fs::rename(&copy, bed.database()).unwrap());
        let outcome = bed.run(2, &replace);
        let words = "changed after the plan was made: another file has its name now";
        assert_failed(&outcome, 1, "SchemaChanged", words);
        assert_eq!(deleted(&outcome), if point == Point::Found { 0 } else { 2 });
        assert_eq!(bed.chats().len(), 10, "the new file");
        assert_eq!(bed.run(3, &Unwatched).exit, 0);
        assert_eq!(bed.chats(), [9, 10]);
    }
}

#[test]
fn a_table_that_is_dropped_or_made_again_under_its_name_ends_the_target_as_changed() {
    for point in [Point::Planned, Point::Found, Point::Committed] {
        for (change, mend) in [
            ("ALTER TABLE chats RENAME TO talks", "ALTER TABLE talks RENAME TO chats"),
            ("ALTER TABLE messages RENAME TO letters", "ALTER TABLE letters RENAME TO messages"),
            (
                "ALTER TABLE chats RENAME COLUMN updated_at TO seen",
                "ALTER TABLE chats RENAME COLUMN seen TO updated_at",
            ),
            (
                "CREATE TABLE copy AS SELECT * FROM chats; PRAGMA foreign_keys = off; DROP TABLE chats;
                 CREATE TABLE chats (id INTEGER PRIMARY KEY, org TEXT, updated_at INTEGER, pinned INTEGER NOT NULL DEFAULT 0);
                 INSERT INTO chats SELECT * FROM copy; DROP TABLE copy",
                "CREATE INDEX chats_age ON chats (org, updated_at)",
            ),
        ] {
            let bed = Bed::new();
            let meddle = at(point, || elsewhere(&bed.database(), change).unwrap());
            let outcome = bed.run(2, &meddle);
            elsewhere(&bed.database(), mend).unwrap();
            let words = "the database changed after the plan was made";
            assert_failed(&outcome, 1, "SchemaChanged", words);
            assert_the_next_finishes(&bed, &outcome);
        }
    }
}
