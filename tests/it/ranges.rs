//! Whole stretches of a SQLite table at once, and row by row: the same rows go, and the same is told.

use std::cell::{Cell, RefCell};
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use retention_operator::run::{self, Options, Outcome, Point, Watch};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::bed::{Bed, block_on, elsewhere, numbers_of};

/// 90 rows of four tenants, one a day, and rows about which there is something odd. Each has a message or two, and each
/// message a part.
const ROWS: &str = "
    PRAGMA journal_mode = WAL;
    CREATE TABLE t (id INTEGER PRIMARY KEY, org TEXT, at INTEGER, pins INTEGER, state TEXT, note TEXT);
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 90)
    INSERT INTO t SELECT i, 'org' || (i % 4), unixepoch('2026-11-21 12:00') - i * 86400, i % 5, 'done', '{}' FROM n;
    INSERT INTO t VALUES (101, NULL, 1600000000, 0, 'done', '{}'), (102, 'org1', NULL, 0, 'done', '{}'),
        (103, 'org1', 1900000000, 0, 'done', '{}'), (104, 'org1', 0, 0, 'done', '{}'), (105, 'org1', -5, 0, 'done', '{}'),
        (106, 'org1', '2020-01-01', 0, 'done', '{}'), (107, 'ORG1', 1600000000, 0, 'done', '{}'),
        (109, 'org1', 1600000000, 0, NULL, '{}'), (110, 'org1', 1600000000, NULL, 'done', '{}'),
        (111, 'org0', unixepoch('2026-10-22 12:00'), 0, 'done', '{}'),
        (112, 'org0', unixepoch('2026-10-22 12:00') - 1, 0, 'done', '{}'),
        (113, 'org0', unixepoch('2026-10-22 12:00') - 0.5, 0, 'done', '{}'),
        (114, 'org2', 1600000000, 0, 'done', '{}');
    CREATE TABLE d (id INTEGER PRIMARY KEY, t_id INTEGER REFERENCES t (id) ON DELETE CASCADE);
    CREATE INDEX d_t ON d (t_id); INSERT INTO d (t_id) SELECT id FROM t UNION ALL SELECT id FROM t WHERE id % 2 = 0;
    CREATE TABLE e (id INTEGER PRIMARY KEY, d_id INTEGER REFERENCES d (id) ON DELETE CASCADE);
    CREATE INDEX e_d ON e (d_id); INSERT INTO e (d_id) SELECT id FROM d;
    CREATE TABLE x (t_id INTEGER REFERENCES t (id)); CREATE INDEX x_t ON x (t_id);
    CREATE TABLE notes (t_id INTEGER);
    INSERT INTO notes VALUES (50), (53);";
const DEPENDENTS: &str = "dependents: [{name: d, table: d, references: {t_id: id}},
        {name: e, of: d, table: e, references: {d_id: id}}]";
const WINDOWS: &str =
    "default: 30d, tenants: [{name: org1, window: 60d}, {name: org2, window: Forever}]";

struct Stage(TempDir);

impl Stage {
    fn new(sql: &str, target: &str) -> Self {
        let stage = Self(tempfile::tempdir().unwrap());
        std::fs::write(stage.file(), "").unwrap();
        elsewhere(&stage.file(), sql).unwrap();
        let manifest = format!(
            "apiVersion: retention-operator.io/v1alpha1
kind: DatabaseConnection
metadata: {{name: app}}
spec:
  sqlite: {{path: app.db}}
  allow: [{{tables: [\"*\"], actions: [Delete]}}]
  limits: {{dutyCyclePercent: 100, lockTimeout: 1s}}
---
apiVersion: retention-operator.io/v1alpha1
kind: RetentionPolicy
metadata: {{name: rows}}
spec:
  connectionRef: {{name: app}}
  schedule: \"@daily\"
  window: {{{WINDOWS}}}
  targets:
  - name: t
    table: t
    action: Delete
    tenant: {{column: org}}
    age: {{column: at, encoding: UnixSeconds}}
    {target}
"
        );
        std::fs::write(stage.0.path().join("manifest.yaml"), manifest).unwrap();
        stage
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("app.db")
    }

    /// Stretches from the first on, or none.
    fn run(&self, batch_rows: usize, stretches: bool, watch: &dyn Watch) -> Outcome {
        let options = Options {
            batch_rows: Some(batch_rows),
            nearly_all: Some(if stretches { -1.0 } else { 2.0 }),
            ..Bed::at(self.0.path())
        };
        block_on(run::run(&options, watch, &AtomicBool::new(false)))
    }

    fn numbers(&self, sql: &str) -> Vec<i64> {
        numbers_of(&self.file(), sql)
    }

    fn left(&self) -> Vec<i64> {
        self.numbers("SELECT id FROM t ORDER BY id")
    }

    fn assert_no_orphans(&self) {
        let orphans = "SELECT id FROM d WHERE t_id NOT IN (SELECT id FROM t)
            UNION ALL SELECT id FROM e WHERE d_id NOT IN (SELECT id FROM d)";
        assert_eq!(self.numbers(orphans), [0; 0]);
    }
}

fn told(outcome: &Outcome) -> Value {
    let status = outcome.reports.first().and_then(|report| report.status.as_ref());
    let target = &status.unwrap_or_else(|| panic!("{outcome:#?}")).targets[0];
    json!([
        target.outcome,
        target.rows,
        target.kept,
        target.dependents,
        target.overdue,
        target.tenants,
        target.failures
    ])
}

/// How often a run was where. A stretch finds its rows itself: what goes row by row was found by pages.
#[derive(Default)]
struct Counting {
    found: Cell<usize>,
    locked: Cell<usize>,
    committed: Cell<usize>,
    steps: RefCell<Vec<u64>>,
}

impl Watch for Counting {
    fn reached(&self, point: Point) {
        let count = match point {
            Point::Found => &self.found,
            Point::Locked => &self.locked,
            Point::Committed => &self.committed,
            _ => return,
        };
        count.set(count.get() + 1);
    }

    fn gone(&self, _target: &str, rows: u64) {
        self.steps.borrow_mut().push(rows);
    }
}

/// What both ways leave and tell, and whether the first took stretches to the end.
fn ways(sql: &str, target: &str) -> (Vec<i64>, Value, bool) {
    let (together, alone) = (Stage::new(sql, target), Stage::new(sql, target));
    let (seen, by_row) = (Counting::default(), Counting::default());
    let outcome = together.run(4, true, &seen);
    let said = told(&outcome);
    let one_by_one = told(&alone.run(4, false, &by_row));
    assert_eq!(said, one_by_one, "{target}");
    assert_eq!(together.left(), alone.left(), "{target}");
    together.assert_no_orphans();
    assert!(by_row.found.get() < by_row.committed.get(), "these were not to go by stretches");
    let most = seen.steps.borrow().windows(2).map(|pair| pair[1] - pair[0]).max();
    assert!(most <= Some(4), "a batch of {most:?} rows");
    (together.left(), said, seen.found.get() >= seen.committed.get())
}

#[test]
fn everything_that_decides_is_asked_of_each_row() {
    for conditions in [
        "",
        r#"where: "state = 'done'""#,
        r#"where: "state = 'done'", exemptions: [{name: pinned, when: "pins = 4"}]"#,
        r#"exemptions: [{name: pinned, when: "pins = 4"}, {name: noted,
            when: "exists (select 1 from notes n where n.t_id = t.id)"}]"#,
        r#"where: "not exists (select 1 from notes n where n.t_id = t.id)""#,
    ] {
        let sql = format!("{ROWS} INSERT INTO x VALUES (75), (112)");
        let target = conditions.replace(", exemptions", "\n    exemptions");
        let (left, told, stretches) = ways(&sql, &format!("{target}\n    {DEPENDENTS}"));
        assert!(stretches, "{conditions}");
        for stays in [75, 101, 102, 103, 104, 105, 106, 111, 112, 114] {
            assert!(left.contains(&stays), "{conditions}: {stays} is gone");
        }
        // 71 is of org3, which keeps for thirty days; 57 of org1, which keeps for sixty.
        assert!(!left.contains(&71) && left.contains(&57) && !left.contains(&113), "{told}");
        assert_eq!(told[2]["referenced"], 2, "{told}");
        assert_eq!(left.contains(&109), conditions.contains("done"), "{conditions}");
    }
}

#[test]
fn what_hangs_on_a_row_is_counted_table_by_table() {
    let (_, told, stretches) = ways(ROWS, DEPENDENTS);
    let gone = |name| {
        let dependents = told[3].as_array().unwrap();
        dependents.iter().find(|d| d["name"] == name).unwrap()["deleted"].as_u64().unwrap()
    };
    assert!(stretches && gone("d") > 50 && gone("d") == gone("e"), "{told}");
}

#[test]
fn what_nobody_would_count_or_judge_goes_row_by_row() {
    let trigger =
        "CREATE TRIGGER g AFTER DELETE ON t BEGIN DELETE FROM notes WHERE t_id = old.id; END;";
    let of_dependent =
        "CREATE TRIGGER g BEFORE DELETE ON d WHEN old.id < 0 BEGIN SELECT RAISE(IGNORE); END;";
    // SQLite tells no single row of it.
    let unseen = ROWS.replace(
        "CREATE TABLE e (id INTEGER PRIMARY KEY,",
        "CREATE TABLE e (id INTEGER, pad TEXT DEFAULT 'x',",
    );
    let unseen = unseen
        .replace("e (id INTEGER, pad TEXT DEFAULT 'x', d_id INTEGER REFERENCES d (id) ON DELETE CASCADE)",
            "e (id INTEGER, pad TEXT DEFAULT 'x', d_id INTEGER REFERENCES d (id) ON DELETE CASCADE, PRIMARY KEY (d_id)) WITHOUT ROWID");
    assert!(unseen.contains("WITHOUT ROWID"));
    let restricts = ROWS.replace("REFERENCES d (id) ON DELETE CASCADE", "REFERENCES d (id)");
    let kept = DEPENDENTS.replace("references: {t_id: id}}", "references: {t_id: id}},\n        {name: x, table: x, references: {t_id: id}, action: Keep}");
    let by_cutoff = format!(
        r#"where: "cast(at as integer) < :cutoff - 60"
    {DEPENDENTS}"#
    );
    // With one Keep in the policy the database follows no key of any target.
    let unfollowed = format!(
        "{ROWS} DROP TABLE x; CREATE TABLE u (id INTEGER PRIMARY KEY, org TEXT, at INTEGER);
         CREATE TABLE v (u_id INTEGER REFERENCES u (id));"
    );
    let beside = format!(
        "{DEPENDENTS}
  - {{name: u, table: u, action: Delete, tenant: {{column: org}}, age: {{column: at, encoding: UnixSeconds}},
     dependents: [{{name: v, table: v, references: {{u_id: id}}, action: Keep}}]}}"
    );
    for (sql, target) in [
        (unfollowed, beside.as_str()),
        (format!("{ROWS} {trigger}"), DEPENDENTS),
        (format!("{ROWS} {of_dependent}"), DEPENDENTS),
        (unseen, DEPENDENTS),
        (restricts, DEPENDENTS),
        (ROWS.to_owned(), &kept),
        (ROWS.to_owned(), &by_cutoff),
    ] {
        let (left, told, stretches) = ways(&sql, target);
        assert!(!stretches, "{target}: {told}");
        assert!(!left.contains(&88) && left.contains(&111), "{told}");
    }
}

#[test]
fn a_row_that_cannot_be_judged_stays_alone() {
    let sql = format!("{ROWS} UPDATE t SET note = 'no json' WHERE id IN (5, 80)");
    let target = format!(
        "exemptions: [{{name: noted, when: \"json_extract(note, '$.keep') is not null\"}}]\n    {DEPENDENTS}"
    );
    let stage = Stage::new(&sql, &target);
    let outcome = stage.run(4, true, &Counting::default());
    let told = told(&outcome);
    assert_eq!(outcome.exit, 1, "{told}");
    let left = stage.left();
    // 5 is young, and nobody asks.
    assert!(left.contains(&80) && left.contains(&5) && !left.contains(&79), "{told}");
    assert_eq!(told[2]["failed"], 1, "{told}");
    stage.assert_no_orphans();
}

/// Does something elsewhere when a point is reached for the third time.
struct Meddler<'a> {
    point: Point,
    sql: &'a str,
    file: PathBuf,
    met: Cell<usize>,
    done: Cell<Option<bool>>,
}

impl Watch for Meddler<'_> {
    fn reached(&self, point: Point) {
        if point == self.point {
            self.met.set(self.met.get() + 1);
            if self.met.get() == 3 {
                self.done.set(Some(elsewhere(&self.file, self.sql).is_ok()));
            }
        }
    }
}

fn meddled(point: Point, sql: &str) -> (Stage, Value, Option<bool>) {
    let stage = Stage::new(ROWS, DEPENDENTS);
    let file = stage.file();
    let meddler = Meddler { point, sql, file, met: Cell::new(0), done: Cell::new(None) };
    let outcome = stage.run(4, true, &meddler);
    stage.assert_no_orphans();
    (stage, told(&outcome), meddler.done.get())
}

#[test]
fn a_row_that_changes_before_its_stretch_survives_and_under_the_lock_none_changes() {
    for sql in [
        "UPDATE t SET at = 1795000000 WHERE id IN (71, 88)",
        "UPDATE t SET org = 'org2' WHERE id IN (71, 88)",
        "UPDATE t SET org = NULL WHERE id IN (71, 88)",
        "UPDATE t SET org = 'newcomer' WHERE id IN (71, 88)",
        "INSERT INTO x VALUES (71), (88)",
    ] {
        for point in [Point::Found, Point::Committed] {
            let (stage, told, done) = meddled(point, sql);
            assert_eq!(done, Some(true), "{point:?}: the change was not made");
            assert!(stage.left().contains(&71), "{point:?}, {sql}: {told}");
        }
        for point in [Point::Locked, Point::Judged, Point::Acted] {
            let (stage, told, done) = meddled(point, sql);
            assert_eq!(done, Some(false), "{point:?}: the change got in");
            assert!(!stage.left().contains(&71), "{point:?}, {sql}: {told}");
        }
    }
}

#[test]
fn a_table_that_cascades_and_comes_between_two_stretches_loses_nothing() {
    let sql = "CREATE TABLE bills (t_id INTEGER REFERENCES t (id) ON DELETE CASCADE); INSERT INTO bills SELECT id FROM t";
    for point in [Point::Found, Point::Committed] {
        let (stage, told, done) = meddled(point, sql);
        assert_eq!((done, &told[0]), (Some(true), &json!("Failed")), "{told}");
        let rows = stage.numbers("SELECT count(*) FROM t");
        assert_eq!(stage.numbers("SELECT count(*) FROM bills"), rows, "{point:?}");
    }
}

#[test]
fn where_few_rows_go_they_are_looked_for_without_the_lock() {
    let sql = format!(
        "{ROWS} WITH RECURSIVE n (i) AS (SELECT 1001 UNION ALL SELECT i + 1 FROM n WHERE i < 31000)
         INSERT INTO t (id, org, at) SELECT i, 'org0', CASE WHEN i < 7000 OR i % 100 = 0 THEN 1600000000 ELSE 1795000000 END FROM n"
    );
    let stage = Stage::new(&sql, DEPENDENTS);
    let seen = Counting::default();
    let options = Options { batch_rows: Some(500), ..Bed::at(stage.0.path()) };
    let outcome = block_on(run::run(&options, &seen, &AtomicBool::new(false)));
    assert_eq!(told(&outcome)[1]["deleted"], 5_999 + 241 + 43, "{}", told(&outcome));
    // Twelve stretches and a few pages; of the young part 24 pages, each with ten rows that go.
    assert!((34..44).contains(&seen.locked.get()), "{} batches", seen.locked.get());
    // Of the first page there are two.
    assert!(seen.found.get() + 2 > seen.locked.get(), "the dense part went by stretches");
}

#[test]
fn when_a_run_ends_all_of_it_is_in_the_file_though_somebody_else_has_it_open() {
    let stage = Stage::new(ROWS, DEPENDENTS);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(stage.file());
    let other = runtime.block_on(async {
        use sqlx::Connection;
        let mut other = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
        sqlx::raw_sql("SELECT count(*) FROM t").execute(&mut other).await.unwrap();
        other
    });
    assert_eq!(stage.run(4, true, &Counting::default()).exit, 0);
    let copy = stage.0.path().join("copy.db");
    std::fs::copy(stage.file(), &copy).unwrap();
    assert_eq!(numbers_of(&copy, "SELECT id FROM t ORDER BY id"), stage.left());
    drop(other);
}
