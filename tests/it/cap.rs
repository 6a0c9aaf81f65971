//! maxRowsPerRun: only the oldest so many go.

use retention_operator::api::Outcome;
use retention_operator::run::Unwatched;

use crate::bed::{Bed, elsewhere};

fn capped(rows: u64) -> Bed {
    Bed::new()
        .with("    action: Delete\n", &format!("    action: Delete\n    maxRowsPerRun: {rows}\n"))
}

#[test]
fn rows_of_one_age_go_no_further_than_the_cap() {
    for batch in [1, 2, 8] {
        let bed = capped(3);
        elsewhere(&bed.database(), "UPDATE chats SET updated_at = 1700000000 WHERE id < 9")
            .unwrap();
        let outcome = bed.run(batch, &Unwatched);
        let target = &outcome.reports[0].status.as_ref().unwrap().targets[0];
        assert_eq!((outcome.exit, target.outcome), (0, Some(Outcome::CapReached)));
        assert_eq!((target.rows.deleted, bed.chats().len()), (3, 7), "batches of {batch}");
        assert_eq!(target.overdue.as_ref().unwrap().rows, 5);
        bed.assert_whole_families();
    }
}

#[test]
fn held_rows_take_no_place_of_the_cap_and_the_oldest_go_first() {
    let bed = capped(2);
    elsewhere(&bed.database(), "UPDATE chats SET pinned = 1 WHERE id IN (1, 3)").unwrap();
    let outcome = bed.run(8, &Unwatched);
    let target = &outcome.reports[0].status.as_ref().unwrap().targets[0];
    assert_eq!(bed.chats(), [1, 3, 5, 6, 7, 8, 9, 10]);
    assert_eq!((target.kept.held["pinned"], target.rows.selected), (2, 8));
    let oldest = target.overdue.as_ref().unwrap().oldest_seconds.unwrap();
    let cutoff: jiff::Timestamp = target.tenants[0].cutoff.as_deref().unwrap().parse().unwrap();
    assert_eq!(oldest, cutoff.as_second() - 1_700_000_005, "chat 5 is the oldest that is left");
}
