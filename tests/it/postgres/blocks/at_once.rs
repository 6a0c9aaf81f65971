//! What one statement takes of whole blocks, and whose rows.

use std::cell::RefCell;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use retention_operator::run::{Point, Unwatched, Watch};

use super::super::client;
use super::super::database::{Database, delete, read};
use super::super::laws;
use super::super::stage::{Stage, old};
use super::{by_blocks, stage, ways};

/// So many tenants with a row for each of 100 days, and windows of as many lengths.
fn many(tenants: usize, windows: usize) -> (String, String, String) {
    let sql = format!(
        "CREATE TABLE t (id bigserial PRIMARY KEY, org int, at timestamptz);
         INSERT INTO t (org, at) SELECT o, timestamptz '2026-11-21 12:00Z' - i * interval '1d'
            FROM generate_series(1, {tenants}) o, generate_series(1, 100, greatest(1, {tenants} / 100)) i;
         INSERT INTO t (at) VALUES ('2020-01-01Z');
         CREATE TABLE orgs (id int, days int); INSERT INTO orgs SELECT o, 20 + o % {windows} FROM generate_series(1, {tenants}) o;"
    );
    let source = "default: Forever, sources: [{name: orgs, unit: Days, table: {name: public.orgs, tenant: id, value: days}}]";
    let spec = old(", tenant: {column: org}").replace("default: 30d", source);
    let stays = "SELECT t.id FROM t LEFT JOIN orgs o ON o.id = t.org
        WHERE o.id IS NULL OR t.at >= timestamptz '2026-11-21 12:00Z' - o.days * interval '1d' ORDER BY 1";
    (sql, spec, stays.to_owned())
}

#[test]
fn each_row_goes_by_its_own_tenants_window_however_many_there_are() {
    for (tenants, windows) in [(40, 1), (40, 2), (40, 16), (40, 17), (40, 40), (10_001, 30)] {
        let (sql, spec, stays) = many(tenants, windows);
        let Some(stage) = stage(&sql, &[delete("t", "id"), read("orgs")]) else { return };
        let expected = stage.database.numbers(&stays);
        let all = stage.left().len();
        let said = stage.ask(&spec, by_blocks, &Unwatched);
        assert_eq!(said.exit(), 0, "{tenants} tenants, {windows} windows: {said:#?}");
        assert_eq!(stage.left(), expected, "{tenants} tenants, {windows} windows");
        let gone = (all - expected.len()) as i64;
        assert_eq!(said.target().rows.deleted, gone, "{tenants} tenants, {windows} windows");
    }
}

#[test]
fn a_tenant_that_is_spelled_in_two_ways_is_counted_once() {
    let sql = "
        CREATE TABLE t (id bigserial PRIMARY KEY, org numeric, pins int, at timestamptz);
        INSERT INTO t (org, pins, at)
            SELECT (o || CASE WHEN i % 2 = 0 THEN '.0' ELSE '.00' END)::numeric, i % 5, timestamptz '2026-11-21 12:00Z' - i * interval '1d'
            FROM generate_series(1, 20) o, generate_series(1, 60) i;
        CREATE TABLE orgs (id numeric, days int); INSERT INTO orgs SELECT o, 20 + o FROM generate_series(1, 20) o;";
    let spec = old(", tenant: {column: org}, exemptions: [{name: pinned, when: \"pins = 4\"}]").replace(
        "default: 30d",
        "default: Forever, sources: [{name: orgs, unit: Days, table: {name: public.orgs, tenant: id, value: days}}]",
    );
    let Some((left, told, batches)) = ways(sql, &[delete("t", "id"), read("orgs")], &spec) else {
        return;
    };
    assert!(batches < 5 && left.len() < 1_200, "{batches}: {told}");
}

#[test]
fn blocks_go_by_one_statement_where_nothing_but_the_row_decides_and_by_two_where_others_do() {
    let exists = "exists (select 1 from public.notes n where n.t_id = t.id)";
    let sql = "
        CREATE EXTENSION pg_stat_statements;
        CREATE TABLE t (id bigint PRIMARY KEY, org int, pins int, at timestamptz);
        INSERT INTO t SELECT i, i % 7, 0, '2020-01-01Z' FROM generate_series(1, 3000) i;
        CREATE TABLE d (id bigserial PRIMARY KEY, t_id bigint REFERENCES t ON DELETE CASCADE);
        CREATE INDEX ON d (t_id); INSERT INTO d (t_id) SELECT id FROM t;
        CREATE TABLE notes (t_id bigint PRIMARY KEY);";
    for (more, locks) in [
        (String::new(), false),
        (", where: \"pins = 0\"".to_owned(), false),
        (format!(", exemptions: [{{name: noted, when: \"{exists}\"}}]"), true),
        (", exemptions: [{name: pinned, when: \"pins = 1\"}]".to_owned(), false),
    ] {
        let Some(server) = laws::server() else { return };
        let database = Database::create_on(server, None);
        database.execute(sql);
        database.grant(&[delete("t", "id"), delete("d", "id"), read("notes")]);
        let url = database.url();
        let stage = Stage::new(database, url);
        let dependents = "dependents: [{name: d, table: public.d, references: {t_id: id}}]";
        let spec = old(&format!(", tenant: {{column: org}}, {dependents}{more}"));
        let said = stage.ask(&spec, by_blocks, &Unwatched);
        assert_eq!((said.exit(), stage.left()), (0, vec![]), "{more}: {said:#?}");
        assert_eq!(said.target().dependents[0].deleted, 3_000, "{more}");
        let batches = said.target().work.as_ref().unwrap().batches;
        let asked = |like: &str| {
            let role = &stage.database.role;
            let sql = format!(
                "SELECT coalesce(sum(calls), 0)::bigint FROM pg_stat_statements
                 WHERE userid = '{role}'::regrole AND query LIKE 'WITH %ro_due%{like}%'"
            );
            stage.database.numbers(&sql)[0]
        };
        let expected = [batches, if locks { batches } else { 0 }];
        assert_eq!([asked("DELETE FROM"), asked("FOR UPDATE OF")], expected, "{more}");
    }
}

/// Has changed a row when blocks are taken, and commits as soon as somebody waits for it.
struct Before<'a> {
    database: &'a Database,
    change: &'a str,
    other: RefCell<Option<JoinHandle<()>>>,
}

impl Watch for Before<'_> {
    fn reached(&self, point: Point) {
        if point != Point::Found || self.other.borrow().is_some() {
            return;
        }
        let sql = format!(
            "BEGIN; UPDATE t SET {} WHERE id = 5;
             DO $$ BEGIN FOR i IN 1..10000 LOOP
                 EXIT WHEN EXISTS (SELECT FROM pg_locks WHERE NOT granted); PERFORM pg_sleep(0.001); END LOOP; END $$;
             COMMIT",
            self.change
        );
        let url = self.database.own_url();
        let other = std::thread::spawn(move || client::execute(&url, &sql).unwrap());
        let changed = "SELECT count(*) FROM pg_locks WHERE relation = 't'::regclass AND mode = 'RowExclusiveLock'";
        let deadline = Instant::now() + Duration::from_secs(30);
        while self.database.numbers(changed) == [0] {
            assert!(
                Instant::now() < deadline && !other.is_finished(),
                "it does not change the row"
            );
        }
        self.other.replace(Some(other));
    }
}

#[test]
fn a_row_that_is_changed_while_blocks_wait_for_it_stays_by_what_it_is_then() {
    for change in ["at = '2026-11-20Z'", "org = 2", "org = 9", "org = NULL", "pins = 1"] {
        let sql = "
            CREATE TABLE t (id bigint PRIMARY KEY, org int, pins int, at timestamptz);
            INSERT INTO t SELECT i, 1, 0, '2020-01-01Z' FROM generate_series(1, 300) i;
            INSERT INTO t VALUES (1000, 2, 0, '2026-11-20Z');";
        let Some(stage) = stage(sql, &[delete("t", "id")]) else { return };
        let spec = old(", tenant: {column: org}, where: \"pins = 0\"")
            .replace("default: 30d", "default: 30d, tenants: [{name: \"2\", window: Forever}]");
        let watch = Before { database: &stage.database, change, other: RefCell::default() };
        let said = stage.ask(&spec, by_blocks, &watch);
        watch.other.take().expect("blocks were not taken").join().unwrap();
        assert_eq!((said.exit(), stage.left()), (0, vec![5, 1000]), "{change}: {said:#?}");
        assert_eq!(said.target().rows.deleted, 299, "{change}");
    }
}

#[test]
fn a_row_that_somebody_keeps_locked_stays_and_is_told_and_all_others_go() {
    let sql = "
        CREATE TABLE t (id bigint PRIMARY KEY, at timestamptz);
        INSERT INTO t SELECT i, '2020-01-01Z' FROM generate_series(1, 300) i;";
    let Some(stage) = stage(sql, &[delete("t", "id")]) else { return };
    let held = stage.database.holding("SELECT * FROM t WHERE id = 5 FOR UPDATE");
    let said = stage.ask(&old(""), by_blocks, &Unwatched);
    assert_eq!((said.exit(), stage.left()), (0, vec![5]), "{said:#?}");
    assert_eq!((said.target().rows.deleted, said.target().kept.locked), (299, Some(1)));
    drop(held);
}
