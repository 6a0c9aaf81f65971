//! Tables that change between the plan and a batch. Under a batch's lock they cannot.

use retention_operator::run::{Point, Unwatched};

use super::super::bed::{Bed, Variant};
use super::{assert_failed, assert_the_next_finishes, at};

/// What happens to a table, and what mends it; rows are set aside where nobody sees them.
const CHANGES: [(&str, &str); 6] = [
    ("ALTER TABLE messages RENAME TO letters", "ALTER TABLE letters RENAME TO messages"),
    ("ALTER TABLE chats RENAME TO talks", "ALTER TABLE talks RENAME TO chats"),
    (
        "ALTER TABLE chats RENAME COLUMN updated_at TO seen",
        "ALTER TABLE chats RENAME COLUMN seen TO updated_at",
    ),
    (
        "ALTER TABLE chats ALTER COLUMN updated_at TYPE timestamp USING updated_at AT TIME ZONE 'UTC'",
        "ALTER TABLE chats ALTER COLUMN updated_at TYPE timestamptz USING updated_at AT TIME ZONE 'UTC'",
    ),
    (
        "ALTER TABLE chats RENAME COLUMN pinned TO held; ALTER TABLE chats ADD COLUMN pinned text DEFAULT '0'",
        "ALTER TABLE chats DROP COLUMN pinned; ALTER TABLE chats RENAME COLUMN held TO pinned",
    ),
    ("ALTER SCHEMA public RENAME TO elsewhere", "ALTER SCHEMA elsewhere RENAME TO public"),
];

#[test]
fn a_table_that_changes_after_the_plan_ends_the_target_as_changed_and_loses_no_further_row() {
    for variant in [Variant::NoAction, Variant::Blocks, Variant::BlocksOneByOne] {
        for (change, mend) in CHANGES {
            for (point, left) in [(Point::Planned, 10), (Point::Found, 10), (Point::Committed, 8)] {
                let Some(bed) = Bed::new(variant) else { return };
                let bed = bed.spread();
                let database = &bed.stage.database;
                let meddle = at(point, 1, || database.execute(change));
                let said = bed.run(2, &meddle);
                meddle.assert_met();
                database.execute(mend);
                assert_failed(&said, 1, "SchemaChanged", "changed after the plan was made");
                assert_failed(&said, 1, "SchemaChanged", "the next run plans anew");
                assert_eq!(said.target().kept.failed, Some(0), "{change}: {said:#?}");
                assert_eq!(bed.chats().len(), left, "{variant:?}, {change}, {point:?}");
                assert_the_next_finishes(&bed, &said);
            }
        }
    }
}

#[test]
fn a_table_that_is_dropped_and_made_again_under_its_name_loses_nothing_to_the_old_plan() {
    for (point, sql) in [Point::Planned, Point::Found, Point::Committed]
        .into_iter()
        .flat_map(|point| [(point, "DROP TABLE messages"), (point, "DROP TABLE chats CASCADE")])
    {
        let Some(bed) = Bed::new(Variant::NoAction) else { return };
        let database = &bed.stage.database;
        let drop = at(point, 1, || database.execute(sql));
        let said = bed.run(2, &drop);
        drop.assert_met();
        assert_failed(&said, 1, "SchemaChanged", "changed after the plan was made");
        let again = bed.run(2, &Unwatched);
        assert_eq!(again.exit(), 2, "{again:#?}");
    }
    for point in [Point::Planned, Point::Found, Point::Committed] {
        let Some(bed) = Bed::new(Variant::NoAction) else { return };
        let database = &bed.stage.database;
        // The same in name, and every row of it older than its window and wanted.
        let again = "CREATE TABLE copy AS SELECT * FROM chats;
            DROP TABLE chats CASCADE;
            CREATE TABLE chats (id bigint PRIMARY KEY, org text, updated_at timestamptz, pinned int NOT NULL DEFAULT 0);
            INSERT INTO chats SELECT * FROM copy; DROP TABLE copy;
            CREATE INDEX chats_age ON chats (org, updated_at, id);
            ALTER TABLE messages ADD FOREIGN KEY (chat_id) REFERENCES chats (id)";
        let role = &database.role;
        let again = format!("{again}; GRANT SELECT, DELETE, UPDATE (id) ON chats TO {role}");
        let replace = at(point, 1, || database.execute(&again));
        let said = bed.run(2, &replace);
        replace.assert_met();
        assert_failed(&said, 1, "SchemaChanged", "changed after the plan was made");
        assert_the_next_finishes(&bed, &said);
    }
}
