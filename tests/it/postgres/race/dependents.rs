//! What hangs on a row changes while the row goes.

use retention_operator::run::{Point, Unwatched};

use super::ways;
use crate::postgres::bed::{Bed, Variant};
use crate::postgres::database::{delete, update};
use crate::postgres::meddler::Meddler;
use crate::postgres::stage::{both, old};

#[test]
fn a_child_that_comes_meanwhile_goes_with_its_root() {
    for (variant, batch, point) in ways() {
        let Some(bed) = Bed::new(variant) else { return };
        let sql = "INSERT INTO messages (chat_id, body) VALUES (8, 'late')";
        let said = bed.run(batch, &Meddler::new(&bed.stage, point, 1, sql));
        said.assert_done();
        assert_eq!(bed.chats(), [9, 10], "{variant:?}, {point:?}");
        assert_eq!(said.target().dependents[0].deleted, 17);
        bed.assert_whole_families();
    }
}

#[test]
fn a_child_that_somebody_else_has_locked_keeps_its_family_alone() {
    for variant in [Variant::Cascade, Variant::NoAction] {
        let Some(bed) = Bed::new(variant) else { return };
        let held = bed.stage.database.holding("UPDATE messages SET body = '' WHERE chat_id = 3");
        let said = bed.run(8, &Unwatched);
        let target = said.target();
        assert_eq!(bed.chats(), [3, 9, 10], "{variant:?}: {said:#?}");
        bed.assert_whole_families();
        assert_eq!((said.exit(), target.rows.deleted, target.kept.locked), (0, 7, Some(1)));
        drop(held);
    }
}

/// The root is locked, and what hangs on it is not.
#[test]
fn a_dependent_taken_out_of_its_where_meanwhile_keeps_its_root() {
    for on_delete in ["ON DELETE CASCADE", ""] {
        for point in [Point::Found, Point::Locked, Point::Judged] {
            let sql = format!(
                "CREATE TABLE t (id bigint PRIMARY KEY, at timestamptz);
                 CREATE TABLE d (id bigint PRIMARY KEY, t_id bigint REFERENCES t (id) {on_delete}, pinned boolean);
                 CREATE INDEX d_t ON d (t_id);
                 INSERT INTO t SELECT i, '2023-11-15Z' FROM generate_series(1, 4) i;
                 INSERT INTO d SELECT i, i, false FROM generate_series(1, 4) i;"
            );
            both(&sql, &[delete("t", "id"), delete("d", "id")], |stage| {
                let spec = old(
                    r#", dependents: [{name: d, table: public.d, references: {t_id: id}, where: "not pinned"}]"#,
                );
                let sql = "UPDATE d SET pinned = true WHERE id = 3";
                let meddler = Meddler::new(stage, point, 1, sql);
                let said = stage.ask(&spec, |options| options.batch_rows = Some(4), &meddler);
                said.assert_done();
                assert_eq!(meddler.went.get(), Some(true), "{point:?}");
                assert_eq!(stage.left(), [3], "{on_delete} {point:?}");
                assert_eq!(stage.database.numbers("SELECT id FROM d"), [3], "{point:?}");
                let target = said.target();
                assert_eq!((target.rows.deleted, target.dependents[0].deleted), (3, 3));
                assert_eq!(target.kept.referenced, Some(1), "{said:#?}");
            });
        }
    }
}

/// Neither the root's lock nor anybody's keeps a row away from what hangs on the root.
#[test]
fn a_row_that_comes_to_a_dependent_and_is_not_to_go_keeps_the_root() {
    let sql = "CREATE TABLE t (id bigint PRIMARY KEY, at timestamptz);
        CREATE TABLE d (id bigint PRIMARY KEY, t_id bigint REFERENCES t (id) ON DELETE CASCADE);
        CREATE TABLE e (id bigint PRIMARY KEY, d_id bigint REFERENCES d (id) ON DELETE CASCADE, pinned boolean);
        INSERT INTO t SELECT i, '2023-11-15Z' FROM generate_series(1, 4) i;
        INSERT INTO d SELECT i, i FROM generate_series(1, 4) i;
        INSERT INTO e SELECT i, i, false FROM generate_series(1, 4) i;";
    let grants = [delete("t", "id"), delete("d", "id"), delete("e", "id")];
    // With a count of what the server has deleted by itself, and without.
    for counts in ["on", "off"] {
        both(sql, &grants, |stage| {
            let role = &stage.database.role;
            stage.database.execute(&format!("ALTER ROLE {role} SET track_counts = {counts}"));
            let spec = old(r#", dependents: [{name: d, table: public.d, references: {t_id: id}},
                {name: e, of: d, table: public.e, references: {d_id: id}, where: "not pinned"}]"#);
            let sql = "INSERT INTO e VALUES (13, 3, true)";
            let meddler = Meddler::new(stage, Point::Judged, 1, sql);
            let said = stage.ask(&spec, |options| options.batch_rows = Some(4), &meddler);
            said.assert_done();
            assert_eq!(meddler.went.get(), Some(true));
            assert_eq!(stage.left(), [3], "{counts}");
            assert_eq!(stage.database.numbers("SELECT id FROM e ORDER BY 1"), [3, 13]);
            assert_eq!(said.target().kept.referenced, Some(1), "{said:#?}");
        });
    }
}

/// As a trigger does that keeps a journal: when c is changed, a row comes to hang on d, after all those that hung there
/// were taken off and before d goes.
#[test]
fn a_row_that_would_go_with_a_dependent_though_it_came_too_late_keeps_the_root() {
    let sql = "CREATE TABLE t (id bigint PRIMARY KEY, at timestamptz);
        CREATE TABLE d (id bigint PRIMARY KEY, t_id bigint REFERENCES t (id));
        CREATE TABLE e (id bigserial PRIMARY KEY, d_id bigint REFERENCES d (id) ON DELETE CASCADE);
        CREATE TABLE c (id bigint PRIMARY KEY, t_id bigint REFERENCES t (id), d_id bigint REFERENCES d (id));
        INSERT INTO t SELECT i, '2023-11-15Z' FROM generate_series(1, 4) i;
        INSERT INTO d SELECT i, i FROM generate_series(1, 4) i;
        INSERT INTO e (d_id) SELECT i FROM generate_series(1, 4) i;
        INSERT INTO c VALUES (3, 3, NULL);
        CREATE FUNCTION journal() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS
            'BEGIN INSERT INTO e (d_id) VALUES (old.t_id); RETURN NULL; END';
        CREATE TRIGGER journal AFTER UPDATE ON c FOR EACH ROW EXECUTE FUNCTION journal();";
    let grants = [delete("t", "id"), delete("d", "id"), update("e"), update("c")];
    both(sql, &grants, |stage| {
        let said = stage.run(&old(r#", dependents: [{name: d, table: public.d, references: {t_id: id}},
            {name: e, of: d, table: public.e, references: {d_id: id}, action: Update, set: {d_id: "null"}},
            {name: c, table: public.c, references: {t_id: id}, action: Update, set: {t_id: "null"}}]"#));
        assert_eq!(stage.left(), [3], "{said:#?}");
        assert_eq!(stage.database.numbers("SELECT id FROM e WHERE d_id = 3"), [3]);
        assert_eq!(stage.database.numbers("SELECT count(*) FROM e"), [4]);
        assert_eq!(said.target().rows.deleted, 3);
    });
}

#[test]
fn of_a_root_that_stays_some_dependents_go_and_some_stay() {
    for on_delete in ["ON DELETE CASCADE", ""] {
        let sql = format!(
            "CREATE TABLE t (id bigint PRIMARY KEY, at timestamptz, state text);
             CREATE TABLE d (id bigint PRIMARY KEY, t_id bigint REFERENCES t (id) {on_delete}, pinned boolean);
             INSERT INTO t SELECT i, '2023-11-15Z', 'new' FROM generate_series(1, 4) i;
             INSERT INTO d SELECT i, 1 + i % 4, i = 3 FROM generate_series(1, 8) i;"
        );
        both(&sql, &[update("t"), delete("d", "id")], |stage| {
            let spec = r#"window: {default: 30d}, targets: [{name: t, table: public.t, action: Update, set: {state: "'old'"},
                where: "state = 'new'", age: {column: at},
                dependents: [{name: d, table: public.d, references: {t_id: id}, where: "not pinned"}]}]"#;
            let said = stage.run(spec);
            said.assert_done();
            assert_eq!((said.target().rows.updated, said.target().dependents[0].deleted), (4, 7));
            assert_eq!(stage.database.numbers("SELECT id FROM d"), [3]);
        });
    }
}
