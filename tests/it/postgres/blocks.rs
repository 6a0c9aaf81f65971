//! Whole blocks at once, and row by row: the same rows go, and the same is told.

mod at_once;
mod one_by_one;

use std::cell::RefCell;

use retention_operator::run::{Options, Unwatched, Watch};
use serde_json::{Value, json};

use super::database::{Database, Grant, delete, read};
use super::stage::{Said, Stage, old};

/// Whole blocks from the first on.
fn by_blocks(options: &mut Options) {
    options.batch_rows = Some(1_000);
    options.nearly_all = Some(-1.0);
}

fn stage(sql: &str, grants: &[Grant]) -> Option<Stage> {
    let database = Database::create()?;
    database.execute(sql);
    database.grant(grants);
    let url = database.url();
    Some(Stage::new(database, url))
}

/// All but how many rows were looked at: blocks pass over those that their tenants keep.
fn told(said: &Said) -> Value {
    let target = said.target();
    let rows = [target.rows.selected, target.rows.deleted, target.rows.updated];
    json!([target.outcome, rows, target.kept, target.dependents, target.overdue, target.tenants])
}

/// What both ways leave and tell, with how many batches the blocks took.
fn ways(sql: &str, grants: &[Grant], spec: &str) -> Option<(Vec<i64>, Value, i64)> {
    let (rows, blocks) = (stage(sql, grants)?, stage(sql, grants)?);
    let one_by_one = rows.ask(spec, |options| options.batch_rows = Some(7), &Unwatched);
    let together = blocks.ask(spec, by_blocks, &Unwatched);
    assert_eq!(told(&one_by_one), told(&together));
    assert_eq!(rows.left(), blocks.left());
    let batches = together.target().work.as_ref().map_or(0, |work| work.batches);
    Some((blocks.left(), told(&together), batches))
}

/// It does no harm, but somebody looks on.
const TRIGGER: &str = "
    CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN old; END $$;
    CREATE TRIGGER look BEFORE DELETE ON t FOR EACH ROW EXECUTE FUNCTION look();";

const CASCADES: &str = "REFERENCES t ON DELETE CASCADE";

#[test]
fn everything_that_decides_is_asked_of_each_row() {
    let sql = "
        CREATE TABLE t (id bigint PRIMARY KEY, org text, at timestamptz, pins int, state text);
        INSERT INTO t SELECT i, 'org' || i % 4, timestamptz '2026-11-21 12:00Z' - i * interval '1d', i % 5, 'done'
            FROM generate_series(1, 90) i;
        INSERT INTO t VALUES (101, NULL, '2020-01-01Z', 0, 'done'), (102, 'org1', NULL, 0, 'done'),
            (103, 'org1', '2027-01-01Z', 0, 'done'), (104, 'org1', 'infinity', 0, 'done'), (105, 'org1', '-infinity', 0, 'done'),
            (106, 'org1', '0044-03-15 BC', 0, 'done'), (107, 'org1', '0001-01-01Z', 0, 'done'),
            (108, 'org1', '0002-01-02Z', 0, 'done'), (109, 'org1', '2020-01-01Z', 0, NULL),
            (110, 'org1', '2020-01-01Z', NULL, 'done'), (111, 'org0', '2026-10-22 12:00Z', 0, 'done'),
            (112, 'org0', '2026-10-22 11:59:59.999999Z', 0, 'done');
        CREATE TABLE d (id bigserial PRIMARY KEY, t_id bigint REFERENCES t ON DELETE CASCADE);
        CREATE INDEX ON d (t_id); INSERT INTO d (t_id) SELECT id FROM t UNION ALL SELECT id FROM t WHERE id % 2 = 0;
        CREATE TABLE notes (t_id bigint, at timestamptz);
        INSERT INTO notes VALUES (50, '2026-11-01Z'), (51, '2026-09-30Z'), (53, '2026-09-30Z'), (52, '2026-09-01Z');";
    let grants = [delete("t", "id"), delete("d", "id"), read("notes")];
    let windows =
        "default: 30d, tenants: [{name: org1, window: 60d}, {name: org2, window: Forever}]";
    let dependents = "dependents: [{name: d, table: public.d, references: {t_id: id}}]";
    for conditions in [
        r#"where: "state = 'done'", exemptions: [{name: pinned, when: "pins = 4"}, {name: low, when: "id < 40"}]"#,
        r#"where: "state = 'done'", exemptions: [{name: pinned, when: "pins = 4"}, {name: noted,
            when: "exists (select 1 from public.notes n where n.t_id = t.id and n.at >= :cutoff)"}]"#,
        r#"where: "not exists (select 1 from public.notes n where n.t_id = t.id and n.at >= :cutoff)""#,
        r#"where: "state = 'done' and at < :cutoff - interval '1 day'""#,
        r#"where: "state = 'done'""#,
    ] {
        let spec = old(&format!(", tenant: {{column: org}}, {conditions}, {dependents}"));
        let spec = spec.replace("default: 30d", windows);
        for (trigger, key) in [
            ("", CASCADES),
            (TRIGGER, CASCADES),
            ("", "REFERENCES t"),
            ("", ""),
            (TRIGGER, "REFERENCES t"),
        ] {
            let sql = format!("{} {trigger}", sql.replace(CASCADES, key));
            let Some((left, told, batches)) = ways(&sql, &grants, &spec) else { return };
            assert_eq!(batches, 1, "{conditions} {trigger} {key}");
            for stays in [101, 102, 103, 104, 105, 106, 107, 111] {
                assert!(left.contains(&stays), "{conditions}: {stays} is gone");
            }
            assert!(!left.contains(&108), "{conditions}: {told}");
        }
    }
}

#[test]
fn ages_in_whole_numbers_and_without_a_zone_are_the_same() {
    let sql = "
        CREATE TABLE t (id bigint PRIMARY KEY, at bigint, civil timestamp);
        INSERT INTO t VALUES (1, 1792670399, '2026-10-22 11:59:59.999999'), (2, 1792670400, '2026-10-22 12:00'), (3, 0, NULL),
            (4, -5, '-infinity'), (5, NULL, '0001-05-05'), (6, 1, '0044-03-15 BC'), (7, 1800000000, 'infinity');";
    let grants = [delete("t", "id")];
    let seconds = old("").replace("column: at", "column: at, encoding: UnixSeconds");
    let Some((left, _, batches)) = ways(sql, &grants, &seconds) else { return };
    assert_eq!((left, batches), (vec![2, 3, 4, 5, 7], 1));
    let civil = old("").replace("column: at", "column: civil, timeZone: Etc/UTC");
    let Some((left, _, batches)) = ways(sql, &grants, &civil) else { return };
    assert_eq!((left, batches), (vec![2, 3, 4, 5, 6, 7], 1));
    let berlin = old("").replace("column: at", "column: civil, timeZone: Europe/Berlin");
    let Some((left, _, _)) = ways(sql, &grants, &berlin) else { return };
    assert_eq!(left, [3, 4, 5, 6, 7]);
}

const T: &str = "
    CREATE TABLE t (id bigint PRIMARY KEY, at timestamptz);
    INSERT INTO t SELECT i, '2020-01-01Z' FROM generate_series(1, 30) i;
    CREATE TABLE r (t_id bigint REFERENCES t); CREATE INDEX ON r (t_id);";

#[test]
fn a_row_that_something_points_at_stays_and_the_others_go() {
    let sql = format!("{T} INSERT INTO r VALUES (7)");
    let Some((left, _, _)) = ways(&sql, &[delete("t", "id"), read("r")], &old("")) else { return };
    assert_eq!(left, [7]);
}

#[test]
fn a_row_that_a_trigger_protects_stays_and_the_others_go() {
    let sql = format!(
        "{T} CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN CASE WHEN old.id = 7 THEN NULL ELSE old END; END $$;
         CREATE TRIGGER f BEFORE DELETE ON t FOR EACH ROW EXECUTE FUNCTION f()"
    );
    let Some(stage) = stage(&sql, &[delete("t", "id"), read("r")]) else { return };
    let said = stage.ask(&old(""), by_blocks, &Unwatched);
    assert_eq!((stage.left(), said.exit()), (vec![7], 1), "{said:#?}");
    assert_eq!(said.target().kept.failed, Some(1));
}

/// How many roots went by each batch.
#[derive(Default)]
struct Steps(RefCell<Vec<u64>>);

impl Watch for Steps {
    fn gone(&self, _target: &str, rows: u64) {
        self.0.borrow_mut().push(rows);
    }
}

#[test]
fn a_batch_stays_small_where_rows_suddenly_lie_closer() {
    let sql = "
        CREATE TABLE t (id bigint PRIMARY KEY, at timestamptz);
        INSERT INTO t SELECT i, CASE WHEN i % 100 = 0 THEN timestamptz '2020-01-01Z' ELSE '2026-11-20Z' END
            FROM generate_series(1, 30000) i;
        INSERT INTO t SELECT i, '2020-01-01Z' FROM generate_series(30001, 35000) i;";
    let Some(stage) = stage(sql, &[delete("t", "id")]) else { return };
    let steps = Steps::default();
    let few = |options: &mut Options| {
        options.batch_rows = Some(200);
        options.nearly_all = Some(-1.0);
    };
    let said = stage.ask(&old(""), few, &steps);
    assert_eq!((said.exit(), stage.left().len()), (0, 29_700), "{said:#?}");
    let steps = steps.0.into_inner();
    let most = steps.windows(2).map(|pair| pair[1] - pair[0]).chain(steps.first().copied()).max();
    assert!(most <= Some(400), "{steps:?}");
    assert!(steps.len() < 60, "{} batches: {steps:?}", steps.len());
}

#[test]
fn a_condition_on_a_table_without_an_index_reads_no_row_of_the_target_for_another() {
    let sql = "
        CREATE TABLE t (id bigint PRIMARY KEY, org text, at timestamptz);
        INSERT INTO t SELECT i, 'org' || i % 4, '2020-01-01Z' FROM generate_series(1, 20000) i;
        CREATE TABLE x (t_id bigint, at timestamptz); INSERT INTO x SELECT 500000 + i, '2026-01-01Z' FROM generate_series(1, 300) i;
        INSERT INTO x VALUES (7, '2026-11-20Z'); ANALYZE;";
    for nearly_all in [-1.0, 2.0] {
        let Some(stage) = stage(sql, &[delete("t", "id"), read("x")]) else { return };
        let options = |options: &mut Options| {
            options.batch_rows = Some(1_000);
            options.nearly_all = Some(nearly_all);
        };
        let exists = "exists (select 1 from public.x x where x.t_id = t.id and x.at >= :cutoff)";
        let more =
            format!(r#", tenant: {{column: org}}, exemptions: [{{name: x, when: "{exists}"}}]"#);
        let spec = old(&more)
            .replace("default: 30d", "default: 30d, tenants: [{name: org1, window: 60d}]");
        let said = stage.ask(&spec, options, &Unwatched);
        assert_eq!((said.exit(), stage.left()), (0, vec![7]), "{said:#?}");
        let read =
            "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_user_tables WHERE relname = 't'";
        let read = stage.database.numbers(read);
        assert!(read[0] < 20_000 * 20, "{nearly_all}: {read:?} rows of t were read");
    }
}

/// What it was asked to do, as a trigger on each statement sees it.
const ASKED: &str = "
    CREATE TABLE asked (statement text);
    CREATE FUNCTION ask() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
        $$ BEGIN INSERT INTO public.asked VALUES (current_query()); RETURN NULL; END $$;
    CREATE TRIGGER ask AFTER DELETE ON t FOR EACH STATEMENT EXECUTE FUNCTION ask();";

#[test]
fn rows_are_taken_by_their_addresses_where_their_ages_compare_as_we_read_them() {
    for (kind, value, more, by_address) in [
        ("timestamptz", "'2020-01-01Z'", "", true),
        ("timestamp", "'2020-01-01'", ", timeZone: Etc/UTC", true),
        ("timestamp", "'2020-01-01'", ", timeZone: UTC", true),
        ("timestamp", "'2020-01-01'", ", timeZone: Europe/Berlin", false),
        ("bigint", "1", ", encoding: UnixSeconds", true),
        ("integer", "1", ", encoding: UnixSeconds", true),
        ("bigint", "1700000000000", ", encoding: UnixMillis", true),
        ("double precision", "1", ", encoding: UnixSeconds", false),
        ("date", "'2020-01-01'", ", timeZone: Etc/UTC", false),
    ] {
        let sql = format!(
            "CREATE TABLE t (id bigint PRIMARY KEY, at {kind});
             INSERT INTO t SELECT i, {value} FROM generate_series(1, 9) i; {ASKED}"
        );
        let Some(stage) = stage(&sql, &[delete("t", "id")]) else { return };
        let spec = old("").replace("column: at", &format!("column: at{more}"));
        let said = stage.ask(&spec, by_blocks, &Unwatched);
        assert_eq!((said.exit(), stage.left()), (0, vec![]), "{kind}{more}: {said:#?}");
        let by = "SELECT count(*)::bigint FROM asked WHERE statement LIKE '%ctid = ANY%'";
        let by = stage.database.numbers(by)[0];
        assert_eq!(by == 1, by_address, "{kind}{more}: {by} statements went by addresses");
    }
}

#[test]
fn a_type_that_only_has_the_name_of_one_of_the_servers_own_is_another() {
    // Equal to it is what has another text: (1.0) and (1.00).
    let sql = "
        CREATE TYPE public.uuid AS (v numeric);
        CREATE TABLE t (id bigint PRIMARY KEY, at timestamptz, org public.uuid);
        INSERT INTO t VALUES (1, '2020-01-01Z', '(1.0)'), (2, '2020-01-01Z', '(1.00)'), (3, '2020-01-01Z', '(2)');";
    let spec = old(", tenant: {column: org}")
        .replace("default: 30d", "default: 30d, tenants: [{name: (1.00), window: Forever}]");
    let Some((left, told, _)) = ways(sql, &[delete("t", "id")], &spec) else { return };
    assert_eq!(left, [2], "{told}");
}

#[test]
fn rows_that_their_own_tenants_keep_are_neither_locked_nor_in_the_way() {
    let sql = format!(
        "CREATE TABLE t (id bigint PRIMARY KEY, org text, at timestamptz);
         INSERT INTO t SELECT i, 'org' || i % 3, timestamptz '2026-11-21 12:00Z' - i * interval '1d' FROM generate_series(1, 90) i; {ASKED}"
    );
    let Some(stage) = stage(&sql, &[delete("t", "id")]) else { return };
    // Of org0 what is older than 30 days goes, of org1 than 60, of org2 nothing.
    let windows =
        "default: 30d, tenants: [{name: org1, window: 60d}, {name: org2, window: Forever}]";
    let spec = old(", tenant: {column: org}").replace("default: 30d", windows);
    let stay = "SELECT id FROM t WHERE org = 'org2' OR org = 'org1' AND id <= 60 OR org = 'org0' AND id <= 30 ORDER BY 1";
    let expected = stage.database.numbers(stay);
    let kept = stage.database.holding("SELECT * FROM t WHERE id IN (40, 80) FOR UPDATE");
    let said = stage.ask(&spec, by_blocks, &Unwatched);
    drop(kept);
    assert_eq!((said.exit(), stage.left()), (0, expected), "{said:#?}");
    let statements = "SELECT count(*)::bigint FROM asked UNION ALL SELECT count(*) FROM asked WHERE statement LIKE '%ctid = ANY%'";
    assert_eq!(stage.database.numbers(statements), [1, 1], "all went by addresses");
}
