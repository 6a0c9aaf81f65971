//! Rows that cannot go: each is found and named, and the others go.

use retention_operator::api::{Outcome, TargetReport};
use retention_operator::run::Unwatched;

use crate::bed::{Bed, elsewhere};

fn report(outcome: &retention_operator::run::Outcome) -> &TargetReport {
    &outcome.reports[0].status.as_ref().unwrap().targets[0]
}

fn with_trigger(body: &str) -> Bed {
    let bed = Bed::new();
    elsewhere(&bed.database(), &format!("CREATE TRIGGER guard BEFORE DELETE ON chats {body}"))
        .unwrap();
    bed
}

#[test]
fn a_row_that_a_trigger_protects_stays_with_its_family_and_the_others_go() {
    for (trigger, reason) in [
        ("WHEN old.id = 3 BEGIN SELECT RAISE(ABORT, 'chat 3 is protected'); END", "Constraint"),
        ("WHEN old.id = 3 BEGIN SELECT RAISE(IGNORE); END", "NotActed"),
    ] {
        for batch in [1, 3, 8] {
            let bed = with_trigger(trigger);
            let outcome = bed.run(batch, &Unwatched);
            let target = report(&outcome);
            assert_eq!(outcome.exit, 1, "something that should have gone did not");
            assert_eq!(bed.chats(), [3, 9, 10], "{reason}, batches of {batch}");
            bed.assert_whole_families();
            assert_eq!(
                (target.rows.deleted, target.rows.selected, target.kept.failed),
                (7, 8, Some(1))
            );
            assert_eq!(target.overdue.as_ref().unwrap().rows, 1);
            assert_eq!(target.failures.len(), 1);
            assert_eq!(target.failures[0].reason, reason);
            assert!(target.failures[0].key.starts_with("sha256:"), "no content of a row is told");
            assert_eq!(target.access.as_ref().unwrap().triggers, ["guard"]);
        }
    }
}

#[test]
fn a_target_whose_first_batch_fails_whole_is_given_up() {
    let bed = with_trigger("BEGIN SELECT RAISE(ABORT, 'never'); END");
    let outcome = bed.run(8, &Unwatched);
    let target = report(&outcome);
    assert_eq!((outcome.exit, target.outcome), (1, Some(Outcome::Failed)));
    assert_eq!(target.reason.as_deref(), Some("TooManyFailures"));
    assert_eq!(bed.chats().len(), 10);
    bed.assert_whole_families();
}

#[test]
fn twenty_failures_of_one_reason_end_the_target_and_what_went_before_is_counted() {
    let bed = with_trigger("WHEN old.id > 1100 BEGIN SELECT RAISE(ABORT, 'never'); END");
    elsewhere(
        &bed.database(),
        "WITH RECURSIVE n (i) AS (SELECT 1001 UNION ALL SELECT i + 1 FROM n WHERE i < 1300)
         INSERT INTO chats (id, org, updated_at) SELECT i, 'acme', 1700000000 + i FROM n",
    )
    .unwrap();
    let outcome = bed.run(10, &Unwatched);
    let target = report(&outcome);
    assert_eq!(target.reason.as_deref(), Some("TooManyFailures"));
    assert_eq!(target.kept.failed, Some(20));
    assert_eq!(target.rows.deleted, 108);
    assert_eq!(target.overdue.as_ref().unwrap().at_least, Some(true), "it did not see them all");
    assert_eq!(bed.chats().len() as i64, 310 - target.rows.deleted);
}

#[test]
fn an_update_that_a_trigger_undoes_is_rolled_back_and_told() {
    let bed = Bed::new()
        .with(
            "action: Delete\n",
            "action: Update\n    set: {pinned: \"1\"}\n    where: \"pinned = 0\"\n",
        )
        .with("    - {name: pinned, when: \"pinned > 0\"}\n", "");
    elsewhere(
        &bed.database(),
        "CREATE TRIGGER undo AFTER UPDATE ON chats WHEN new.id = 5 BEGIN UPDATE chats SET pinned = 0 WHERE id = 5; END",
    )
    .unwrap();
    let outcome = bed.run(3, &Unwatched);
    let target = report(&outcome);
    assert_eq!(target.failures.len(), 1, "{target:?}");
    assert_eq!(target.failures[0].reason, "StaysSelected");
    assert_eq!(
        bed.numbers("SELECT id FROM chats WHERE pinned = 1 ORDER BY id"),
        [1, 2, 3, 4, 6, 7, 8]
    );
    assert_eq!(
        bed.numbers("SELECT count(*) FROM messages WHERE chat_id = 5"),
        [2],
        "its messages came back too"
    );
}

#[test]
fn the_next_oldest_move_up_for_those_that_cannot_go_under_a_cap() {
    let bed = Bed::new().with("    action: Delete\n", "    action: Delete\n    maxRowsPerRun: 3\n");
    elsewhere(&bed.database(), "CREATE TRIGGER guard BEFORE DELETE ON chats WHEN old.id = 1 BEGIN SELECT RAISE(ABORT, 'never'); END").unwrap();
    let outcome = bed.run(2, &Unwatched);
    let target = report(&outcome);
    assert_eq!(target.outcome, Some(Outcome::CapReached));
    assert_eq!(bed.chats(), [1, 5, 6, 7, 8, 9, 10], "2, 3 and 4 are the oldest that could go");
    assert_eq!(target.overdue.as_ref().unwrap().rows, 5);
}

#[test]
fn a_row_whose_condition_cannot_be_computed_stays_and_the_others_go() {
    for (dry_run, cap) in [(false, ""), (true, ""), (false, "    maxRowsPerRun: 100\n")] {
        let bed = Bed::new()
            .with("    action: Delete\n", &format!("    action: Delete\n{cap}"))
            .with("pinned > 0", "json_extract(meta, '$.pinned') = 1");
        let rows =
            "ALTER TABLE chats ADD COLUMN meta TEXT; UPDATE chats SET meta = '{\"pinned\": 0}';
                    UPDATE chats SET meta = 'no json' WHERE id = 5;
                    UPDATE chats SET meta = '{\"pinned\": 1}' WHERE id = 6";
        elsewhere(&bed.database(), rows).unwrap();
        let bed =
            if dry_run { bed.with("  schedule:", "  dryRun: true\n  schedule:") } else { bed };
        let outcome = bed.run(4, &Unwatched);
        let target = report(&outcome);
        assert_eq!((outcome.exit, target.outcome), (1, Some(Outcome::Done)), "{target:?}");
        assert_eq!((target.rows.deleted, target.kept.failed), (6, Some(1)), "{dry_run} {cap}");
        assert_eq!(target.failures[0].reason, "DatabaseError");
        let left: Vec<i64> = if dry_run { (1..=10).collect() } else { vec![5, 6, 9, 10] };
        assert_eq!(bed.chats(), left, "{dry_run} {cap}");
    }
}

#[test]
fn a_row_for_which_where_cannot_be_computed_stays_and_the_others_go() {
    for index in [
        "",
        "DROP INDEX chats_age; CREATE INDEX by_age ON chats (updated_at);",
        "DROP INDEX chats_age;",
    ] {
        for dry_run in ["false", "true"] {
            let bed = Bed::new()
                .with(
                    "    exemptions:",
                    "    where: \"json_extract(meta, '$.kind') = 'old'\"\n    exemptions:",
                )
                .with("  schedule:", &format!("  dryRun: {dry_run}\n  schedule:"));
            let rows = "ALTER TABLE chats ADD COLUMN meta TEXT; UPDATE chats SET meta = '{\"kind\": \"old\"}';
                        UPDATE chats SET meta = 'no json' WHERE id = 5;
                        UPDATE chats SET meta = '{}' WHERE id = 6";
            elsewhere(&bed.database(), &format!("{index} {rows}")).unwrap();
            let outcome = bed.run(4, &Unwatched);
            let target = report(&outcome);
            assert_eq!((outcome.exit, target.outcome), (1, Some(Outcome::Done)), "{target:?}");
            assert_eq!(
                (target.rows.deleted, target.kept.failed),
                (6, Some(1)),
                "{index} {dry_run}"
            );
            assert_eq!(target.kept.undatable, None, "rows outside of where were met too");
            let left = if dry_run == "true" { (1..=10).collect() } else { vec![5, 6, 9, 10] };
            assert_eq!(bed.chats(), left, "{index} {dry_run}");
        }
    }
}

#[test]
fn an_update_passes_over_a_row_that_cannot_be_judged() {
    let bed = Bed::new().with(
        "action: Delete\n",
        "action: Update\n    set: {pinned: \"1\"}\n    where: \"json_extract(meta, '$.kind') = 'old'\"\n",
    );
    let rows =
        "ALTER TABLE chats ADD COLUMN meta TEXT; UPDATE chats SET meta = '{\"kind\": \"old\"}';
                UPDATE chats SET meta = 'no json' WHERE id = 5";
    elsewhere(&bed.database(), rows).unwrap();
    let outcome = bed.run(4, &Unwatched);
    assert_eq!((outcome.exit, report(&outcome).rows.updated), (1, 7), "{outcome:?}");
    assert_eq!(
        bed.numbers("SELECT id FROM chats WHERE pinned = 1 ORDER BY id"),
        [1, 2, 3, 4, 6, 7, 8]
    );
}
