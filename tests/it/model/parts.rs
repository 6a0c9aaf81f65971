//! How the rows of a PostgreSQL target are spread over tables.

use super::encoding::Encoding;
use super::schema::{Dice, Parts};
use super::shape::{Class, KeyKind, Shape};

/// A partitioned table's key must tell its rows apart in each partition: only what is in the key, or a table without
/// one, is parted by.
pub fn parts(dice: &mut Dice, shape: &Shape) -> Parts {
    let roles = &shape.roles;
    // Self-references and keys of a family of heirs are none that the database keeps.
    if matches!(shape.class, Class::Loose(_)) || !dice.chance(40) {
        return Parts::One;
    }
    let keyless = shape.key == KeyKind::Nothing;
    let column = if keyless {
        dice.pick(&[roles.age, roles.age, roles.tenant, roles.state, roles.state, roles.part])
    } else {
        roles.key[0]
    };
    // A row that is changed does not leave its partition.
    if shape.class == Class::Staged && [roles.age, roles.state].contains(&column) {
        return Parts::Heirs(1);
    }
    if keyless && column == roles.age {
        let Some(middle) = middle(shape.encoding) else { return Parts::Heirs(2) };
        let values = [
            format!("FOR VALUES FROM (MINVALUE) TO ({middle})"),
            format!("FOR VALUES FROM ({middle}) TO (MAXVALUE)"),
            "DEFAULT".into(),
        ];
        return Parts::Partitions("RANGE", column, values.into());
    }
    match dice.below(3) {
        0 => Parts::Heirs(1 + dice.below(2)),
        1.. if column == roles.state => Parts::Partitions(
            "LIST",
            column,
            vec![
                "FOR VALUES IN ('live', 'done')".into(),
                "FOR VALUES IN ('archived')".into(),
                "DEFAULT".into(),
            ],
        ),
        1.. if column == roles.part => Parts::Partitions(
            "LIST",
            column,
            vec!["FOR VALUES IN ('a', NULL)".into(), "DEFAULT".into()],
        ),
        _ => {
            let values = |at| format!("FOR VALUES WITH (MODULUS 3, REMAINDER {at})");
            Parts::Partitions("HASH", column, (0..3).map(values).collect())
        }
    }
}

/// Somewhere among the ages; none where the type has no order that an age has.
fn middle(encoding: Encoding) -> Option<&'static str> {
    match encoding {
        Encoding::Instant => Some("'2026-10-22 10:00:00+00'"),
        Encoding::Civil(_) => Some("'2026-10-22 10:00:00'"),
        Encoding::Date(_) => Some("'2026-10-22'"),
        Encoding::Seconds | Encoding::RealSeconds => Some("1792000000"),
        Encoding::Millis => Some("1792000000000"),
        Encoding::Text(_) => None,
    }
}
