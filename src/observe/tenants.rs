//! Which tenants a table has, and which of their names its column takes for equal.

use std::ops::ControlFlow;

use super::Answers;
use crate::database::{Error, Session};
use crate::declare::RowValue;
use crate::model::{Catalog, Collation, Engine, Scalar, Table, Value, is_uuid};
use crate::sql::{self, Surroundings, Through, postgres, resolve, sqlite};

/// More names are not worth their way to the server.
const MOST_KNOWN: usize = 50_000;

/// The tenant's value, if its names resolve.
pub fn scalar(value: &RowValue, table: &Table, catalog: &Catalog) -> Option<Scalar> {
    match value {
        RowValue::Column(column) => {
            table.column(column).map(|column| Scalar::Column(column.name.clone()))
        }
        RowValue::Expression(expression) => {
            let around = Surroundings { field: "", catalog, own: table, encoding: None };
            resolve(expression, &around).ok().map(Scalar::Expression)
        }
    }
}

pub async fn collation(
    table: &Table,
    scalar: &Scalar,
    session: &mut Session,
) -> Result<Collation, Error> {
    if table.engine == Engine::Postgres {
        return typed(table, scalar, session).await;
    }
    let rows = session.rows(&sqlite::collation(table, scalar)).await?;
    let flags = rows.first().map(|row| (row[0].is_true(), row[1].is_true()));
    Ok(match flags {
        Some((false, false)) if is_numeric(table, scalar) => Collation::Numeric,
        Some((true, _)) => Collation::NoCase,
        Some((false, true)) => Collation::Rtrim,
        Some((false, false)) | None => Collation::Binary,
    })
}

/// In PostgreSQL the type says what is equal. An expression's values are compared as texts.
async fn typed(table: &Table, scalar: &Scalar, session: &mut Session) -> Result<Collation, Error> {
    let Scalar::Column(name) = scalar else {
        return Ok(Collation::Binary);
    };
    let declared = table.column(name).map_or("", |column| column.declared.as_str());
    Ok(match declared {
        "int2" | "int4" | "int8" | "numeric" | "float4" | "float8" => Collation::Numeric,
        "uuid" => Collation::Uuid,
        "bpchar" => Collation::Rtrim,
        "citext" => {
            // citext compares by lower(), which follows the database's locale.
            let rows = session.rows(&postgres::lowers_unicode()).await?;
            let unicode = rows.first().is_some_and(|row| row[0].is_true());
            if unicode { Collation::Lower } else { Collation::NoCase }
        }
        _ => Collation::Binary,
    })
}

/// Whether the column has a numeric affinity (sqlite.org/datatype3.html, section 3.1). ANY has none
/// where the table is STRICT.
fn is_numeric(table: &Table, scalar: &Scalar) -> bool {
    let Scalar::Column(name) = scalar else {
        return false;
    };
    table.column(name).is_some_and(|column| {
        let has = |part: &str| column.declared.contains(part);
        let text = has("CHAR") || has("CLOB") || has("TEXT");
        let none = has("BLOB") || column.declared.is_empty() || column.declared == "ANY";
        has("INT") || !text && !none
    })
}

/// A tenant with a row.
#[derive(Debug, Clone)]
pub struct Tenant {
    pub name: Value,
    /// The age of the oldest of its rows, NULL where none has one; `None`: it was not looked for.
    pub oldest: Option<Value>,
}

/// Every tenant with a row, by skips through an index where one begins with the tenant.
pub async fn all(
    table: &Table,
    scalar: &Scalar,
    age: Option<&RowValue>,
    answers: &[Answers],
    catalog: &Catalog,
    session: &mut Session,
) -> Result<Vec<Tenant>, Error> {
    let through = through(table, scalar, age, catalog);
    let tells_ages = matches!(through, Through::Index { age: Some(_), .. });
    let mut tenants = Vec::new();
    let mut gather = |row: Vec<Value>| {
        let mut values = row.into_iter();
        if let (Some(name), Some(oldest)) = (values.next(), values.next()) {
            tenants.push(Tenant { name, oldest: tells_ages.then_some(oldest) });
        }
        ControlFlow::Continue(())
    };
    let (tenant, age, known) = match through {
        Through::Index { tenant, age } => (tenant, age, known(table, tenant, answers)),
        Through::Table => ("", None, Vec::new()),
    };
    if known.is_empty() {
        session.each_row(&sql::tenants(table, scalar, through), gather).await?;
        return Ok(tenants);
    }
    let mut gaps = Vec::new();
    let note_gaps = |mut row: Vec<Value>| {
        if let (Some(up_to), Some(name)) = (row.pop().filter(|up_to| !up_to.is_null()), row.first())
        {
            gaps.push((name.clone(), up_to));
        }
        gather(row)
    };
    session.each_row(&postgres::known_tenants(table, tenant, age, &known), note_gaps).await?;
    if !gaps.is_empty() {
        session.each_row(&postgres::tenants_between(table, tenant, age, &gaps), gather).await?;
    }
    Ok(tenants)
}

/// The values of the tenant's column that the sources name, in its order, where both can be told from
/// here: the server finds its next tenant faster who guesses it. A list in another order would hide
/// tenants from it.
fn known(table: &Table, tenant: &str, answers: &[Answers]) -> Vec<Value> {
    let names = || answers.iter().flat_map(Answers::names).take(MOST_KNOWN);
    let whole = |least: i64, most: i64| {
        let numbers = names().filter_map(|name| name.parse::<i64>().ok());
        let mut fitting: Vec<i64> = numbers.filter(|n| (least..=most).contains(n)).collect();
        fitting.sort_unstable();
        fitting.into_iter().map(Value::Integer).collect()
    };
    match table.column(tenant).map(|column| column.declared.as_str()) {
        Some("uuid") => {
            let mut sorted: Vec<&str> = names().filter(|name| is_uuid(name)).collect();
            sorted.sort_unstable();
            sorted.into_iter().map(Value::text).collect()
        }
        Some("int2") => whole(i16::MIN.into(), i16::MAX.into()),
        Some("int4") => whole(i32::MIN.into(), i32::MAX.into()),
        Some("int8") => whole(i64::MIN, i64::MAX),
        _ => Vec::new(),
    }
}

/// Of a family the parts are asked too: without the index each skip would read all of one.
fn through<'t>(
    table: &'t Table,
    scalar: &'t Scalar,
    age: Option<&RowValue>,
    catalog: &'t Catalog,
) -> Through<'t> {
    let Scalar::Column(tenant) = scalar else { return Through::Table };
    let parts = || table.leaves.iter().filter_map(|name| catalog.table(name));
    let all = |has: &dyn Fn(&Table) -> bool| has(table) && parts().all(has);
    let age = match age {
        Some(RowValue::Column(age)) => table.column(age),
        Some(RowValue::Expression(_)) | None => None,
    };
    match age {
        Some(age)
            if table.engine == Engine::Postgres
                && age.name != *tenant
                && all(&|table| table.is_sorted_by(&[tenant, &age.name])) =>
        {
            Through::Index { tenant, age: Some(&age.name) }
        }
        _ if all(&|table| table.has_index_in_order(&[tenant])) => {
            Through::Index { tenant, age: None }
        }
        _ => Through::Table,
    }
}
