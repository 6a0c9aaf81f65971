//! Others hold rows or whole tables, or hold and wait crosswise.

use std::cell::RefCell;
use std::time::Instant;

use retention_operator::run::{Point, Unwatched};

use super::super::bed::{Bed, Variant};
use super::super::client::Holding;
use super::super::waiters::queued;
use super::own::own;
use super::{assert_failed, assert_the_next_finishes, assert_unreachable, at};

#[test]
fn a_table_that_somebody_holds_is_tried_again_and_told() {
    for (table, variant) in
        [("chats", Variant::NoAction), ("messages", Variant::NoAction), ("chats", Variant::Blocks)]
    {
        let Some(bed) = Bed::new(variant) else { return };
        let mut bed = bed.spread();
        bed.stage.lock_timeout = "200ms";
        let held = RefCell::new(None::<Holding>);
        let lock = format!("LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE");
        let hold = at(Point::Committed, 1, || {
            held.replace(Some(bed.stage.database.holding(&lock)));
        });
        let began = Instant::now();
        let said = bed.run(2, &hold);
        hold.assert_met();
        drop(held.take());
        assert_failed(&said, 1, "LockTimeout", "raise limits.lockTimeout");
        assert_eq!(said.target().kept.failed, Some(0), "no row is to blame: {said:#?}");
        assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
        assert_the_next_finishes(&bed, &said);
    }
}

#[test]
fn a_table_that_is_free_again_after_a_moment_stops_nothing() {
    let Some(mut bed) = Bed::new(Variant::NoAction) else { return };
    bed.stage.lock_timeout = "200ms";
    let lock = "LOCK TABLE chats IN ACCESS EXCLUSIVE MODE";
    let url = bed.stage.database.own_url();
    let hold = at(Point::Committed, 1, || {
        let held = Holding::begin(&url, lock);
        // Longer than one try takes, and shorter than all of them.
        std::thread::spawn(move || {
            std::thread::sleep(std::time::Duration::from_millis(300));
            drop(held);
        });
    });
    bed.run(2, &hold).assert_done();
    assert_eq!(bed.chats(), [9, 10]);
}

#[test]
fn a_table_that_somebody_holds_before_the_plan_leaves_the_run_for_later() {
    let Some(mut bed) = Bed::new(Variant::NoAction) else { return };
    bed.stage.lock_timeout = "200ms";
    let held = bed.stage.database.holding("LOCK TABLE chats IN ACCESS EXCLUSIVE MODE");
    let said = bed.run(2, &Unwatched);
    assert_unreachable(&said, "canceling statement due to lock timeout");
    assert_unreachable(&said, "raise limits.lockTimeout");
    drop(held);
    assert_the_next_finishes(&bed, &said);
}

/// An application that takes children first and their parents then, while a batch goes the other way.
#[test]
fn a_deadlock_is_resolved_by_smaller_batches_and_costs_no_row() {
    let Some((own, _turn)) = own() else { return };
    let bed = own.bed(Variant::NoAction);
    // The server looks for deadlocks before our patience with a lock ends.
    let other = RefCell::new(None);
    let cross = at(Point::Locked, 1, || {
        let sql = "BEGIN; SET LOCAL deadlock_timeout = '10s'; UPDATE messages SET body = 'mine' WHERE chat_id = 2;
                   UPDATE chats SET pinned = 0 WHERE id = 2; COMMIT";
        other.replace(Some(queued(&bed.stage.database, sql)));
    });
    let said = bed.run(4, &cross);
    cross.assert_met();
    other.take().unwrap().join().expect("the other one gets what it waits for");
    let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    super::own::until("a deadlock", || bed.stage.database.numbers(deadlocks) == [1]);
    assert_eq!(said.exit(), 0, "{said:#?}");
    assert_eq!(said.target().kept.failed, Some(0), "{said:#?}");
    bed.assert_whole_families();
    bed.run(4, &Unwatched).assert_done();
    assert_eq!(bed.chats(), [9, 10]);
}

/// What the database refuses with 40001 or 40P01 may go well a moment later; what never does is told.
#[test]
fn a_serialization_failure_is_tried_again_and_a_row_that_always_has_one_is_left_and_told() {
    for code in ["serialization_failure", "deadlock_detected"] {
        for (fails, left) in [(2, vec![9, 10]), (1_000, vec![3, 9, 10])] {
            let Some(bed) = Bed::new(Variant::NoAction) else { return };
            // A sequence counts what is rolled back too.
            bed.stage.database.execute(&format!(
                "CREATE SEQUENCE tries;
                 CREATE FUNCTION guard() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS '
                 BEGIN IF old.id = 3 AND nextval(''tries'') <= {fails} THEN RAISE {code}; END IF; RETURN old; END';
                 CREATE TRIGGER guard BEFORE DELETE ON chats FOR EACH ROW EXECUTE FUNCTION guard();"
            ));
            let said = bed.run(8, &Unwatched);
            assert_eq!(bed.chats(), left, "{code}: {said:#?}");
            let locked = i64::from(left.len() == 3);
            assert_eq!((said.exit(), said.target().kept.locked), (0, Some(locked)), "{said:#?}");
            let tries = bed.stage.database.numbers("SELECT last_value FROM tries")[0];
            assert!(tries <= 6, "{tries} tries");
            bed.stage.database.execute("DROP TRIGGER guard ON chats");
            assert_the_next_finishes(&bed, &said);
        }
    }
}
