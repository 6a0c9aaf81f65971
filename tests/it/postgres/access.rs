//! Along an index, or through the whole table.

use retention_operator::run::Unwatched;
use serde_json::json;

use super::database::{Database, delete};
use super::stage::{Stage, old};

/// 5,000 rows are due, of so many.
fn way_among(rows: u32) -> Option<String> {
    let database = Database::create()?;
    database.execute(&format!(
        "CREATE TABLE t (id bigint PRIMARY KEY, org text, at timestamptz);
         INSERT INTO t SELECT i, 'org' || i % 50,
             timestamptz '2026-11-21 12:00Z' - CASE WHEN i <= 5000 THEN interval '100d' ELSE interval '1d' END
             FROM generate_series(1, {rows}) i;
         CREATE INDEX ON t (org, at)"
    ));
    database.grant(&[delete("t", "id")]);
    let url = database.url();
    let stage = Stage::new(database, url);
    let said = stage.ask(
        &old(", tenant: {column: org}"),
        |options| options.batch_rows = Some(1_000),
        &Unwatched,
    );
    assert_eq!((said.exit(), said.target().rows.deleted), (0, 5_000), "{said:#?}");
    assert_eq!(
        stage.database.numbers("SELECT count(*) FROM t UNION ALL SELECT min(id) FROM t"),
        [i64::from(rows) - 5_000, 5_001]
    );
    Some(json!(said.target().access.as_ref()?.path).as_str()?.to_owned())
}

#[test]
fn a_backlog_is_swept_from_its_first_page() {
    let Some(way) = way_among(20_000) else { return };
    assert_eq!(way, "Sweep");
}

#[test]
fn few_among_many_are_found_along_the_index() {
    let Some(way) = way_among(200_000) else { return };
    assert_eq!(way, "Index");
}
