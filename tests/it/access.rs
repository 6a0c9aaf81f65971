//! How rows are found: through an index, and by a sweep once the index has taken much of the table.

use retention_operator::run::Unwatched;

use crate::bed::{Bed, elsewhere};

/// Chats 1,001 to 31,000: two thirds expired, every tenth of those pinned.
const MANY: &str = "
    WITH RECURSIVE n (i) AS (SELECT 1001 UNION ALL SELECT i + 1 FROM n WHERE i < 31000)
    INSERT INTO chats (id, org, updated_at, pinned)
    SELECT i, 'org' || (i % 7), CASE WHEN i % 3 = 0 THEN 1795000000 ELSE 1700000000 + i END, i % 10 = 0 FROM n";

fn crowded() -> Bed {
    let bed = Bed::new();
    elsewhere(&bed.database(), MANY).unwrap();
    bed
}

fn expected_to_stay(bed: &Bed) -> Vec<i64> {
    bed.numbers(
        "SELECT count(*) FROM chats WHERE updated_at >= 1795000000 OR pinned OR org = 'globex'",
    )
}

#[test]
fn an_index_that_has_taken_much_of_the_table_gives_way_to_a_sweep_and_nothing_is_counted_twice() {
    let bed = crowded();
    let (stay, all) = (expected_to_stay(&bed)[0], bed.numbers("SELECT count(*) FROM chats")[0]);
    let outcome = bed.run(1_000, &Unwatched);
    let target = &outcome.reports[0].status.as_ref().unwrap().targets[0];
    let access = serde_json::to_value(target.access.as_ref().unwrap()).unwrap();
    assert_eq!(access["path"], "Sweep", "{access}");
    assert!(
        access["why"].as_str().unwrap().contains("an index begins with (org, updated_at)"),
        "{access}"
    );
    assert_eq!(target.rows.deleted, all - stay);
    assert_eq!(bed.numbers("SELECT count(*) FROM chats"), [stay]);
    let held = bed.numbers(
        "SELECT count(*) FROM chats WHERE pinned AND updated_at < 1795000000 AND org <> 'globex'",
    );
    assert_eq!(target.kept.held["pinned"], held[0], "each held row once");
    assert_eq!(target.rows.selected, target.rows.deleted + held[0]);
    assert_eq!(target.kept.undatable, Some(0), "a sweep meets every row");
}

#[test]
fn a_backlog_is_swept_from_its_first_page() {
    let bed = crowded();
    // 1,700 are due, far fewer than an index may take before it is left.
    elsewhere(&bed.database(), "DELETE FROM chats WHERE id > 4000").unwrap();
    let outcome = bed.run(1_000, &Unwatched);
    let target = &outcome.reports[0].status.as_ref().unwrap().targets[0];
    assert_eq!(serde_json::to_value(target.access.as_ref().unwrap()).unwrap()["path"], "Sweep");
    assert_eq!(bed.numbers("SELECT count(*) FROM chats"), expected_to_stay(&bed));
    assert!(target.rows.deleted < 2_000, "{}", target.rows.deleted);
}

#[test]
fn few_expired_rows_are_found_through_the_index_without_reading_the_others() {
    let bed = crowded();
    elsewhere(&bed.database(), "UPDATE chats SET updated_at = 1795000000 WHERE id > 1100").unwrap();
    let outcome = bed.run(1_000, &Unwatched);
    let target = &outcome.reports[0].status.as_ref().unwrap().targets[0];
    assert_eq!(serde_json::to_value(target.access.as_ref().unwrap()).unwrap()["path"], "Index");
    assert_eq!(target.rows.examined, target.rows.selected, "none but expired rows were read");
    assert_eq!(target.kept.undatable, None, "not met, so not known");
    assert_eq!(bed.numbers("SELECT count(*) FROM chats WHERE updated_at < 1795000000 AND NOT pinned AND org <> 'globex'"), [0]);
}

#[test]
fn an_index_is_walked_past_rows_that_stay_and_every_tenant_is_met() {
    // More held rows of one second than a page takes: a cursor of the age alone would stand still.
    let bed = crowded();
    elsewhere(
        &bed.database(),
        "UPDATE chats SET pinned = 1, updated_at = 1600000000 WHERE id BETWEEN 2000 AND 9000",
    )
    .unwrap();
    let outcome = bed.run(1_000, &Unwatched);
    assert_eq!(outcome.exit, 0);
    assert_eq!(bed.numbers("SELECT count(*) FROM chats WHERE updated_at < 1795000000 AND NOT pinned AND org <> 'globex'"), [0]);
    assert_eq!(bed.numbers("SELECT count(*) FROM chats WHERE id BETWEEN 2000 AND 9000"), [7_001]);
}

#[test]
fn under_a_cap_held_and_overdue_rows_stay_counted_when_the_index_gives_way() {
    let told = |policy: &str| {
        let bed = crowded()
            .with("dependents:", "maxRowsPerRun: 15000\n    dependents:")
            .with("schedule:", policy);
        let outcome = bed.run(1_000, &Unwatched);
        assert_eq!(outcome.exit, 0);
        let status = outcome.reports[0].status.as_ref().unwrap();
        let target = serde_json::to_value(&status.targets[0]).unwrap();
        let tenants = target["tenants"].as_array().unwrap();
        let by_tenant: i64 = tenants.iter().filter_map(|t| t["overdue"].as_i64()).sum();
        assert_eq!(target["overdue"]["rows"], by_tenant, "{target}");
        assert_eq!(target["rows"]["deleted"], 15_000);
        let held = target["kept"]["held"]["pinned"].as_i64().unwrap();
        let parts = 15_000 + held + by_tenant;
        assert_eq!(target["rows"]["selected"], parts, "{target}");
        (target["access"]["path"].clone(), held, by_tenant)
    };
    let (planned, held, overdue) = told("dryRun: true\n  schedule:");
    assert!(held > 0 && overdue > 0);
    assert_eq!(planned, "Index");
    assert_eq!(told("schedule:"), ("Sweep".into(), held, overdue));
}
