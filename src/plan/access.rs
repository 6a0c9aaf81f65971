//! How rows are found: through an index that serves, or by one pass over the table.

use crate::model::{Access, Catalog, Encoding, Engine, Scalar, Table, Target};

/// The way, why, and the index that would help.
pub fn choose(target: &Target, catalog: &Catalog) -> (Access, String, Option<String>) {
    let Target { table, tenant, age, keep_newest: keep, .. } = target;
    let has_index = |columns: &[&str]| {
        let leaves: Vec<&Table> =
            table.leaves.iter().filter_map(|name| catalog.table(name)).collect();
        table.has_index_in_order(columns)
            && leaves.iter().all(|leaf| leaf.has_index_in_order(columns))
    };
    // Of a family the newest rows are told by a key of the whole, and blocks are of one table.
    let ranks_family = keep.is_some() && table.is_family();
    let Some(age) = age.as_ref().filter(|_| !ranks_family) else {
        let columns: Vec<&str> = keep
            .iter()
            .flat_map(|keep| {
                let order = keep.order_by.iter().map(|order| order.column.as_str());
                keep.partition_by.iter().map(String::as_str).chain(order)
            })
            .collect();
        let index = (!has_index(&columns)).then(|| table.create_index(&columns));
        return (Access::Partitions, "keepNewest reads its partitions".to_owned(), index);
    };
    let Scalar::Column(age) = &age.scalar else {
        return (Access::Sweep, "the age is an expression, which no index serves".to_owned(), None);
    };
    let tenant = match tenant {
        Some(Scalar::Column(tenant)) => Some(tenant.as_str()),
        Some(Scalar::Expression(_)) | None => None,
    };
    let is_text =
        matches!(target.age.as_ref().map(|age| &age.encoding), Some(Encoding::Text { .. }));
    if is_text && table.engine == Engine::Postgres {
        let why = "a collation sorts texts otherwise than by time".to_owned();
        return (Access::Sweep, why, None);
    }
    if let Some(tenant) = tenant
        && has_index(&[tenant, age])
    {
        return (Access::TenantIndex, format!("an index begins with ({tenant}, {age})"), None);
    }
    if has_index(&[age]) {
        return (Access::AgeIndex, format!("an index begins with ({age})"), None);
    }
    let wanted: Vec<&str> = tenant.into_iter().chain([age.as_str()]).collect();
    (
        Access::Sweep,
        format!("no index begins with ({})", wanted.join(", ")),
        Some(table.create_index(&wanted)),
    )
}
