//! Rows that go with a row, and rows that stand in the way.

use super::database::{Grant, delete, read, update};
use super::stage::{both, old};

/// Rows 1 to 4 are old and 5 is young; each has two of d, and each of these two of e.
fn family(on_delete: &str) -> String {
    format!(
        "CREATE TABLE t (id uuid PRIMARY KEY, n bigint, at timestamptz);
         CREATE TABLE d (id bigserial PRIMARY KEY, t_id uuid REFERENCES t (id) {on_delete}, n bigint);
         CREATE INDEX d_t ON d (t_id);
         CREATE TABLE e (id bigserial PRIMARY KEY, d_id bigint REFERENCES d (id) {on_delete});
         CREATE INDEX e_d ON e (d_id);
         INSERT INTO t SELECT gen_random_uuid(), i, '2026-01-01Z' FROM generate_series(1, 4) i;
         INSERT INTO t VALUES (gen_random_uuid(), 5, '2026-11-20Z');
         INSERT INTO d (t_id, n) SELECT id, n FROM t UNION ALL SELECT id, n FROM t;
         INSERT INTO e (d_id) SELECT id FROM d UNION ALL SELECT id FROM d;"
    )
}

fn grants() -> Vec<Grant> {
    vec![delete("t", "id"), delete("d", "id"), delete("e", "id")]
}

const DEPENDENTS: &str = ", dependents: [{name: d, table: public.d, references: {t_id: id}},
    {name: e, of: d, table: public.e, references: {d_id: id}}]";

const FORMS: [&str; 6] = [
    "",
    "ON DELETE CASCADE",
    "ON DELETE RESTRICT",
    "DEFERRABLE INITIALLY DEFERRED",
    "ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED",
    "ON DELETE SET NULL",
];

#[test]
fn dependents_go_with_their_root_whatever_the_database_would_do_by_itself() {
    for form in FORMS {
        both(&family(form), &grants(), |stage| {
            let spec = old(DEPENDENTS);
            for said in [stage.dry_run(&spec), stage.run(&spec)] {
                said.assert_done();
                let target = said.target();
                let counts: Vec<i64> = target.dependents.iter().map(|d| d.deleted).collect();
                assert_eq!((target.rows.deleted, counts), (4, vec![8, 16]), "{form}");
            }
            let left = "SELECT count(*) FROM t UNION ALL SELECT count(*) FROM d UNION ALL SELECT count(*) FROM e";
            assert_eq!(stage.database.numbers(left), [1, 2, 4], "{form}");
            assert_eq!(stage.database.numbers("SELECT n FROM t"), [5], "{form}");
        });
    }
}

#[test]
fn a_cascade_that_the_policy_does_not_name_is_refused_with_what_to_write() {
    both(&family("ON DELETE CASCADE"), &grants(), |stage| {
        let one = ", dependents: [{name: d, table: public.d, references: {t_id: id}}]";
        for (spec, table) in [(old(""), "public.d"), (old(one), "public.e")] {
            let said = stage.run(&spec);
            let refused = said.refused();
            assert_eq!(refused.reason, "UnnamedCascade");
            assert!(refused.write.contains(table), "{}", refused.write);
        }
        assert_eq!(stage.database.numbers("SELECT count(*) FROM e"), [20]);
    });
}

#[test]
fn what_an_unnamed_table_still_points_at_is_kept_as_referenced() {
    for form in ["", "ON DELETE RESTRICT", "DEFERRABLE INITIALLY DEFERRED"] {
        let sql = format!(
            "{} DELETE FROM e; DELETE FROM d WHERE n IN (1, 2) OR id % 2 = 0;",
            family(form)
        );
        both(&sql, &grants(), |stage| {
            let count = stage
                .database
                .numbers("SELECT count(DISTINCT t_id) FROM d JOIN t ON t.id = t_id WHERE t.n < 5")
                [0];
            let said = stage.run(&old(""));
            said.assert_done();
            assert_eq!(said.target().rows.deleted, 4 - count, "{form}");
            assert_eq!(said.target().kept.referenced, Some(count), "{form}: {said:#?}");
        });
    }
}

#[test]
fn a_dependent_can_be_changed_or_narrowed() {
    let sql = format!("{} DELETE FROM e; ALTER TABLE d ADD COLUMN lost boolean;", family(""));
    let rights = [delete("t", "id"), update("d")];
    both(&sql, &rights, |stage| {
        let spec = old(
            ", dependents: [{name: d, table: public.d, references: {t_id: id}, action: Update, set: {t_id: \"null\", lost: \"true\"}}]",
        );
        let said = stage.run(&spec);
        said.assert_done();
        assert_eq!((said.target().rows.deleted, said.target().dependents[0].updated), (4, 8));
        assert_eq!(
            stage.database.numbers("SELECT count(*) FROM d WHERE t_id IS NULL AND lost"),
            [8]
        );
    });
    // What is outside of `where` still points at its root.
    both(&sql, &grants(), |stage| {
        let spec = old(
            ", dependents: [{name: d, table: public.d, references: {t_id: id}, where: \"n <> 2\"}]",
        );
        let said = stage.run(&spec);
        said.assert_done();
        assert_eq!(said.target().kept.referenced, Some(1));
        assert_eq!(stage.database.numbers("SELECT n FROM t ORDER BY n"), [2, 5]);
        assert_eq!(stage.database.numbers("SELECT n FROM d ORDER BY n"), [2, 2, 5, 5]);
    });
}

#[test]
fn a_dependent_of_two_roots_goes_with_the_first_and_is_counted_once() {
    let sql = "CREATE TABLE t (id bigint PRIMARY KEY, at timestamptz);
               INSERT INTO t VALUES (1, '2026-01-01Z'), (2, '2026-01-01Z'), (3, '2026-11-20Z');
               CREATE TABLE d (id bigint PRIMARY KEY, a bigint REFERENCES t, b bigint REFERENCES t);
               CREATE INDEX ON d (a); CREATE INDEX ON d (b);
               INSERT INTO d VALUES (1, 1, 2), (2, 1, 1), (3, 3, 3), (4, NULL, 2);";
    both(sql, &[delete("t", "id"), delete("d", "id")], |stage| {
        let spec = old(
            ", dependents: [{name: a, table: public.d, references: {a: id}}, {name: b, table: public.d, references: {b: id}}]",
        );
        stage.run(&spec).assert_done();
        assert_eq!(stage.left(), [3]);
        assert_eq!(stage.database.numbers("SELECT id FROM d"), [3]);
    });
}

#[test]
fn a_chain_of_rows_of_one_table_goes_generation_by_generation_and_a_young_end_holds_it() {
    // 1 <- 2 <- 3 are old; 11 is old, and 12, which is young, points at it.
    let sql = "CREATE TABLE t (id bigint PRIMARY KEY, parent bigint REFERENCES t, at timestamptz);
               CREATE INDEX ON t (parent);
               INSERT INTO t VALUES (1, NULL, '2026-01-01Z'), (2, 1, '2026-01-02Z'), (3, 2, '2026-01-03Z'), (11, NULL, '2026-01-01Z'), (12, 11, '2026-11-20Z');";
    both(sql, &[delete("t", "id")], |stage| {
        for _ in 0..3 {
            stage.run(&old("")).assert_done();
        }
        assert_eq!(stage.left(), [11, 12]);
    });
    let rights = [Grant::Update { table: "t".into() }, delete("t", "id")];
    both(sql, &rights, |stage| {
        let spec = old(
            ", dependents: [{name: children, table: public.t, references: {parent: id}, action: Update, set: {parent: \"null\"}}]",
        );
        stage.run(&spec).assert_done();
        assert_eq!(stage.left(), [12]);
    });
    let sql = sql.replace("REFERENCES t,", "REFERENCES t ON DELETE CASCADE,");
    both(&sql, &[delete("t", "id")], |stage| {
        let said = stage.run(&old(""));
        assert_eq!(said.refused().reason, "UnnamedCascade", "12 would go with 11");
        assert_eq!(stage.left().len(), 5);
    });
}

#[test]
fn a_foreign_key_of_several_columns_and_one_that_is_set_null_are_followed_as_they_are() {
    let sql = "CREATE TABLE t (org text, id bigint, at timestamptz, PRIMARY KEY (org, id));
               INSERT INTO t VALUES ('a', 1, '2026-01-01Z'), ('b', 1, '2026-11-20Z'), ('a', 2, '2026-01-01Z');
               CREATE TABLE d (id bigint, t_org text, t_id bigint, FOREIGN KEY (t_org, t_id) REFERENCES t (org, id));
               CREATE INDEX ON d (t_id, t_org);
               INSERT INTO d VALUES (1, 'a', 1), (2, 'b', 1), (3, 'a', 2), (4, NULL, 1);
               CREATE TABLE s (t_org text, t_id bigint, FOREIGN KEY (t_org, t_id) REFERENCES t ON DELETE SET NULL);
               INSERT INTO s VALUES ('a', 1), ('b', 1);";
    both(sql, &[delete("t", "id"), delete("d", "id")], |stage| {
        let spec =
            old(", dependents: [{name: d, table: public.d, references: {t_org: org, t_id: id}}]");
        let said = stage.run(&spec);
        said.assert_done();
        assert_eq!(stage.database.numbers("SELECT id FROM d ORDER BY id"), [2, 4]);
        assert_eq!(stage.database.texts("SELECT org FROM t"), ["b"]);
        assert_eq!(stage.database.numbers("SELECT count(*) FROM s WHERE t_id IS NULL"), [1]);
        let shown = &said.target().access.as_ref().unwrap().set_null;
        assert!(shown.len() == 1 && shown[0].contains('s'), "{shown:?}");
    });
}

#[test]
fn a_crowded_child_without_an_index_is_refused_with_the_statement_that_makes_one() {
    let sql = "CREATE TABLE t (id bigint PRIMARY KEY, at timestamptz); INSERT INTO t VALUES (1, '2026-01-01Z'), (2, '2026-11-20Z');
               CREATE TABLE d (id bigint PRIMARY KEY, \"T id\" bigint REFERENCES t);
               INSERT INTO d SELECT i, 2 FROM generate_series(1, 10001) i;";
    both(sql, &[delete("t", "id"), read("d")], |stage| {
        let said = stage.run(&old(""));
        let refused = said.refused();
        assert_eq!(refused.reason, "MissingIndex");
        assert_eq!(stage.left(), [1, 2]);
        stage.database.execute(&refused.write);
        stage.run(&old("")).assert_done();
        assert_eq!(stage.left(), [2]);
    });
}

/// As frameworks write them: a chat knows its last message.
#[test]
fn rows_that_point_at_one_another_go_where_the_keys_are_checked_at_the_end() {
    for (chat, last) in [
        ("", "DEFERRABLE INITIALLY DEFERRED"),
        ("DEFERRABLE INITIALLY DEFERRED", "DEFERRABLE INITIALLY DEFERRED"),
        ("ON DELETE CASCADE", ""),
    ] {
        let sql = format!(
            "CREATE TABLE t (id bigint PRIMARY KEY, last bigint, at timestamptz);
             CREATE INDEX t_last ON t (last);
             CREATE TABLE d (id bigint PRIMARY KEY, t_id bigint REFERENCES t (id) {chat});
             CREATE INDEX d_t ON d (t_id);
             ALTER TABLE t ADD FOREIGN KEY (last) REFERENCES d (id) {last};
             INSERT INTO t SELECT i, NULL, '2026-01-01Z' FROM generate_series(1, 5) i;
             INSERT INTO d SELECT i, i FROM generate_series(1, 5) i;
             UPDATE t SET last = id;
             INSERT INTO t VALUES (6, 5, '2026-11-20Z');"
        );
        both(&sql, &[delete("t", "id"), delete("d", "id")], |stage| {
            let spec = old(", dependents: [{name: d, table: public.d, references: {t_id: id}}]");
            let said = stage.run(&spec);
            said.assert_done();
            // The young one points at a row of another's.
            assert_eq!(stage.left(), [5, 6], "{chat} {last}");
            let target = said.target();
            assert_eq!((target.rows.deleted, target.dependents[0].deleted), (4, 4));
            assert_eq!(target.kept.referenced, Some(1), "{chat} {last}: {said:#?}");
        });
    }
}

#[test]
fn a_dependent_without_a_key_may_go_on_pointing_at_a_root_that_is_gone() {
    let sql = "CREATE TABLE t (id bigint PRIMARY KEY, at timestamptz);
        CREATE TABLE d (id bigint PRIMARY KEY, t_id bigint, lost boolean);
        INSERT INTO t SELECT i, '2026-01-01Z' FROM generate_series(1, 4) i;
        INSERT INTO d SELECT i, i FROM generate_series(1, 4) i;";
    both(sql, &[delete("t", "id"), update("d")], |stage| {
        let spec = old(
            r#", dependents: [{name: d, table: public.d, references: {t_id: id}, action: Update, set: {lost: "true"}}]"#,
        );
        let said = stage.run(&spec);
        said.assert_done();
        assert_eq!((said.target().rows.deleted, said.target().dependents[0].updated), (4, 4));
        assert_eq!(stage.database.numbers("SELECT count(*) FROM d WHERE lost"), [4]);
    });
}

/// As one with millions of children would.
#[test]
fn a_row_that_takes_too_long_alone_does_not_keep_the_others() {
    let sql = "CREATE TABLE t (id bigint PRIMARY KEY, at timestamptz);
        INSERT INTO t SELECT i, timestamptz '2026-01-01Z' + i * interval '1s' FROM generate_series(1, 6) i;
        CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
            'BEGIN IF old.id = 1 THEN PERFORM pg_catalog.pg_sleep(10); END IF; RETURN old; END';
        CREATE TRIGGER slow BEFORE DELETE ON t FOR EACH ROW EXECUTE FUNCTION slow();";
    both(sql, &[delete("t", "id")], |stage| {
        stage.statement_timeout = "500ms";
        let said = stage.run(&old(""));
        let target = said.target();
        assert_eq!(stage.left(), [1], "{said:#?}");
        assert_eq!((said.exit(), target.rows.deleted, target.kept.failed), (1, 5, Some(1)));
        assert_eq!(target.failures[0].reason, "StatementTimeout");
    });
}
