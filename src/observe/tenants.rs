//! Which tenants a table has, and which of their names its column takes for equal.

use crate::database::{Error, Session};
use crate::declare::RowValue;
use crate::model::{Catalog, Collation, Engine, Scalar, Table, Value};
use crate::sql::{self, Surroundings, postgres, resolve, sqlite};

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

/// Every tenant with a row, by skips through an index where one begins with the tenant.
pub async fn all(
    table: &Table,
    scalar: &Scalar,
    session: &mut Session,
) -> Result<Vec<Value>, Error> {
    let indexed = match scalar {
        Scalar::Column(column) => table.has_index_in_order(&[column]),
        Scalar::Expression(_) => false,
    };
    let rows = session.rows(&sql::tenants(table, scalar, indexed)).await?;
    Ok(rows.into_iter().filter_map(|row| row.into_iter().next()).collect())
}
