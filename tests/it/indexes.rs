//! Indexes that serve a walk, and those that only look as if they did.

use crate::bed::{Bed, elsewhere};
use retention_operator::run::{Outcome, Unwatched};
use serde_json::Value as Json;

/// So many tenants with two expired chats each, and no messages: nothing else is looked at.
fn many_tenants(bed: &Bed, tenants: u32) {
    let rows = format!(
        "DELETE FROM messages; DELETE FROM chats;
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {tenants} * 2)
         INSERT INTO chats (org, updated_at) SELECT 'o' || (i % {tenants}), 1700000000 + i FROM n;"
    );
    elsewhere(&bed.database(), &rows).unwrap();
}

fn target(outcome: &Outcome) -> Json {
    assert_eq!(outcome.exit, 0, "{:?} {:?}", outcome.refusals, outcome.unreachable);
    serde_json::to_value(&outcome.reports[0]).unwrap()["status"]["targets"][0].clone()
}

#[test]
fn tenants_with_few_rows_share_a_transaction() {
    let bed = Bed::new();
    many_tenants(&bed, 1_500);
    // So that no sweep is worth it.
    let young = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 120000)
        INSERT INTO chats (org, updated_at) SELECT 'young', 1795000000 FROM n";
    elsewhere(&bed.database(), young).unwrap();
    let told = target(&bed.run(1_000, &Unwatched));
    assert_eq!(told["access"]["path"], "Index");
    assert_eq!(told["rows"]["deleted"], 3_000);
    assert!(told["work"]["batches"].as_u64().unwrap() <= 6, "{:#}", told["work"]);
    assert_eq!(bed.numbers("SELECT count(*) FROM chats WHERE org <> 'young'"), [0]);
}

#[test]
fn partitions_with_few_rows_too_many_share_a_transaction() {
    let bed = Bed::new().with(
        "age: {column: updated_at, encoding: UnixSeconds}",
        "keepNewest: {rows: 1, orderBy: [id]}",
    );
    let bed = bed.with("n.created_at >= :cutoff", "n.created_at > 0");
    many_tenants(&bed, 1_500);
    let told = target(&bed.run(1_000, &Unwatched));
    assert_eq!(told["rows"]["deleted"], 1_500);
    assert!(told["work"]["batches"].as_u64().unwrap() <= 3, "{:#}", told["work"]);
    assert_eq!(bed.chats().len(), 1_500);
}

#[test]
fn an_index_that_compares_otherwise_than_its_column_is_none() {
    for index in ["(org COLLATE NOCASE, updated_at)", "(org, updated_at COLLATE RTRIM)"] {
        let bed = Bed::new();
        let sql = format!("DROP INDEX chats_age; CREATE INDEX chats_age ON chats {index}");
        elsewhere(&bed.database(), &sql).unwrap();
        let told = target(&bed.run(100, &Unwatched));
        assert_eq!(told["access"]["path"], "Sweep", "{index}");
        assert_eq!(told["rows"]["deleted"], 8, "{index}");
        assert_eq!(bed.chats(), [9, 10], "{index}");
    }
}
