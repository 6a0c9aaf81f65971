//! What a run costs, by the server's own counters: it follows what is expired, not what is there.

use std::cell::RefCell;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use retention_operator::run::{Options, Unwatched, Watch};

use super::database::{Database, delete, read};
use super::keep::program;
use super::server::Server;
use super::stage::{Said, Stage, old, old_of};
use crate::skip::{self, aloud};

/// A server that counts by statement, at once. None, and a word aloud, where PostgreSQL or its contrib is missing.
pub fn server() -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    let server = SERVER.get_or_init(|| {
        let library = program("postgres")?
            .canonicalize()
            .ok()?
            .parent()?
            .with_file_name("lib/pg_stat_statements.so");
        if !library.exists() {
            skip::lacking("pg_stat_statements");
            return None;
        }
        // Room for all, so that nothing that was counted is forgotten.
        let settings =
            ["shared_preload_libraries=pg_stat_statements", "pg_stat_statements.max=50000"];
        Server::start(&settings, |_| Vec::new(), "?sslmode=disable")
    });
    aloud("PostgreSQL with pg_stat_statements", server.as_ref())
}

/// What the purge's login has asked for.
#[derive(Debug, Clone, Copy)]
struct Cost {
    statements: i64,
    /// Read, wherever they were found.
    blocks: i64,
}

impl std::ops::Sub for Cost {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        let Self { statements, blocks } = self;
        Self { statements: statements - other.statements, blocks: blocks - other.blocks }
    }
}

/// Table t of so many rows, each with its age by this expression of i, tenants by another.
struct Rows<'a> {
    count: i64,
    tenant: &'a str,
    age: &'a str,
    index: &'a str,
}

const INDEX: &str = "CREATE INDEX ON t (ten, at, id);";
const YOUNG: &str = "timestamptz '2026-11-01Z' + i % 1000 * interval '1min'";
/// In no order that the rows lie in.
const SIXTY_OF_100: &str = "CASE WHEN i * 7919 % 100 < 60 THEN timestamptz '2020-01-01Z' + i * 104729 % 1000003 * interval '1min'
    ELSE timestamptz '2026-11-01Z' + i % 1000 * interval '1min' END";

impl Rows<'_> {
    fn stage(&self) -> Option<Stage> {
        let database = Database::create_on(server()?, None);
        let Self { count, tenant, age, index } = self;
        database.execute("CREATE EXTENSION pg_stat_statements");
        database.execute(&format!(
            "CREATE TABLE t (id bigint PRIMARY KEY, ten int, at timestamptz, note text);
             INSERT INTO t SELECT i, {tenant}, {age}, repeat('x', 60) FROM generate_series(1::bigint, {count}) i; {index}"
        ));
        database.execute("VACUUM ANALYZE t");
        database.grant(&[delete("t", "id")]);
        let url = database.url();
        Some(Stage::new(database, url))
    }
}

impl Stage {
    fn spent(&self) -> Cost {
        let of = |what: &str| {
            let role = &self.database.role;
            let sql = format!(
                "SELECT coalesce(sum({what}), 0)::bigint FROM pg_stat_statements WHERE userid = '{role}'::regrole"
            );
            self.database.numbers(&sql)[0]
        };
        Cost { statements: of("calls"), blocks: of("shared_blks_hit + shared_blks_read") }
    }

    /// A counter of the server that a session hands over when it ends.
    fn read(&self, counter: &str) -> i64 {
        let role = &self.database.role;
        let there = format!("SELECT count(*) FROM pg_stat_activity WHERE usename = '{role}'");
        let deadline = Instant::now() + Duration::from_secs(30);
        while self.database.numbers(&there) != [0] {
            assert!(Instant::now() < deadline, "the run's session has not ended");
        }
        self.database.numbers(counter)[0]
    }

    /// A run of batches of this size, and what it cost.
    fn costs(&self, batch: usize, watch: &dyn Watch) -> (Said, Cost) {
        self.costs_of(&old(", tenant: {column: ten}"), batch, watch)
    }

    fn costs_of(&self, spec: &str, batch: usize, watch: &dyn Watch) -> (Said, Cost) {
        let before = self.spent();
        let options = |options: &mut Options| options.batch_rows = Some(batch);
        let said = self.ask(spec, options, watch);
        said.assert_done();
        let cost = self.spent() - before;
        (said, cost)
    }
}

#[test]
fn where_nothing_is_expired_ten_times_the_rows_cost_the_same() {
    // The first row of a tenant is not everywhere its oldest.
    for index in [INDEX, "CREATE INDEX ON t (ten, at DESC, id);"] {
        let cost = |rows| {
            let stage = Rows { count: rows, tenant: "i % 10", age: YOUNG, index }.stage()?;
            let (said, cost) = stage.costs(500, &Unwatched);
            assert_eq!(said.target().rows.examined, 0);
            Some(cost)
        };
        let (Some(few), Some(many)) = (cost(10_000), cost(100_000)) else { return };
        assert_eq!(many.statements, few.statements);
        // An index that is a level higher is asked a few dozen times.
        assert!(many.blocks <= few.blocks + 100, "{index} {few:?}, {many:?}");
    }
}

#[test]
fn one_row_of_a_thousand_costs_by_the_rows_that_go_and_not_by_the_table() {
    let cost = |rows: i64, expired: i64| {
        let age = format!(
            "CASE WHEN i % {} = 7 THEN timestamptz '2020-01-01Z' + i * interval '1min' ELSE {YOUNG} END",
            rows / expired
        );
        let stage = Rows { count: rows, tenant: "i % 10", age: &age, index: INDEX }.stage()?;
        let (said, cost) = stage.costs(500, &Unwatched);
        assert_eq!(said.target().rows.deleted, expired);
        Some(cost)
    };
    let (Some(base), Some(same)) = (cost(10_000, 10), cost(100_000, 10)) else { return };
    assert!(same.blocks <= base.blocks + 10 * 5 + 100, "{base:?}, of ten times the rows {same:?}");
    let Some(many) = cost(100_000, 100) else { return };
    let each = (many.blocks - same.blocks) as f64 / 90.0;
    assert!(each < 20.0, "{each:.1} blocks a row: 10 rows {same:?}, 100 rows {many:?}");
}

#[test]
fn a_backlog_costs_so_many_blocks_a_row_whatever_the_table() {
    let cost = |rows, index| {
        let stage = Rows { count: rows, tenant: "i % 10", age: SIXTY_OF_100, index }.stage()?;
        let (said, cost) = stage.costs(100, &Unwatched);
        let deleted = said.target().rows.deleted;
        assert_eq!(deleted, rows / 10 * 6);
        Some(cost.blocks as f64 / deleted as f64)
    };
    for index in [INDEX, ""] {
        let (Some(few), Some(many)) = (cost(10_000, index), cost(100_000, index)) else { return };
        let told = format!("{few:.2} blocks a row, {many:.2} of ten times as many: {index}");
        assert!(many <= few * 1.1 && few < 14.0, "{told}");
    }
}

#[test]
fn without_an_index_the_table_is_read_by_passes_and_not_by_batches() {
    let cost = |rows, age, batch| {
        let stage = Rows { count: rows, tenant: "i % 10", age, index: "" }.stage()?;
        let table = stage.database.numbers("SELECT pg_relation_size('t') / 8192")[0];
        let (_, cost) = stage.costs(batch, &Unwatched);
        let read = "SELECT seq_tup_read FROM pg_stat_user_tables WHERE relname = 't'";
        Some((cost.blocks, table, stage.read(read)))
    };
    let few = cost(5_000, YOUNG, 1_000);
    let (Some((few, small, _)), Some((many, large, _))) = (few, cost(50_000, YOUNG, 1_000)) else {
        return;
    };
    // Once for the tenants, once for the rows.
    let passes = (many - few) as f64 / (large - small) as f64;
    assert!(passes < 2.2, "{passes:.1} passes where nothing is due: {few}, {many}");
    let by = |batch| cost(50_000, SIXTY_OF_100, batch);
    let (Some((_, _, large)), Some((_, _, small))) = (by(2_000), by(200)) else { return };
    // For the tenants, to find them, to take them.
    assert!(large < 50_000 * 7 / 2, "{large} rows were read of 50,000");
    assert!(small * 10 < large * 11, "{large} rows were read, {small} by batches of a tenth");
}

/// What had been spent when so many rows were gone.
struct Spending<'a> {
    stage: &'a Stage,
    spent: RefCell<Vec<(u64, Cost)>>,
}

impl Watch for Spending<'_> {
    fn gone(&self, _target: &str, rows: u64) {
        self.spent.borrow_mut().push((rows, self.stage.spent()));
    }
}

#[test]
fn dead_rows_that_an_old_snapshot_holds_do_not_make_later_batches_dearer() {
    // With an index so few that it is walked to the end.
    let few = SIXTY_OF_100.replace("< 60", "< 4");
    for (count, age, index, gone) in
        [(125_000, &*few, INDEX, 5_000), (50_000, SIXTY_OF_100, "", 30_000)]
    {
        let Some(stage) = (Rows { count, tenant: "1", age, index }).stage() else {
            return;
        };
        let snapshot = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM t";
        let held = stage.database.holding(snapshot);
        let watch = Spending { stage: &stage, spent: RefCell::default() };
        let (said, _) = stage.costs(100, &watch);
        drop(held);
        let path = if index.is_empty() { "Sweep" } else { "Index" };
        let access = serde_json::to_value(said.target().access.as_ref().unwrap()).unwrap();
        assert_eq!((&access["path"], said.target().rows.deleted), (&path.into(), gone));
        let spent = watch.spent.into_inner();
        let each = |tenth: i64| {
            let at = |tenth: i64| {
                let rows = (gone / 10 * tenth).unsigned_abs().max(1);
                spent.iter().find(|(gone, _)| *gone >= rows).unwrap()
            };
            let ((from, before), (to, after)) = (at(tenth), at(tenth + 1));
            (after.blocks - before.blocks) as f64 / (to - from) as f64
        };
        let tenths: Vec<f64> = (0..10).map(each).collect();
        assert!(tenths[9] <= tenths[0] * 1.3, "{path}: blocks a row, by tenths {tenths:.2?}");
    }
}

#[test]
fn ten_thousand_tenants_cost_one_walk_and_what_is_due() {
    let cost = |rows: i64, due: i64| {
        let age = format!(
            "CASE WHEN i % 10000 < {due} AND i <= 10000 THEN timestamptz '2020-01-01Z' ELSE {YOUNG} END"
        );
        let stage = Rows { count: rows, tenant: "i % 10000", age: &age, index: INDEX }.stage()?;
        let (said, cost) = stage.costs(500, &Unwatched);
        assert_eq!(said.target().rows.deleted, due);
        Some(cost)
    };
    let (Some(idle), Some(more)) = (cost(10_000, 0), cost(100_000, 0)) else { return };
    // Each is found, with the age of its oldest row, by one descent of two levels or three.
    assert!(idle.blocks <= 10_000 * 3 && idle.statements < 200, "{idle:?}");
    assert_eq!(more.statements, idle.statements);
    assert!(more.blocks <= 10_000 * 4, "of ten times the rows {more:?}");
    let (Some(ten), Some(hundred)) = (cost(10_000, 10), cost(10_000, 100)) else { return };
    let (ten, hundred) = (ten - idle, hundred - idle);
    let told = format!("10 due {ten:?}, 100 due {hundred:?}");
    assert!(hundred.blocks <= ten.blocks * 11, "{told}");
    assert!(hundred.statements <= ten.statements + 90, "{told}");
}

#[test]
fn a_tenant_that_a_source_names_costs_a_probe_and_a_small_table_is_not_probed_for_thousands() {
    let cost = |rows: i64, names: i64| {
        // Few rows, too, lie between the first of the names and the last.
        let tenant = "i * 199 % 10000";
        let stage = Rows { count: rows, tenant, age: YOUNG, index: INDEX }.stage()?;
        stage.database.execute(&format!(
            "CREATE TABLE w (ten int, days int); INSERT INTO w SELECT i, 30 FROM generate_series(0, {names} - 1) i; ANALYZE w"
        ));
        stage.database.grant(&[read("w")]);
        let source = "{name: w, unit: Days, table: {name: public.w, tenant: ten, value: days}}";
        let window =
            format!(", tenant: {{column: ten}}, window: {{default: 30d, sources: [{source}]}}");
        let spec = format!("targets: [{}]", old_of("t", "public.t", &window));
        let (said, cost) = stage.costs_of(&spec, 500, &Unwatched);
        assert_eq!(said.target().rows.deleted, 0);
        Some(cost)
    };
    let (Some(strangers), Some(named)) = (cost(100_000, 1), cost(100_000, 10_000)) else { return };
    assert!(named.blocks <= 10_000 * 4, "{named:?}");
    assert!(named.statements < strangers.statements, "one walk: {named:?}, {strangers:?}");
    let (Some(one), Some(all)) = (cost(50, 1), cost(50, 10_000)) else { return };
    // The source is read.
    assert!(all.blocks <= one.blocks + 100, "{one:?}, with 10,000 names {all:?}");
}
