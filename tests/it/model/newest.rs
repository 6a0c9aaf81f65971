//! The oracle's reading of keepNewest, from rule 13.

use super::encoding;
use super::engine::is_whole;
use super::meaning::plain;
use super::policy::Target;
use super::schema::{Table, Value};
use super::shape::{Shape, TARGET, Tenancy};
use std::collections::{BTreeMap, HashSet};

/// The values of orderBy, then the key.
type Rank = (Vec<i64>, Option<i64>);

/// The target's rows that keepNewest gives up (rule 13).
pub fn surplus(
    shape: &Shape,
    target: &Target,
    tables: &[Table],
    eligible: &[usize],
) -> HashSet<usize> {
    let Some(keep) = &target.keep else {
        return (0..tables[TARGET].rows.len()).collect();
    };
    let mut partitions: BTreeMap<Vec<String>, Vec<(Rank, usize)>> = BTreeMap::new();
    let key = shape.roles.key[0];
    for at in eligible {
        let values = &tables[TARGET].rows[*at].values;
        let named = |column: &usize| match &values[*column] {
            Value::Text(text)
                if shape.tenancy == Tenancy::NoCase && *column == shape.roles.tenant =>
            {
                Value::Text(text.to_ascii_lowercase())
            }
            value => value.clone(),
        };
        let partition: Vec<Value> = keep.partition.iter().map(named).collect();
        let ranks: Option<Vec<i64>> =
            keep.order.iter().map(|column| rank(&values[*column])).collect();
        // The key breaks ties, of which there are none where it is no number.
        let last = rank(&values[key]).filter(|_| is_whole(tables[TARGET].kind(key)));
        let ranks = ranks.map(|ranks| (ranks, last));
        if let Some(ranks) = ranks.filter(|_| !partition.contains(&Value::Null)) {
            partitions.entry(partition.iter().map(plain).collect()).or_default().push((ranks, *at));
        }
    }
    let mut surplus = HashSet::new();
    for (_, mut rows) in partitions {
        rows.sort();
        rows.reverse();
        surplus.extend(rows.into_iter().skip(keep.rows).map(|(_, at)| at));
    }
    surplus
}

/// A place among the newest: none for what is NULL or endless.
fn rank(value: &Value) -> Option<i64> {
    match value {
        Value::Int(number) => Some(*number),
        Value::Real(number) => number.is_finite().then_some((number * 8.0) as i64),
        Value::Text(instant) => encoding::civil(instant),
        Value::Null => None,
    }
}
