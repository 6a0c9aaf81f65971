//! What happens when somebody changes the schema while a run is at one of its named points, and what the schema brings along.

use retention_operator::run::{Point, Unwatched};

use super::bed::{Bed, Variant};
use super::database::{delete, update};
use super::meddler::{CLOSED, Meddler, OPEN};
use super::stage::{both, old};

const MIGRATIONS: [&str; 4] = [
    "CREATE TABLE invoices (id bigint PRIMARY KEY, chat_id bigint REFERENCES chats ON DELETE CASCADE); INSERT INTO invoices SELECT id, id FROM chats",
    "CREATE FUNCTION spread() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN DELETE FROM public.chats; RETURN OLD; END $$;
     CREATE TRIGGER spread BEFORE DELETE ON chats FOR EACH ROW EXECUTE FUNCTION spread()",
    "ALTER TABLE chats RENAME COLUMN updated_at TO created_at; ALTER TABLE chats ADD COLUMN updated_at timestamptz DEFAULT '2020-01-01'",
    "CREATE RULE everything AS ON DELETE TO chats DO ALSO DELETE FROM notes",
];

#[test]
fn a_schema_that_changed_after_the_plan_ends_the_target_and_nothing_unplanned_goes() {
    for point in OPEN {
        for migration in MIGRATIONS {
            let Some(bed) = Bed::new(Variant::NoAction) else { return };
            let meddler = Meddler::new(&bed.stage, point, 1, migration);
            let said = bed.run(1, &meddler);
            let way = format!("{point:?}: {migration}");
            assert_eq!(meddler.went.get(), Some(true), "{way}: it was not done: {said:#?}");
            assert_eq!(said.exit(), 1, "{way}: {said:#?}");
            assert_eq!(said.target().reason.as_deref(), Some("SchemaChanged"), "{way}");
            // The batch that was committed before the migration is all that went.
            let gone = 10 - bed.chats().len();
            assert_eq!(gone as i64, said.target().rows.deleted, "{way}");
            assert!(gone <= 1, "{way}: {:?}", bed.chats());
            if migration.contains("invoices") {
                let orphans =
                    "SELECT count(*) FROM chats WHERE id NOT IN (SELECT chat_id FROM invoices)";
                assert_eq!(bed.stage.database.numbers(orphans), [0], "{way}");
            }
        }
    }
}

#[test]
fn nobody_changes_the_schema_of_a_batch_under_it() {
    for point in CLOSED {
        for migration in MIGRATIONS {
            let Some(bed) = Bed::new(Variant::NoAction) else { return };
            let meddler = Meddler::new(&bed.stage, point, 1, migration);
            let said = bed.run(8, &meddler);
            let way = format!("{point:?}: {migration}");
            assert_eq!(meddler.went.get(), Some(false), "{way}: it got in");
            said.assert_done();
            assert_eq!(bed.chats(), [9, 10], "{way}");
        }
    }
}

#[test]
fn a_table_that_somebody_holds_whole_ends_the_run_and_the_next_one_goes_on() {
    let Some(mut bed) = Bed::new(Variant::Cascade) else { return };
    bed.stage.lock_timeout = "50ms";
    let held = bed.stage.database.holding("LOCK TABLE chats IN SHARE MODE");
    let said = bed.run(3, &Unwatched);
    drop(held);
    assert_eq!(said.exit(), 3, "it may be tried again: {said:#?}");
    assert_eq!(bed.chats().len(), 10);
    bed.run(3, &Unwatched).assert_done();
    assert_eq!(bed.chats(), [9, 10]);
}

/// As applications write them: they count on a search path.
const COUNTING: &str = "
    CREATE TABLE t (id bigint PRIMARY KEY, at timestamptz, n int DEFAULT 2);
    CREATE TABLE d (id bigint PRIMARY KEY, t_id bigint REFERENCES t ON DELETE CASCADE); CREATE INDEX ON d (t_id);
    CREATE TABLE log (what text); GRANT INSERT ON log TO PUBLIC; GRANT UPDATE (n) ON t TO PUBLIC;
    INSERT INTO t (id, at) VALUES (1, '2026-01-01Z'), (2, '2026-01-01Z'), (3, '2026-11-20Z');
    INSERT INTO d SELECT i, 1 + i % 3 FROM generate_series(1, 6) i;
    CREATE FUNCTION less() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        UPDATE t SET n = n - 1 WHERE id = OLD.t_id; INSERT INTO log VALUES ('less'); RETURN NULL; END $$;
    CREATE TRIGGER less AFTER DELETE ON d FOR EACH ROW EXECUTE FUNCTION less();";

#[test]
fn triggers_of_the_application_find_their_tables_as_they_always_do() {
    both(COUNTING, &[delete("t", "id"), delete("d", "id"), update("t")], |stage| {
        let spec = old(", dependents: [{name: d, table: public.d, references: {t_id: id}}]");
        stage.run(&spec).assert_done();
        assert_eq!(stage.left(), [3]);
        assert_eq!(stage.database.numbers("SELECT count(*) FROM log"), [4]);
    });
}

#[test]
fn an_operator_that_somebody_made_on_the_logins_path_decides_nothing() {
    let sql = "CREATE TABLE t (id varchar PRIMARY KEY, at timestamptz, n bigint);
               CREATE TABLE d (id bigint PRIMARY KEY, t_id varchar REFERENCES t); CREATE INDEX ON d (t_id);
               INSERT INTO t SELECT i, '2026-01-01Z', i FROM generate_series(1, 2) i;
               INSERT INTO t SELECT i, '2026-11-20Z', i FROM generate_series(3, 5) i;
               INSERT INTO d SELECT i, i FROM generate_series(1, 5) i;
               CREATE FUNCTION always(varchar, varchar) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
               CREATE OPERATOR = (LEFTARG = varchar, RIGHTARG = varchar, FUNCTION = always);
               GRANT EXECUTE ON FUNCTION always TO PUBLIC;";
    both(sql, &[delete("t", "id"), delete("d", "id")], |stage| {
        let spec = old(", dependents: [{name: d, table: public.d, references: {t_id: id}}]");
        stage.run(&spec).assert_done();
        assert_eq!(stage.database.numbers("SELECT id FROM d ORDER BY id"), [3, 4, 5]);
        assert_eq!(stage.database.numbers("SELECT n FROM t ORDER BY n"), [3, 4, 5]);
    });
}

#[test]
fn where_somebody_made_operators_beside_those_of_an_extension_nothing_goes() {
    let sql = "CREATE EXTENSION citext;
               CREATE TABLE t (id varchar PRIMARY KEY, at timestamptz, owner citext, n bigint);
               INSERT INTO t VALUES ('1', '2026-01-01Z', 'vip', 1), ('2', '2026-01-01Z', 'a', 2), ('3', '2026-11-20Z', 'a', 3);
               CREATE FUNCTION always(varchar, varchar) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
               CREATE OPERATOR = (LEFTARG = varchar, RIGHTARG = varchar, FUNCTION = always);
               GRANT EXECUTE ON FUNCTION always TO PUBLIC;";
    let spec = old(", exemptions: [{name: vip, when: \"owner = 'VIP'\"}]");
    both(sql, &[delete("t", "id")], |stage| {
        for said in [stage.dry_run(&spec), stage.run(&spec)] {
            let refused = said.refused();
            assert_eq!((&*refused.field, &*refused.reason), ("spec.targets", "Conflict"));
        }
        assert_eq!(stage.database.numbers("SELECT n FROM t ORDER BY n"), [1, 2, 3]);
        stage.database.execute("DROP OPERATOR public.= (varchar, varchar)");
        stage.run(&spec).assert_done();
        assert_eq!(stage.database.numbers("SELECT n FROM t ORDER BY n"), [1, 3]);
    });
    let (before, made) = sql.split_at(sql.find("CREATE FUNCTION").unwrap());
    both(before, &[delete("t", "id")], |stage| {
        let meddler = Meddler::new(stage, Point::Planned, 1, made);
        let said = stage.ask(&spec, |_| {}, &meddler);
        assert_eq!(meddler.went.get(), Some(true));
        assert_eq!(said.exit(), 1, "{said:#?}");
        assert_eq!(said.target().reason.as_deref(), Some("NotPermitted"));
        assert_eq!(stage.database.numbers("SELECT n FROM t ORDER BY n"), [1, 2, 3]);
    });
}

#[test]
fn ten_thousand_tenants_with_nothing_due_are_asked_through_their_index_and_no_row_is_read() {
    let sql = "CREATE TABLE t (id bigint PRIMARY KEY, ten int, at timestamptz);
               INSERT INTO t SELECT i, i, '2026-11-20Z' FROM generate_series(1, 10000) i; CREATE INDEX ON t (ten, at);";
    both(sql, &[delete("t", "id")], |stage| {
        let said = stage.run(&old(", tenant: {column: ten}"));
        said.assert_done();
        assert_eq!((said.target().rows.examined, said.target().rows.deleted), (0, 0));
        stage.database.execute("UPDATE t SET at = '2026-01-01Z' WHERE id % 1000 = 7");
        let said = stage.run(&old(", tenant: {column: ten}"));
        said.assert_done();
        assert_eq!((said.target().rows.examined, said.target().rows.deleted), (10, 10));
    });
}
