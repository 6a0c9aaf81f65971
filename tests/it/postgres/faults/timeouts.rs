//! Statements that take too long, or that somebody ends.

use std::cell::RefCell;

use retention_operator::run::{Point, Unwatched};

use super::super::bed::{Bed, Variant};
use super::super::client::Holding;
use super::{assert_failed, assert_the_next_finishes, at};

fn slow(rows: &str) -> String {
    format!(
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS '
         BEGIN IF old.id IN ({rows}) THEN PERFORM pg_catalog.pg_sleep(5); END IF; RETURN old; END';
         CREATE TRIGGER slow BEFORE DELETE ON chats FOR EACH ROW EXECUTE FUNCTION slow();"
    )
}

#[test]
fn a_row_that_takes_too_long_is_found_by_halves_left_and_told_and_the_others_go() {
    for variant in [Variant::NoAction, Variant::Cascade, Variant::Blocks, Variant::BlocksOneByOne] {
        let Some(mut bed) = Bed::new(variant) else { return };
        bed.stage.statement_timeout = "500ms";
        bed.stage.database.execute(&slow("3"));
        let said = bed.run(8, &Unwatched);
        let target = said.target();
        assert_eq!((said.exit(), bed.chats()), (1, vec![3, 9, 10]), "{said:#?}");
        assert_eq!((target.kept.failed, target.failures.len()), (Some(1), 1), "{target:#?}");
        assert_eq!(target.failures[0].reason, "StatementTimeout");
        let message = &target.failures[0].message;
        assert!(message.contains("longer than limits.statementTimeout"), "{message}");
        bed.stage.database.execute("DROP TRIGGER slow ON chats");
        assert_the_next_finishes(&bed, &said);
    }
}

#[test]
fn a_statement_that_somebody_ends_is_tried_in_halves() {
    for point in [Point::Locked, Point::Acted] {
        let Some(bed) = Bed::new(Variant::NoAction) else { return };
        bed.stage.database.execute(
            "CREATE FUNCTION cancel() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS '
             BEGIN IF old.id = 3 AND pg_catalog.nextval(''public.met'') = 1 THEN
                 PERFORM pg_catalog.pg_cancel_backend(pg_catalog.pg_backend_pid());
                 PERFORM pg_catalog.pg_sleep(1);
             END IF; RETURN old; END';
             CREATE SEQUENCE met;
             CREATE TRIGGER cancel BEFORE DELETE ON chats FOR EACH ROW EXECUTE FUNCTION cancel();",
        );
        let said = bed.run(8, &at(point, 1, || {}));
        said.assert_done();
        assert_eq!(bed.chats(), [9, 10]);
    }
}

#[test]
fn a_row_whose_statement_somebody_always_ends_is_told_so() {
    let Some(bed) = Bed::new(Variant::NoAction) else { return };
    bed.stage.database.execute(
        "CREATE FUNCTION cancel() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS '
         BEGIN IF old.id = 3 THEN
             PERFORM pg_catalog.pg_cancel_backend(pg_catalog.pg_backend_pid());
             PERFORM pg_catalog.pg_sleep(1);
         END IF; RETURN old; END';
         CREATE TRIGGER cancel BEFORE DELETE ON chats FOR EACH ROW EXECUTE FUNCTION cancel();",
    );
    let said = bed.run(8, &Unwatched);
    assert_eq!((said.exit(), bed.chats()), (1, vec![3, 9, 10]), "{said:#?}");
    let message = &said.target().failures[0].message;
    assert!(message.contains("somebody ended the statement"), "{message}");
    bed.stage.database.execute("DROP TRIGGER cancel ON chats");
    assert_the_next_finishes(&bed, &said);
}

#[test]
fn a_statement_timeout_of_the_logins_own_changes_nothing() {
    let Some(mut bed) = Bed::new(Variant::NoAction) else { return };
    bed.stage.lock_timeout = "400ms";
    let database = &bed.stage.database;
    let role = &database.role;
    database.execute(&format!("ALTER ROLE {role} SET statement_timeout = '150ms'"));
    database.execute(&slow("3").replace("pg_sleep(5)", "pg_sleep(0.3)"));
    let held = RefCell::new(None::<Holding>);
    let hold = at(Point::Committed, 2, || {
        held.replace(Some(database.holding("LOCK TABLE messages IN ACCESS EXCLUSIVE MODE")));
    });
    let said = bed.run(2, &hold);
    hold.assert_met();
    drop(held.take());
    assert_eq!(said.target().rows.deleted, 4, "chat 3 among them: {said:#?}");
    assert_failed(&said, 1, "LockTimeout", "somebody else holds the whole of one of the tables");
    assert_failed(&said, 1, "LockTimeout", "public.messages");
    assert_the_next_finishes(&bed, &said);
}

/// A table is waited for longer than a statement may take.
#[test]
fn a_limit_that_is_shorter_than_the_wait_for_a_table_blames_no_row() {
    let Some(mut bed) = Bed::new(Variant::NoAction) else { return };
    (bed.stage.statement_timeout, bed.stage.lock_timeout) = ("200ms", "5s");
    let held = RefCell::new(None::<Holding>);
    let hold = at(Point::Committed, 1, || {
        let lock = "LOCK TABLE messages IN ACCESS EXCLUSIVE MODE";
        held.replace(Some(bed.stage.database.holding(lock)));
    });
    let said = bed.run(2, &hold);
    hold.assert_met();
    drop(held.take());
    assert_failed(&said, 1, "LockTimeout", "a transaction did not begin in time");
    assert_eq!(said.target().kept.failed, Some(0), "no row is to blame: {said:#?}");
    assert_the_next_finishes(&bed, &said);
}
