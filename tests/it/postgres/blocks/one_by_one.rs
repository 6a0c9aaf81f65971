//! What hangs on the rows of whole blocks goes before them, by statements of its own.

use super::super::database::{Database, delete, read};
use super::super::laws;
use super::super::stage::{Stage, old};
use super::{by_blocks, stage, ways};
use retention_operator::run::Unwatched;

const DEPENDENTS: &str = "dependents: [{name: d, table: public.d, references: {t_id: id}}, \
    {name: e, table: public.e, of: d, references: {d_id: id}}]";

/// 300 rows of which the last stays, with two of `d` each and two of `e` each of these.
fn rows(key: &str) -> String {
    format!(
        "CREATE TABLE t (id bigint PRIMARY KEY, at timestamptz, d_id bigint);
         INSERT INTO t SELECT i, '2020-01-01Z' FROM generate_series(1, 299) i; INSERT INTO t VALUES (300, '2026-11-20Z');
         CREATE TABLE d (id bigserial PRIMARY KEY, t_id bigint {key}); CREATE INDEX ON d (t_id);
         INSERT INTO d (t_id) SELECT id FROM t UNION ALL SELECT id FROM t;
         CREATE TABLE e (id bigserial PRIMARY KEY, d_id bigint REFERENCES d); CREATE INDEX ON e (d_id);
         INSERT INTO e (d_id) SELECT id FROM d UNION ALL SELECT id FROM d;"
    )
}

fn grants() -> [super::Grant; 3] {
    [delete("t", "id"), delete("d", "id"), delete("e", "id")]
}

#[test]
fn dependents_go_before_the_rows_of_whole_blocks() {
    for key in ["", "REFERENCES t", "REFERENCES t DEFERRABLE INITIALLY DEFERRED"] {
        let Some(server) = laws::server() else { return };
        let database = Database::create_on(server, None);
        database.execute(&format!("CREATE EXTENSION pg_stat_statements; {}", rows(key)));
        database.grant(&grants());
        let url = database.url();
        let stage = Stage::new(database, url);
        let said = stage.ask(&old(&format!(", {DEPENDENTS}")), by_blocks, &Unwatched);
        assert_eq!((said.exit(), stage.left()), (0, vec![300]), "{key}: {said:#?}");
        let went: Vec<i64> =
            said.target().dependents.iter().map(|dependent| dependent.deleted).collect();
        assert_eq!(went, [598, 1_196], "{key}");
        let left = "SELECT count(*) FROM d UNION ALL SELECT count(*) FROM e";
        assert_eq!(stage.database.numbers(left), [2, 4], "{key}");
        let by_address = format!(
            "SELECT coalesce(sum(calls), 0)::bigint FROM pg_stat_statements
             WHERE userid = '{}'::regrole AND query LIKE 'DELETE FROM %ctid = ANY%'",
            stage.database.role
        );
        assert_eq!(stage.database.numbers(&by_address), [3], "{key}: one batch, three tables");
    }
}

#[test]
fn rows_that_their_own_dependents_move_go_one_by_one() {
    // A row of `d` that goes takes the reference of its root away: the root lies elsewhere then.
    let circle = "UPDATE t SET d_id = (SELECT min(d.id) FROM d WHERE d.t_id = t.id);
        ALTER TABLE t ADD FOREIGN KEY (d_id) REFERENCES d ON DELETE SET NULL; CREATE INDEX ON t (d_id);";
    let touched = "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
            $$ BEGIN UPDATE public.t SET d_id = 1 WHERE id = old.t_id; RETURN old; END $$;
        CREATE TRIGGER f AFTER DELETE ON d FOR EACH ROW EXECUTE FUNCTION f();";
    for more in [circle, touched] {
        let table = rows("REFERENCES t");
        let spec = old(&format!(", {DEPENDENTS}"));
        let Some((left, told, _)) = ways(&format!("{table} {more}"), &grants(), &spec) else {
            return;
        };
        assert_eq!(left, [300], "{told}");
    }
}

#[test]
fn what_else_points_at_a_dependent_of_whole_blocks_keeps_its_root() {
    let more = "CREATE TABLE r (d_id bigint REFERENCES d); CREATE INDEX ON r (d_id); INSERT INTO r VALUES (7);";
    let sql = format!("{} {more}", rows("REFERENCES t"));
    let [t, d, e] = grants();
    let spec = old(&format!(", {DEPENDENTS}"));
    let Some((left, _, _)) = ways(&sql, &[t, d, e, read("r")], &spec) else { return };
    assert_eq!(left, [7, 300]);
}

#[test]
fn a_dependent_that_somebody_else_has_locked_keeps_its_root_alone() {
    let Some(stage) = stage(&rows("REFERENCES t"), &grants()) else { return };
    let held = stage.database.holding("SELECT 1 FROM d WHERE t_id = 7 FOR UPDATE");
    let said = stage.ask(&old(&format!(", {DEPENDENTS}")), by_blocks, &Unwatched);
    drop(held);
    assert_eq!((said.exit(), stage.left()), (0, vec![7, 300]), "{said:#?}");
    let left = "SELECT count(*) FROM d UNION ALL SELECT count(*) FROM e";
    assert_eq!(stage.database.numbers(left), [4, 8]);
}
