//! A run that is killed with SIGKILL at each of its named points: whatever was not committed is as
//! if it had never been tried, and the next run goes on.

mod chats;
mod instants;
mod pod;
mod record;
mod scene;

use std::cell::Cell;
use std::process::{Command, Stdio};
use std::sync::atomic::AtomicBool;

use retention_operator::run::{self, Point, Unwatched, Watch};

use crate::bed::{Bed, EXPIRED, block_on};

const POINTS: [Point; 6] =
    [Point::Planned, Point::Found, Point::Locked, Point::Judged, Point::Acted, Point::Committed];
const FOLDER: &str = "RETENTION_KILL_FOLDER";
const PLACE: &str = "RETENTION_KILL_PLACE";

/// Kills this very process when a point is reached for the n-th time.
struct Killer {
    point: Point,
    on: usize,
    met: Cell<usize>,
}

impl Watch for Killer {
    fn reached(&self, point: Point) {
        if point == self.point {
            self.met.set(self.met.get() + 1);
            if self.met.get() == self.on {
                let _ =
                    Command::new("kill").args(["-KILL", &std::process::id().to_string()]).status();
                loop {
                    std::thread::park();
                }
            }
        }
    }
}

/// What the killed process runs; alone it does nothing.
#[test]
fn the_process_that_is_killed() {
    let (Ok(folder), Ok(place)) = (std::env::var(FOLDER), std::env::var(PLACE)) else {
        return;
    };
    let (point, on) = place.split_once(',').unwrap();
    let point = POINTS[point.parse::<usize>().unwrap()];
    let killer = Killer { point, on: on.parse().unwrap(), met: Cell::new(0) };
    let options = run::Options { batch_rows: Some(3), ..Bed::at(folder.as_ref()) };
    block_on(run::run(&options, &killer, &AtomicBool::new(false)));
    panic!("{point:?} was not reached that often");
}

fn kill_at(bed: &Bed, at: usize, on: usize) {
    use std::os::unix::process::ExitStatusExt;
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kill::the_process_that_is_killed", "--test-threads=1"])
        .env(FOLDER, bed.folder())
        .env(PLACE, format!("{at},{on}"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert_eq!(status.signal(), Some(9), "{:?}: the process was to be killed", POINTS[at]);
}

/// How many chats are gone when the n-th batch of three is killed at a point.
fn gone_by_then(point: Point, on: usize) -> usize {
    let batches = if point == Point::Committed { on } else { on - 1 };
    if matches!(point, Point::Planned | Point::Found) {
        0
    } else {
        (batches * 3).min(EXPIRED.len())
    }
}

#[test]
fn killed_at_any_point_nothing_is_half_done_and_the_next_run_goes_on() {
    for mode in ["WAL", "DELETE"] {
        for (at, point) in POINTS.into_iter().enumerate() {
            let times = if matches!(point, Point::Planned | Point::Found) { 1 } else { 3 };
            for on in 1..=times {
                let bed = Bed::new();
                crate::bed::elsewhere(&bed.database(), &format!("PRAGMA journal_mode = {mode}"))
                    .unwrap();
                kill_at(&bed, at, on);
                let context = format!("{mode}, {point:?}, time {on}");
                // The next run is the first to open the file: it finds what the killed one left.
                let first = if on == 1 { bed.run(3, &Unwatched).exit } else { 0 };
                if on > 1 {
                    let left = bed.chats();
                    assert_eq!(10 - left.len(), gone_by_then(point, on), "{context}");
                    assert!(left.contains(&9) && left.contains(&10), "{context}");
                    bed.assert_whole_families();
                    assert_eq!(bed.run(3, &Unwatched).exit, 0, "{context}");
                }
                assert_eq!(first, 0, "{context}");
                assert_eq!(bed.chats(), [9, 10], "{context}");
                bed.assert_whole_families();
            }
        }
    }
}

/// A writer that died while its changes were already in the file: what is left of it is a copy of
/// both files, made in the middle of its transaction.
#[test]
fn a_hot_journal_is_rolled_back_before_anything_is_judged() {
    use sqlx::Connection;
    let (dead, bed) = (Bed::new(), Bed::new());
    for bed in [&dead, &bed] {
        crate::bed::elsewhere(&bed.database(), "PRAGMA journal_mode = DELETE").unwrap();
    }
    let journal = |bed: &Bed| bed.folder().join("app.db-journal");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(dead.database());
    block_on(async {
        let mut writer = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
        // With no room for changed pages they go to the file before the commit. Every chat would be
        // expired and of nobody's keeping if this were ever taken for the truth.
        let changes = "PRAGMA cache_size = 1; PRAGMA cache_spill = 1; BEGIN IMMEDIATE;
            UPDATE chats SET updated_at = 1500000000, org = 'acme';
            WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
            INSERT INTO messages (chat_id, body) SELECT 9, hex(zeroblob(200)) FROM n";
        sqlx::raw_sql(changes).execute(&mut writer).await.unwrap();
        std::fs::copy(journal(&dead), journal(&bed)).unwrap();
        std::fs::copy(dead.database(), bed.database()).unwrap();
        sqlx::raw_sql("ROLLBACK").execute(&mut writer).await.unwrap();
    });
    assert!(std::fs::metadata(journal(&bed)).unwrap().len() > 512, "the journal is hot");
    let outcome = bed.run(3, &Unwatched);
    assert_eq!(outcome.exit, 0, "{outcome:?}");
    assert_eq!(bed.chats(), [9, 10]);
    bed.assert_whole_families();
}
