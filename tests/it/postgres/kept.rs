//! What is about a row beyond its age: conditions, holds, the newest, caps, updates.

use retention_operator::api::Outcome;

use super::database::{delete, read, update};
use super::stage::{both, old};

/// Rows 1 to 6 are old, the first the oldest, and 7 is young.
const ROWS: &str = "
    CREATE TABLE t (id bigint PRIMARY KEY, at timestamptz, state text, pins int, grp text);
    INSERT INTO t SELECT i, timestamptz '2026-01-01Z' + i * interval '1h', 'done', 0, 'g' FROM generate_series(1, 6) i;
    INSERT INTO t VALUES (7, '2026-11-20Z', 'done', 0, 'g');
    CREATE TABLE holds (t_id bigint, until timestamptz);
    CREATE INDEX holds_t ON holds (t_id);
";

#[test]
fn a_condition_that_is_null_selects_nothing_and_a_hold_that_is_null_holds() {
    let sql = format!(
        "{ROWS} UPDATE t SET state = NULL WHERE id = 1; UPDATE t SET state = 'open' WHERE id = 2;
         UPDATE t SET pins = NULL WHERE id = 3; UPDATE t SET pins = 1 WHERE id = 4;
         INSERT INTO holds VALUES (5, '2027-01-01Z'), (6, '2026-01-01Z'), (4, '2027-01-01Z');"
    );
    for index in ["", "CREATE INDEX ON t (at, id);"] {
        both(&format!("{sql}{index}"), &[delete("t", "id"), read("holds")], |stage| {
            let spec = old(r#", where: "state = 'done'", exemptions: [
                {name: pinned, when: "pins > 0"},
                {name: held, when: "exists (select 1 from public.holds h where h.t_id = t.id and h.until > :now)"}]"#);
            for said in [stage.dry_run(&spec), stage.run(&spec)] {
                said.assert_done();
                let target = said.target();
                assert_eq!((target.rows.selected, target.rows.deleted), (4, 1));
                // Once, under the first that holds.
                assert_eq!((target.kept.held["pinned"], target.kept.held["held"]), (2, 1));
            }
            assert_eq!(stage.left(), [1, 2, 3, 4, 5, 7]);
        });
    }
}

#[test]
fn the_newest_of_each_group_stay_and_what_has_no_order_is_not_counted_among_them() {
    let sql = "CREATE TABLE t (id bigint PRIMARY KEY, grp text, at timestamptz, seen timestamptz);
               INSERT INTO t SELECT i, CASE WHEN i <= 5 THEN 'a' ELSE 'b' END, '2026-01-01Z', timestamptz '2026-01-01Z' + i * interval '1h' FROM generate_series(1, 8) i;
               INSERT INTO t VALUES (11, 'a', '2026-01-01Z', NULL), (12, 'a', '2026-01-01Z', 'infinity'), (13, 'a', '2026-01-01Z', '-infinity'), (14, NULL, '2026-01-01Z', '2026-01-01Z');";
    for index in ["", "CREATE INDEX ON t (grp, seen, id);"] {
        both(&format!("{sql}{index}"), &[delete("t", "id")], |stage| {
            let spec = old(", keepNewest: {rows: 2, partitionBy: [grp], orderBy: [seen]}");
            stage.run(&spec).assert_done();
            assert_eq!(stage.left(), [4, 5, 7, 8, 11, 12, 13, 14]);
        });
    }
}

#[test]
fn the_key_breaks_ties_among_the_newest_and_young_rows_take_their_places() {
    let sql = format!("{ROWS} UPDATE t SET at = '2026-01-01Z' WHERE id < 7;");
    both(&sql, &[delete("t", "id")], |stage| {
        stage.run(&old(", keepNewest: {rows: 3, partitionBy: [grp], orderBy: [at]}")).assert_done();
        assert_eq!(stage.left(), [5, 6, 7]);
    });
}

#[test]
fn a_cap_takes_the_oldest_and_the_rest_is_overdue() {
    for index in ["", "CREATE INDEX ON t (at, id);"] {
        // Inserted in another order than they are old.
        let sql = format!(
            "{ROWS} UPDATE t SET at = timestamptz '2026-02-01Z' - id * interval '1h' WHERE id < 7; {index}"
        );
        both(&sql, &[delete("t", "id")], |stage| {
            let spec = old(", maxRowsPerRun: 4");
            let dry = stage.dry_run(&spec);
            let said = stage.run(&spec);
            said.assert_done();
            assert_eq!(said.target().outcome, Some(Outcome::CapReached));
            assert_eq!(stage.left(), [1, 2, 7]);
            assert_eq!(said.target().overdue.as_ref().unwrap().rows, 2);
            assert_eq!(dry.target().rows.deleted, 4);
            stage.run(&spec).assert_done();
            assert_eq!(stage.left(), [7], "the next run goes on");
        });
    }
}

#[test]
fn a_cap_is_not_filled_by_rows_that_are_held() {
    let sql = format!("{ROWS} UPDATE t SET pins = 1 WHERE id IN (1, 2, 3);");
    both(&sql, &[delete("t", "id")], |stage| {
        let said =
            stage.run(&old(", maxRowsPerRun: 2, exemptions: [{name: pinned, when: \"pins > 0\"}]"));
        said.assert_done();
        assert_eq!(stage.left(), [1, 2, 3, 6, 7]);
    });
}

#[test]
fn an_update_sees_the_row_as_it_was_and_leaves_its_own_selection() {
    for index in ["", "CREATE INDEX ON t (at, id);"] {
        both(&format!("{ROWS}{index}"), &[update("t")], |stage| {
            let spec = old(
                r#", where: "state = 'done'", set: {state: "grp", grp: "state", pins: "pins + 1", at: ":now"}"#,
            )
            .replace("action: Delete", "action: Update");
            let said = stage.run(&spec);
            said.assert_done();
            assert_eq!(said.target().rows.updated, 6);
            let sql = "SELECT id FROM t WHERE state = 'g' AND grp = 'done' AND pins = 1 AND at = '2026-11-21 12:00Z' ORDER BY id";
            assert_eq!(stage.database.numbers(sql), [1, 2, 3, 4, 5, 6]);
            let said = stage.run(&spec);
            assert_eq!((said.exit(), said.target().rows.updated), (0, 0));
        });
    }
}

#[test]
fn an_update_that_would_select_its_rows_again_is_refused() {
    both(ROWS, &[update("t")], |stage| {
        let spec = old(r#", where: "state = 'done'", set: {pins: "1", state: "case when id = 5 then state end"}"#)
            .replace("action: Delete", "action: Update");
        for said in [stage.dry_run(&spec), stage.run(&spec)] {
            assert_eq!(said.refused().reason, "StaysSelected");
        }
        assert_eq!(stage.database.numbers("SELECT id FROM t WHERE pins <> 0"), [0; 0]);
    });
}

#[test]
fn a_row_that_a_trigger_protects_stays_and_the_others_go() {
    for (body, reason) in [
        ("RAISE EXCEPTION 'protected: %', old.grp", None),
        ("RETURN NULL", Some("NotActed")),
        ("RAISE check_violation USING DETAIL = old.grp", Some("Constraint")),
    ] {
        let sql = format!(
            "{ROWS} UPDATE t SET grp = 'a secret';
             CREATE FUNCTION guard() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN IF old.id = 3 THEN {}; END IF; RETURN old; END';
             CREATE TRIGGER guard BEFORE DELETE ON t FOR EACH ROW EXECUTE FUNCTION guard();",
            body.replace('\'', "''")
        );
        both(&sql, &[delete("t", "id")], |stage| {
            let said = stage.run(&old(""));
            let target = said.target();
            assert_eq!((said.exit(), stage.left()), (1, vec![3, 7]), "{body}: {said:#?}");
            assert_eq!((target.kept.failed, target.failures.len()), (Some(1), 1));
            assert!(reason.is_none_or(|reason| target.failures[0].reason == reason), "{target:#?}");
            assert!(!format!("{said:?}").contains("a secret"), "no content of a row is told");
            let triggers = &target.access.as_ref().unwrap().triggers;
            assert!(triggers.iter().any(|trigger| trigger.contains("guard")), "{triggers:?}");
        });
    }
}

/// Without the extension's schema they would be compared as texts, without a word.
#[test]
fn a_hold_among_the_elements_of_an_extension_s_type_is_found() {
    for kind in ["citext", "tag"] {
        let sql = format!(
            "CREATE EXTENSION citext; CREATE DOMAIN tag AS citext;
             CREATE TABLE t (id bigint PRIMARY KEY, at timestamptz, tags {kind}[]);
             INSERT INTO t VALUES (1, '2026-01-01Z', '{{Legal,x}}'), (2, '2026-01-01Z', '{{x}}');"
        );
        both(&sql, &[delete("t", "id")], |stage| {
            let spec = old(r#", exemptions: [{name: legal, when: "'legal' = any (tags)"}]"#);
            stage.run(&spec).assert_done();
            assert_eq!(stage.left(), [1], "{kind}");
        });
    }
}
