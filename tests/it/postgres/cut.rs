//! The connection breaks in the middle of a batch, and of its COMMIT: what went is counted, and what did not is not.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use retention_operator::run::{Options, Point, Unwatched, Watch};

use super::client;
use super::database::{Database, delete};
use super::proxy::{Cut, Moment, Proxy, Word};
use super::stage::{Said, Stage, old};

/// 20 old rows and 4 young ones, each with two that depend on it.
const ROWS: &str = "
    CREATE TABLE t (id bigint PRIMARY KEY, at timestamptz);
    INSERT INTO t SELECT g, CASE WHEN g > 20 THEN timestamptz '2026-11-20Z' ELSE '2020-01-01Z' END FROM generate_series(1, 24) g;
    CREATE TABLE d (id bigserial PRIMARY KEY, t_id bigint REFERENCES t ON DELETE CASCADE);
    INSERT INTO d (t_id) SELECT g FROM generate_series(1, 24) g, generate_series(1, 2);
    CREATE INDEX ON d (t_id);";

#[derive(Debug, Clone, Copy, PartialEq)]
enum Lane {
    /// The database takes dependents with their roots.
    Cascade,
    /// The batch does.
    Explicit,
    Blocks,
    /// The batch takes dependents before the rows of whole blocks.
    BlocksOneByOne,
    /// As `Cascade`, under a cap that is not reached.
    Capped,
    Pooled,
}

const LANES: [Lane; 6] =
    [Lane::Cascade, Lane::Explicit, Lane::Blocks, Lane::BlocksOneByOne, Lane::Capped, Lane::Pooled];

impl Lane {
    fn is_by_blocks(self) -> bool {
        matches!(self, Self::Blocks | Self::BlocksOneByOne)
    }

    fn takes_dependents(self) -> bool {
        matches!(self, Self::Explicit | Self::BlocksOneByOne)
    }
}

struct Bed {
    stage: Stage,
    proxy: Arc<Proxy>,
    lane: Lane,
}

impl Bed {
    fn new(lane: Lane, cut: Cut) -> Option<Self> {
        Self::on(Database::create()?, lane, cut, |to| Some(to.to_owned()))
    }

    /// `then`: where it leads after it broke.
    fn on(
        database: Database,
        lane: Lane,
        cut: Cut,
        then: impl FnOnce(&str) -> Option<String>,
    ) -> Option<Self> {
        let explicit = ROWS.replace(" ON DELETE CASCADE", "");
        database.execute(if lane.takes_dependents() { &explicit } else { ROWS });
        database.grant(&[delete("t", "id"), delete("d", "id")]);
        let url = if lane == Lane::Pooled { database.bouncer_url()? } else { database.url() };
        let (login, rest) = url.split_once('@').unwrap();
        let (authority, rest) = rest.split_once('/').unwrap();
        let proxy = Arc::new(Proxy::new(cut, authority, then(authority).as_deref()));
        let url = format!("{login}@{}/{rest}", proxy.authority);
        Some(Self { stage: Stage::new(database, url), proxy, lane })
    }

    fn ask(&self, stop: &AtomicBool, watch: &dyn Watch) -> Said {
        let cap = if self.lane == Lane::Capped { ", maxRowsPerRun: 100" } else { "" };
        let dependents = "dependents: [{name: d, table: public.d, references: {t_id: id}}]";
        let options = |options: &mut Options| {
            // All rows lie in one block: a batch of fewer would leave it to batches that know each row.
            let by_blocks = self.lane.is_by_blocks();
            options.batch_rows = Some(if by_blocks { 20 } else { 3 });
            options.nearly_all = by_blocks.then_some(-1.0);
        };
        self.stage.ask_until(stop, &old(&format!(", {dependents}{cap}")), options, watch)
    }

    fn run(&self) -> Said {
        self.ask(&AtomicBool::new(false), &Unwatched)
    }

    fn left(&self) -> usize {
        let left: BTreeSet<i64> = self.stage.left().into_iter().collect();
        let young = (21..=24).collect();
        assert!(left.is_superset(&young), "young rows went: {left:?}");
        let parents = "SELECT t_id FROM d GROUP BY t_id HAVING count(*) = 2 ORDER BY 1";
        let whole: BTreeSet<i64> = self.stage.database.numbers(parents).into_iter().collect();
        assert_eq!(whole, left, "half families");
        assert_eq!(self.stage.database.numbers("SELECT count(*) FROM d"), [2 * left.len() as i64]);
        left.len()
    }
}

/// All is gone in the end, and what is told is what went.
fn assert_exact(bed: &Bed, said: &Said, context: &str) {
    said.assert_done();
    assert_eq!(bed.left(), 4, "{context}");
    let target = said.target();
    let batches = target.work.as_ref().unwrap().batches;
    assert_eq!(batches == 1, bed.lane.is_by_blocks(), "{context}: {batches} batches");
    let counts = (target.rows.deleted, target.rows.selected, target.dependents[0].deleted);
    assert_eq!(counts, (20, 20, 40), "{context}: {target:#?}");
    assert_eq!(target.rows.at_least, None, "{context}");
    let overdue = target.overdue.as_ref().unwrap();
    assert_eq!((overdue.rows, target.tenants[0].deleted), (0, 20), "{context}: {target:#?}");
    assert_eq!(target.kept.locked, Some(0), "{context}");
}

#[test]
fn wherever_the_connection_breaks_the_run_goes_on_and_tells_what_went() {
    for lane in LANES {
        for (word, moment) in [
            (Word::Begin, Moment::Unheard),
            (Word::Begin, Moment::Unanswered),
            (Word::Delete, Moment::Unheard),
            (Word::Delete, Moment::Unanswered),
            (Word::Commit, Moment::Unheard),
            (Word::Commit, Moment::Meanwhile),
            (Word::Commit, Moment::Unanswered),
        ] {
            // All rows lie in one block, and other words are said alike in every batch.
            let places = if word == Word::Commit && !lane.is_by_blocks() { 1..=2 } else { 1..=1 };
            for on in places {
                let cut = Cut { word, moment, on, times: 1 };
                let Some(bed) = Bed::new(lane, cut) else { return };
                let said = bed.run();
                let context = format!("{lane:?}, {cut:?}");
                assert_eq!(bed.proxy.broke(), 1, "{context}");
                assert_exact(&bed, &said, &context);
            }
        }
    }
}

#[test]
fn a_batch_whose_commit_is_still_under_way_is_waited_for() {
    for lane in [Lane::Cascade, Lane::Blocks] {
        let cut = Cut { word: Word::Commit, moment: Moment::Late, on: 1, times: 1 };
        let Some(bed) = Bed::new(lane, cut) else { return };
        let said = bed.run();
        assert_eq!(bed.proxy.broke(), 1);
        assert_exact(&bed, &said, &format!("{lane:?}"));
    }
}

#[test]
fn a_dry_run_goes_on_too_and_counts_nothing_twice() {
    let Some(database) = Database::create() else { return };
    // More than are judged at once.
    database.execute(
        "CREATE TABLE t (id bigint PRIMARY KEY, at timestamptz);
         INSERT INTO t SELECT g, '2020-01-01Z' FROM generate_series(1, 700) g",
    );
    database.grant(&[delete("t", "id")]);
    let url = database.url();
    let stage = Stage::new(database, url);
    let watch = Ended { database: &stage.database, met: AtomicBool::new(false) };
    let said = stage.ask(&old(""), |options| options.dry_run = true, &watch);
    said.assert_done();
    assert!(watch.met.load(Ordering::Relaxed));
    assert_eq!(said.target().rows.deleted, 700);
}

/// Ends everybody's connection once something was counted.
struct Ended<'a> {
    database: &'a Database,
    met: AtomicBool,
}

impl Watch for Ended<'_> {
    fn gone(&self, _target: &str, _rows: u64) {
        if !self.met.swap(true, Ordering::Relaxed) {
            self.database.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                 WHERE datname = current_database() AND pid <> pg_backend_pid()",
            );
        }
    }
}

#[test]
fn a_connection_that_breaks_again_and_again_ends_the_target_and_the_next_run_goes_on() {
    let cut = Cut { word: Word::Delete, moment: Moment::Unanswered, on: 2, times: 6 };
    let Some(bed) = Bed::new(Lane::Cascade, cut) else { return };
    let said = bed.run();
    assert_eq!((said.exit(), bed.proxy.broke()), (3, 6), "{said:#?}");
    let target = said.target();
    assert_eq!(target.reason.as_deref(), Some("Unreachable"), "{target:#?}");
    assert_eq!((bed.left(), target.rows.deleted), (21, 3));
    assert_eq!(target.rows.at_least, None);
    let said = bed.run();
    said.assert_done();
    assert_eq!((bed.left(), said.target().rows.deleted), (4, 17));
}

/// Nobody could tell: what is counted is the least, and the report says how much more it may be.
fn assert_least(bed: &Bed, said: &Said, counted: i64) {
    assert_eq!(said.exit(), 3, "{said:#?}");
    let target = said.target();
    assert_eq!(target.rows.at_least, Some(true), "{target:#?}");
    assert_eq!(said.status().totals.as_ref().unwrap().at_least, Some(true));
    assert_eq!((target.rows.deleted, bed.left()), (counted, 24 - counted as usize - 3));
    let notes = target.access.as_ref().unwrap().notes.concat();
    assert!(notes.contains("whether a batch was committed: up to 3 rows"), "{notes}");
    let text = retention_operator::run::render_table(&said.0.reports);
    assert!(text.contains(&format!(">={counted}")), "{text}");
    assert!(said.0.last_words().contains("at least"), "{}", said.0.last_words());
}

#[test]
fn a_server_that_is_not_reached_any_more_leaves_the_least_that_went() {
    let cut = Cut { word: Word::Commit, moment: Moment::Unanswered, on: 2, times: 1 };
    let Some(database) = Database::create() else { return };
    let Some(bed) = Bed::on(database, Lane::Cascade, cut, |_| None) else { return };
    // A run that is told to end waits no longer than it may.
    let stop = AtomicBool::new(false);
    let told = Acted { met: 0.into(), stop: &stop };
    let said = bed.ask(&stop, &told);
    assert_least(&bed, &said, 3);
}

/// Tells the run to end when it is about to commit its second batch.
struct Acted<'a> {
    met: std::cell::Cell<usize>,
    stop: &'a AtomicBool,
}

impl Watch for Acted<'_> {
    fn reached(&self, point: Point) {
        if point == Point::Acted {
            self.met.set(self.met.get() + 1);
            self.stop.store(self.met.get() == 2, Ordering::Relaxed);
        }
    }
}

/// Numbers of transactions are its own: the same number was another one there.
#[test]
fn another_server_behind_the_same_name_is_not_believed() {
    let cut = Cut { word: Word::Commit, moment: Moment::Unanswered, on: 2, times: 1 };
    let Some((pair, _turn)) = super::replica::pair() else { return };
    let Some(database) = Database::create() else { return };
    let other = &pair.primary;
    database.admit_on(other);
    let ahead =
        "DO $$ BEGIN FOR i IN 1..20000 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$";
    client::execute(&other.own_url("postgres"), ahead).unwrap();
    let then = |_: &str| Some(other.authority.clone());
    let Some(bed) = Bed::on(database, Lane::Cascade, cut, then) else { return };
    let said = bed.run();
    bed.stage.database.forget_on(other);
    assert_least(&bed, &said, 3);
}
