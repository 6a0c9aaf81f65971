//! A dry run needs no right but SELECT, changes nothing, and says what a run would do.

use serde_json::{Value, json};

use super::bed::{Bed, Variant};
use super::database::{delete, read};
use super::stage::{Said, Stage, both, old};

const ROWS: &str = "
    CREATE TABLE t (id bigint PRIMARY KEY, org text, at timestamptz, pins int);
    INSERT INTO t SELECT i, 'org' || i % 3, timestamptz '2026-11-21 12:00Z' - i * interval '1d', i % 5 FROM generate_series(1, 90) i;
    INSERT INTO t VALUES (101, NULL, '2020-01-01Z', 0), (102, 'org1', NULL, 0), (103, 'org1', '2027-01-01Z', 0);
    CREATE TABLE d (id bigserial PRIMARY KEY, t_id bigint REFERENCES t ON DELETE CASCADE);
    CREATE INDEX ON d (t_id); INSERT INTO d (t_id) SELECT id FROM t UNION ALL SELECT id FROM t WHERE id % 2 = 0;
    CREATE TABLE r (t_id bigint REFERENCES t); CREATE INDEX ON r (t_id); INSERT INTO r VALUES (40), (41), (1);
    CREATE TABLE holds (t_id bigint); INSERT INTO holds VALUES (50), (51);
";

fn specs() -> [String; 3] {
    let spec = old(r#", tenant: {column: org}, exemptions: [
            {name: pinned, when: "pins = 4"},
            {name: held, when: "exists (select 1 from public.holds h where h.t_id = t.id)"}],
        dependents: [{name: d, table: public.d, references: {t_id: id}}]"#)
    .replace(
        "default: 30d",
        "default: 30d, tenants: [{name: org1, window: 60d}, {name: org2, window: Forever}]",
    );
    let capped = spec.replace("action: Delete", "action: Delete, maxRowsPerRun: 7");
    let newest = spec.replace(
        "exemptions:",
        "keepNewest: {rows: 12, partitionBy: [org], orderBy: [at]}, exemptions:",
    );
    [spec, capped, newest]
}

/// What a dry run and a run must agree on. Behind a cap nobody has to look.
fn counts(said: &Said, is_capped: bool) -> Value {
    let target = said.target();
    let tenants = target.tenants.iter().map(|tenant| json!([tenant.name, tenant.deleted]));
    let told = json!({
        "deleted": target.rows.deleted,
        "dependents": target.dependents,
        "tenants": tenants.collect::<Vec<_>>(),
        "outcome": target.outcome,
    });
    let all = json!({
        "selected": target.rows.selected,
        "held": target.kept.held,
        "referenced": target.kept.referenced,
        "overdue": target.overdue.as_ref().map(|overdue| overdue.rows),
    });
    if is_capped { told } else { json!([told, all]) }
}

/// Every version of every row, and who locked it last.
fn marks(stage: &Stage) -> Vec<String> {
    let tables = ["t", "d", "r", "holds"].map(|table| {
        format!("SELECT concat_ws(' ', '{table}', ctid, xmin, xmax, x::text) FROM {table} x")
    });
    stage.database.texts(&tables.join(" UNION ALL "))
}

#[test]
fn a_dry_run_with_nothing_but_select_counts_what_a_run_then_does() {
    for spec in specs() {
        for index in ["", "CREATE INDEX ON t (org, at, id);"] {
            both(&format!("{ROWS}{index}"), &[], |stage| {
                let reading = ["t", "d", "r", "holds"].map(read);
                stage.database.grant(&reading);
                let before = marks(stage);
                let dry = stage.dry_run(&spec);
                dry.assert_done();
                assert_eq!(marks(stage), before, "a dry run left something behind");
                stage.database.grant(&[delete("t", "id"), delete("d", "id")]);
                let said = stage.run(&spec);
                said.assert_done();
                assert!(said.target().rows.deleted > 0);
                let is_capped = spec.contains("maxRowsPerRun");
                let (counted, did) = (counts(&dry, is_capped), counts(&said, is_capped));
                assert_eq!(counted, did, "{spec} {index}");
            });
        }
    }
}

#[test]
fn what_is_left_after_a_run_is_what_the_counts_say() {
    both(ROWS, &[delete("t", "id"), delete("d", "id"), read("r"), read("holds")], |stage| {
        let said = stage.run(&specs()[0]);
        said.assert_done();
        // Written down once more, in plain SQL: org0 keeps 30 days, org1 60, org2 for ever.
        let expected = "SELECT i::bigint FROM generate_series(1, 90) i
            WHERE NOT (i > CASE i % 3 WHEN 0 THEN 30 WHEN 1 THEN 60 ELSE 1000 END
                AND i % 5 <> 4 AND i NOT IN (50, 51, 40, 41)) UNION ALL VALUES (101), (102), (103) ORDER BY 1";
        assert_eq!(stage.left(), stage.database.numbers(expected));
        assert_eq!(said.target().rows.deleted, 93 - stage.left().len() as i64);
        assert_eq!(
            stage.database.numbers("SELECT count(*) FROM d WHERE t_id NOT IN (SELECT id FROM t)"),
            [0]
        );
    });
}

#[test]
fn a_run_leaves_nothing_for_a_second_one() {
    for variant in [Variant::Cascade, Variant::NoAction, Variant::Sweep] {
        let Some(bed) = Bed::new(variant) else { return };
        let deleted = || {
            let said = bed.run(3, &retention_operator::run::Unwatched);
            said.assert_done();
            said.target().rows.deleted
        };
        assert_eq!([deleted(), deleted()], [8, 0], "{variant:?}");
        assert_eq!(bed.chats(), [9, 10]);
        bed.assert_whole_families();
    }
}

/// The login may read, and nothing else.
#[test]
fn what_the_database_would_not_take_from_a_run_is_refused_to_a_dry_run_too() {
    let sql = "CREATE TABLE t (id bigint PRIMARY KEY, at timestamptz, done boolean DEFAULT false, n int);
               CREATE TABLE d (id bigint PRIMARY KEY, t_id text, n int);
               INSERT INTO t (id, at) VALUES (1, '2026-01-01Z'), (2, '2026-11-20Z'); INSERT INTO d VALUES (1, '1'), (2, '2');";
    let dependent =
        |more: &str| old(&format!(", dependents: [{{name: d, table: public.d, {more}}}]"));
    let update = r#"action: Update, where: "not done", set: {done: "true", n: "cast(id as text)"}"#;
    for (spec, field) in [
        (dependent("references: {t_id: id}"), "dependents[d].references"),
        (
            dependent(r#"references: {id: id}, action: Update, set: {n: "t_id"}"#),
            "dependents[d].set.n",
        ),
        (old("").replace("action: Delete", update), "set.n"),
    ] {
        both(sql, &[read("t"), read("d")], |stage| {
            let said = stage.dry_run(&spec);
            assert_eq!(said.refused().field, format!("spec.targets[t].{field}"), "{said:#?}");
            assert_eq!(said.refused().reason, "TypeMismatch");
        });
    }
}
