//! keepNewest: which rows of a partition are its newest.

use std::cmp::Ordering;
use std::ops::ControlFlow;

use jiff::Timestamp;

use crate::database::{Error, Session};
use crate::model::{Encoding, KeepNewest, Key, Reading, Target, Value, read_age};
use crate::plan::Fate;
use crate::sql::{self, Instants};

/// A partition's rows that can be ranked, parted at the limit.
pub struct Ranked {
    pub newest: Vec<Key>,
    pub beyond: Vec<Key>,
    pub examined: u64,
}

/// Ranks a partition whole.
pub async fn rank(
    target: &Target,
    keep: &KeepNewest,
    clock: Timestamp,
    fate: Fate,
    tenant: Option<&Value>,
    partition: &[Value],
    session: &mut Session,
) -> Result<Ranked, Error> {
    ranked(target, keep, (clock, fate), tenant, partition, false, session).await
}

/// Its newest rows alone; where the database's own order serves, no more is read.
pub async fn newest(
    target: &Target,
    keep: &KeepNewest,
    clock: Timestamp,
    fate: Fate,
    tenant: Option<&Value>,
    partition: &[Value],
    session: &mut Session,
) -> Result<Vec<Key>, Error> {
    Ok(ranked(target, keep, (clock, fate), tenant, partition, true, session).await?.newest)
}

async fn ranked(
    target: &Target,
    keep: &KeepNewest,
    (clock, fate): (Timestamp, Fate),
    tenant: Option<&Value>,
    partition: &[Value],
    newest_only: bool,
    session: &mut Session,
) -> Result<Ranked, Error> {
    let cutoff = match fate {
        Fate::Cutoff(cutoff) => Some(cutoff),
        Fate::NoWindow | Fate::Each | Fate::Kept => None,
    };
    let encoding = target.age.as_ref().map(|age| &age.encoding);
    let instants = Instants::bind(clock, cutoff, encoding);
    let statement = sql::ranking(target, keep, &instants, tenant, partition);
    let limit = usize::try_from(keep.rows).unwrap_or(usize::MAX);
    let in_database_order = keep.order_by.iter().all(|order| order.encoding.is_none());
    let length = target.table.key.len();
    let mut examined = 0;
    let mut rows: Vec<(Vec<Place>, Key)> = Vec::new();
    let each = |mut row: Vec<Value>| {
        examined += 1;
        let order = row.split_off(length);
        if let Some(places) = places(keep, &order) {
            rows.push((places, Key(row)));
        }
        let enough = newest_only && in_database_order && rows.len() >= limit;
        if enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    session.each_row(&statement, each).await?;
    if !in_database_order {
        rows.sort_by(newest_first);
    }
    let mut newest: Vec<Key> = rows.into_iter().map(|(_, key)| key).collect();
    let beyond = newest.split_off(limit.min(newest.len()));
    Ok(Ranked { newest, beyond, examined })
}

/// What a row is ranked by in one column.
enum Place {
    At(Timestamp),
    Value(Value),
}

/// `None`: a NULL, infinite or unreadable value. Such a row is never trimmed and holds no place.
fn places(keep: &KeepNewest, values: &[Value]) -> Option<Vec<Place>> {
    keep.order_by
        .iter()
        .zip(values)
        .map(|(order, value)| place(order.encoding.as_ref(), value))
        .collect()
}

fn place(encoding: Option<&Encoding>, value: &Value) -> Option<Place> {
    match encoding {
        Some(encoding) => match read_age(value, encoding) {
            Reading::At(instant) => Some(Place::At(instant)),
            Reading::Undatable | Reading::Unreadable => None,
        },
        None => (!value.is_unrankable()).then(|| Place::Value(value.clone())),
    }
}

/// Whether a row's values of orderBy give it a place at all.
pub fn is_rankable(keep: &KeepNewest, values: &[Value]) -> bool {
    places(keep, values).is_some()
}

/// The primary key breaks ties.
fn newest_first(
    (one, one_key): &(Vec<Place>, Key),
    (other, other_key): &(Vec<Place>, Key),
) -> Ordering {
    let by_place = one.iter().zip(other).map(|pair| match pair {
        (Place::At(one), Place::At(other)) => other.cmp(one),
        (Place::Value(one), Place::Value(other)) => other.compare_binary(one),
        (Place::At(_), Place::Value(_)) | (Place::Value(_), Place::At(_)) => Ordering::Equal,
    });
    let by_key = one_key.0.iter().zip(&other_key.0).map(|(one, other)| other.compare_binary(one));
    by_place.chain(by_key).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}
