//! Where an age and keepNewest both have to let a row go.

use crate::bed::{Bed, elsewhere};
use retention_operator::run::Unwatched;

/// The age says that chats 1 to 8 may go; keepNewest has to say so too.
fn bed(keep: &str) -> Bed {
    let age = "age: {column: updated_at, encoding: UnixSeconds}\n";
    Bed::new().with(age, &format!("{age}    keepNewest: {keep}\n"))
}

#[test]
fn old_rows_without_an_order_or_without_a_partition_stay() {
    for (keep, sql, left) in [
        ("{rows: 3, orderBy: [rank]}", "rank = NULL", vec![3, 7, 8, 9, 10]),
        ("{rows: 3, partitionBy: [grp], orderBy: [id]}", "grp = NULL", vec![3, 7, 8, 9, 10]),
    ] {
        let bed = bed(keep);
        let columns = "ALTER TABLE chats ADD COLUMN rank INTEGER; ALTER TABLE chats ADD COLUMN grp INTEGER DEFAULT 1;
            UPDATE chats SET rank = id";
        elsewhere(&bed.database(), &format!("{columns}; UPDATE chats SET {sql} WHERE id = 3"))
            .unwrap();
        assert_eq!((bed.run(8, &Unwatched).exit, bed.chats()), (0, left), "{keep}");
    }
}

#[test]
fn a_partition_whose_name_is_no_utf_8_has_its_newest_too() {
    let bed = bed("{rows: 1, partitionBy: [grp], orderBy: [id]}");
    let sql = "ALTER TABLE chats ADD COLUMN grp TEXT DEFAULT 'a'; UPDATE chats SET grp = CAST(x'ff' AS TEXT) WHERE id IN (2, 3, 4)";
    elsewhere(&bed.database(), sql).unwrap();
    assert_eq!((bed.run(8, &Unwatched).exit, bed.chats()), (0, vec![4, 9, 10]));
}
