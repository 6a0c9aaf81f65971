//! How rows are found: through an index that serves, or by one pass over the table.

use crate::model::{Access, Age, KeepNewest, Scalar, Table};

/// The way, why, and the index that would help.
pub fn choose(
    table: &Table,
    tenant: Option<&Scalar>,
    age: Option<&Age>,
    keep: Option<&KeepNewest>,
) -> (Access, String, Option<String>) {
    let Some(age) = age else {
        let columns: Vec<&str> = keep
            .iter()
            .flat_map(|keep| {
                let order = keep.order_by.iter().map(|order| order.column.as_str());
                keep.partition_by.iter().map(String::as_str).chain(order)
            })
            .collect();
        let index = (!table.has_index_in_order(&columns)).then(|| table.create_index(&columns));
        return (Access::Partitions, "keepNewest reads its partitions".to_owned(), index);
    };
    let Scalar::Column(age) = &age.scalar else {
        return (Access::Sweep, "the age is an expression, which no index serves".to_owned(), None);
    };
    let tenant = match tenant {
        Some(Scalar::Column(tenant)) => Some(tenant.as_str()),
        Some(Scalar::Expression(_)) | None => None,
    };
    if let Some(tenant) = tenant
        && table.has_index_in_order(&[tenant, age])
    {
        return (Access::TenantIndex, format!("an index begins with ({tenant}, {age})"), None);
    }
    if table.has_index_in_order(&[age]) {
        return (Access::AgeIndex, format!("an index begins with ({age})"), None);
    }
    let wanted: Vec<&str> = tenant.into_iter().chain([age.as_str()]).collect();
    (
        Access::Sweep,
        format!("no index begins with ({})", wanted.join(", ")),
        Some(table.create_index(&wanted)),
    )
}
