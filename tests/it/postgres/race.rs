//! What happens when another client changes a row while a run is at one of its named points.

mod dependents;

use retention_operator::run::{Point, Unwatched};

use super::bed::{ACTIVE, Bed, NOTED, Variant};
use super::database::delete;
use super::meddler::{CLOSED, Meddler, OPEN};
use super::stage::{both, old};

const LANES: [Variant; 5] =
    [Variant::Cascade, Variant::NoAction, Variant::Sweep, Variant::Blocks, Variant::BlocksOneByOne];

/// How to be in the middle of things: one chat after another, several at a time, and all in one pass over the table, where
/// there is nothing between the first batch and the last.
fn ways() -> Vec<(Variant, usize, Point)> {
    let mut ways = Vec::new();
    for point in OPEN {
        ways.extend([(Variant::Cascade, 3, point), (Variant::NoAction, 1, point)]);
    }
    for variant in [Variant::Sweep, Variant::Blocks, Variant::BlocksOneByOne] {
        ways.extend([(variant, 8, Point::Planned), (variant, 8, Point::Found)]);
    }
    ways
}

/// Chat 8 is changed; it must stay, and all other expired ones must go.
fn chat_8_survives(sql: &str) {
    for (variant, batch, point) in ways() {
        let Some(bed) = Bed::new(variant) else { return };
        let bed = bed.with("exemptions: [", &format!("exemptions: [{ACTIVE}"));
        let meddler = Meddler::new(&bed.stage, point, 1, sql);
        let said = bed.run(batch, &meddler);
        let way = format!("{variant:?}, {point:?}, batches of {batch}");
        assert_eq!(meddler.went.get(), Some(true), "{way}: the change was not made: {said:#?}");
        said.assert_done();
        assert_eq!(bed.chats(), [8, 9, 10], "{way}");
    }
}

#[test]
fn a_row_refreshed_meanwhile_survives() {
    chat_8_survives("UPDATE chats SET updated_at = '2026-10-23Z' WHERE id = 8");
}

#[test]
fn a_row_refreshed_to_exactly_its_cutoff_survives() {
    chat_8_survives("UPDATE chats SET updated_at = '2026-10-22 12:00Z' WHERE id = 8");
}

#[test]
fn a_row_pinned_meanwhile_survives() {
    chat_8_survives("UPDATE chats SET pinned = 1 WHERE id = 8");
}

#[test]
fn a_row_given_to_a_tenant_that_keeps_for_ever_survives() {
    chat_8_survives("UPDATE chats SET org = 'globex' WHERE id = 8");
}

#[test]
fn a_row_without_a_tenant_by_now_survives() {
    chat_8_survives("UPDATE chats SET org = NULL WHERE id = 8");
}

#[test]
fn a_row_given_to_a_tenant_whom_nobody_knew_at_the_plan_survives() {
    chat_8_survives("UPDATE chats SET org = 'newcomer' WHERE id = 8");
}

#[test]
fn a_row_with_new_activity_survives_with_a_foreign_key_and_without() {
    chat_8_survives("INSERT INTO notes VALUES (8, '2026-11-20Z')");
    chat_8_survives("INSERT INTO messages (chat_id, created_at) VALUES (8, '2026-11-20Z')");
}

/// Then the lock itself gives the row as it is by now, and no second statement asks.
#[test]
fn a_row_changed_meanwhile_survives_where_nothing_but_the_row_itself_decides() {
    for sql in [
        "UPDATE chats SET updated_at = '2026-10-23Z' WHERE id = 8",
        "UPDATE chats SET pinned = 1 WHERE id = 8",
        "UPDATE chats SET org = 'globex' WHERE id = 8",
    ] {
        for (variant, batch, point) in
            [(Variant::Cascade, 3, Point::Found), (Variant::NoAction, 1, Point::Committed)]
        {
            let Some(bed) = Bed::new(variant) else { return };
            let bed = bed.with(NOTED, "");
            let meddler = Meddler::new(&bed.stage, point, 1, sql);
            bed.run(batch, &meddler).assert_done();
            assert_eq!(meddler.went.get(), Some(true), "{variant:?}: the change was not made");
            assert_eq!(bed.chats(), [8, 9, 10], "{variant:?}: {sql}");
        }
    }
}

#[test]
fn a_row_that_its_application_touches_with_each_new_child_survives() {
    for (variant, batch, point) in ways() {
        let Some(bed) = Bed::new(variant) else { return };
        bed.stage.database.execute(TOUCH);
        let sql = "INSERT INTO messages (chat_id) VALUES (8)";
        let meddler = Meddler::new(&bed.stage, point, 1, sql);
        bed.run(batch, &meddler).assert_done();
        assert_eq!(bed.chats(), [8, 9, 10], "{variant:?}, {point:?}");
        bed.assert_whole_families();
    }
}

#[test]
fn a_young_row_under_the_key_of_one_that_went_survives() {
    chat_8_survives(
        "DELETE FROM messages WHERE chat_id = 8; DELETE FROM chats WHERE id = 8;
         INSERT INTO chats (id, org, updated_at) VALUES (8, 'acme', '2026-11-20Z')",
    );
}

#[test]
fn a_row_that_somebody_else_deletes_is_no_failure() {
    for (variant, batch, point) in ways() {
        let Some(bed) = Bed::new(variant) else { return };
        let sql = "DELETE FROM messages WHERE chat_id = 8; DELETE FROM chats WHERE id = 8";
        let said = bed.run(batch, &Meddler::new(&bed.stage, point, 1, sql));
        said.assert_done();
        assert_eq!(bed.chats(), [9, 10], "{variant:?}, {point:?}");
        assert_eq!(said.target().rows.deleted, 7, "only what the run itself took is counted");
    }
}

/// Whether somebody else can do this while a batch of all chats is at a point. They go, in any case.
fn gets_in(variant: Variant, point: Point, sql: &str) -> Option<bool> {
    let bed = Bed::new(variant)?;
    let meddler = Meddler::new(&bed.stage, point, 1, sql);
    bed.run(8, &meddler).assert_done();
    assert_eq!(bed.chats(), [9, 10], "{variant:?}, {point:?}");
    bed.assert_whole_families();
    assert!(meddler.went.get().is_some(), "{point:?} was not reached");
    meddler.went.get()
}

#[test]
fn the_rows_of_a_batch_nobody_else_can_write_or_point_at() {
    for variant in LANES {
        for point in CLOSED {
            for sql in [
                "UPDATE chats SET pinned = 1 WHERE id = 1",
                "INSERT INTO messages (chat_id, created_at) VALUES (1, '2026-11-20Z')",
            ] {
                let Some(went) = gets_in(variant, point, sql) else { return };
                assert!(!went, "{variant:?}, {point:?}: {sql} got in");
            }
        }
    }
}

#[test]
fn every_other_row_can_be_written_while_a_batch_is_at_work() {
    for variant in [Variant::Cascade, Variant::NoAction, Variant::Sweep] {
        for point in CLOSED {
            let sql = "UPDATE chats SET pinned = 1 WHERE id = 9; INSERT INTO messages (chat_id) VALUES (9);
                INSERT INTO chats (id, org, updated_at) VALUES (0, 'acme', '2026-11-20Z'); DELETE FROM chats WHERE id = 0";
            let Some(went) = gets_in(variant, point, sql) else { return };
            assert!(went, "{variant:?}, {point:?}: it had to wait");
        }
    }
}

/// What a condition reads in a table without a foreign key counts if it was committed before the judgement, and comes
/// too late after it.
#[test]
fn activity_without_a_foreign_key_counts_until_the_judgement() {
    let sql = "INSERT INTO notes VALUES (8, '2026-11-20Z')";
    for variant in [Variant::Cascade, Variant::NoAction, Variant::Sweep, Variant::BlocksOneByOne] {
        for (point, left) in [
            (Point::Locked, [8, 9, 10].as_slice()),
            (Point::Judged, &[9, 10]),
            (Point::Acted, &[9, 10]),
        ] {
            let Some(bed) = Bed::new(variant) else { return };
            let meddler = Meddler::new(&bed.stage, point, 1, sql);
            bed.run(8, &meddler).assert_done();
            assert_eq!(meddler.went.get(), Some(true), "{variant:?}, {point:?}");
            assert_eq!(bed.chats(), left, "{variant:?}, {point:?}");
        }
    }
}

#[test]
fn what_somebody_else_has_locked_is_left_and_told() {
    for variant in LANES {
        for sql in [
            "SELECT 1 FROM chats WHERE id = 3 FOR UPDATE",
            "UPDATE chats SET pinned = 1 WHERE id = 3",
            "INSERT INTO messages (chat_id) VALUES (3)",
        ] {
            for batch in [1, 8] {
                let Some(bed) = Bed::new(variant) else { return };
                let held = bed.stage.database.holding(sql);
                let said = bed.run(batch, &Unwatched);
                said.assert_done();
                let target = said.target();
                assert_eq!(bed.chats(), [3, 9, 10], "{variant:?}, {sql}");
                assert_eq!((target.rows.deleted, target.kept.locked), (7, Some(1)), "{target:#?}");
                assert_eq!(target.overdue.as_ref().map(|overdue| overdue.rows), Some(1));
                // Nobody waited, so that no batch failed and was taken in halves.
                let whole = if batch == 8 { 1 } else { 8 };
                assert_eq!(target.work.as_ref().unwrap().batches, whole, "{variant:?}, {sql}");
                drop(held);
                bed.run(batch, &Unwatched).assert_done();
                assert_eq!(bed.chats(), [9, 10], "the next run takes it");
            }
        }
    }
}

/// As many applications do it: a chat is as old as its last message.
const TOUCH: &str = "
    CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS
        'BEGIN UPDATE chats SET updated_at = ''2026-11-20Z'' WHERE id = coalesce(new.chat_id, old.chat_id); RETURN NULL; END';
    CREATE TRIGGER touch AFTER INSERT OR UPDATE OR DELETE ON messages FOR EACH ROW EXECUTE FUNCTION touch();
";

#[test]
fn a_trigger_that_touches_the_root_when_its_children_go_keeps_nothing() {
    for variant in [Variant::Cascade, Variant::NoAction, Variant::Sweep, Variant::BlocksOneByOne] {
        for batch in [1, 8] {
            let Some(bed) = Bed::new(variant) else { return };
            bed.stage.database.execute(TOUCH);
            bed.run(batch, &Unwatched).assert_done();
            assert_eq!(bed.chats(), [9, 10], "{variant:?}");
            bed.assert_whole_families();
        }
    }
}

#[test]
fn a_hold_that_row_security_hides_by_now_is_an_error_and_no_row_goes() {
    for (point, left) in [(Point::Planned, 10), (Point::Found, 10), (Point::Committed, 9)] {
        let Some(bed) = Bed::new(Variant::NoAction) else { return };
        bed.stage.database.execute("INSERT INTO notes VALUES (8, '2026-11-20Z')");
        let sql = "ALTER TABLE notes ENABLE ROW LEVEL SECURITY";
        let meddler = Meddler::new(&bed.stage, point, 1, sql);
        let said = bed.run(1, &meddler);
        assert_eq!(meddler.went.get(), Some(true), "{point:?}");
        assert_eq!((said.exit(), bed.chats().len()), (1, left), "{point:?}: {said:#?}");
        bed.assert_whole_families();
    }
}

#[test]
fn young_rows_at_the_same_place_in_another_partition_stay() {
    let columns = "(id bigint, org text, at timestamptz)";
    let partitioned = format!(
        "CREATE TABLE t {columns} PARTITION BY LIST (org);
         CREATE TABLE t_a PARTITION OF t FOR VALUES IN ('acme');
         CREATE TABLE t_b PARTITION OF t FOR VALUES IN ('globex');"
    );
    let inherited = format!(
        "CREATE TABLE t {columns}; CREATE TABLE t_a () INHERITS (t); CREATE TABLE t_b () INHERITS (t);"
    );
    let grants = [delete("t", "id"), delete("t_a", "id"), delete("t_b", "id")];
    for (tables, place) in [(&partitioned, "t_a"), (&inherited, "t_a"), (&inherited, "t")] {
        let rows = format!(
            "INSERT INTO {place} SELECT i, 'acme', '2023-11-15Z' FROM generate_series(1, 5) i;"
        );
        for point in [Point::Planned, Point::Found, Point::Locked, Point::Judged] {
            both(&format!("{tables}{rows}"), &grants, |stage| {
                // At the same places, (0,1) to (0,5), as those that go.
                let sql = "INSERT INTO t_b SELECT i, 'globex', '2026-11-20Z' FROM generate_series(11, 15) i";
                let meddler = Meddler::new(stage, point, 1, sql);
                // A condition that reads another row makes lock and judgement two statements.
                let spec = old(
                    r#", exemptions: [{name: newest, when: "exists (select 1 from public.t x where x.id = -t.id)"}]"#,
                );
                let said = stage.ask(&spec, |options| options.batch_rows = Some(5), &meddler);
                said.assert_done();
                assert_eq!(meddler.went.get(), Some(true), "{point:?} was not reached");
                assert_eq!(stage.left(), [11, 12, 13, 14, 15], "{place}, {point:?}");
            });
        }
    }
}

#[test]
fn rows_that_the_application_takes_away_leave_the_newest_of_what_is_left() {
    for point in [Point::Planned, Point::Found] {
        let Some(bed) = Bed::new(Variant::NoAction) else { return };
        let bed = bed
            .with(
                "age: {column: updated_at},",
                "keepNewest: {rows: 3, partitionBy: [org], orderBy: [id]},",
            )
            .with("n.created_at >= :cutoff", "n.created_at is not null");
        // 7, 8 and 9 are the newest of acme; two of them go away before the batch.
        let sql =
            "DELETE FROM messages WHERE chat_id IN (8, 9); DELETE FROM chats WHERE id IN (8, 9)";
        bed.run(8, &Meddler::new(&bed.stage, point, 1, sql)).assert_done();
        assert_eq!(bed.chats(), [5, 6, 7, 10], "{point:?}");
    }
}
