//! Results of base types to values.

use sqlx::postgres::PgRow;
use sqlx::{Row, TypeInfo, ValueRef};

use crate::database::{Error, ErrorClass};
use crate::model::Value;

pub fn row(row: &PgRow) -> Result<Vec<Value>, Error> {
    (0..row.len()).map(|at| value(row, at)).collect()
}

fn value(row: &PgRow, at: usize) -> Result<Value, Error> {
    let raw = row.try_get_raw(at).map_err(Error::postgres)?;
    if raw.is_null() {
        return Ok(Value::Null);
    }
    let kind = raw.type_info();
    let decoded = match kind.name() {
        "BOOL" => row.try_get::<bool, _>(at).map(|flag| Value::Integer(i64::from(flag))),
        "INT2" => row.try_get::<i16, _>(at).map(|integer| Value::Integer(i64::from(integer))),
        "INT4" => row.try_get::<i32, _>(at).map(|integer| Value::Integer(i64::from(integer))),
        "INT8" => row.try_get::<i64, _>(at).map(Value::Integer),
        "FLOAT8" => row.try_get::<f64, _>(at).map(Value::Real),
        "TEXT" | "VARCHAR" | "NAME" => raw.as_bytes().map_err(sqlx::Error::Decode).map(|bytes| {
            let text = String::from_utf8(bytes.to_vec());
            text.map_or_else(|error| Value::Garbled(error.into_bytes()), Value::Text)
        }),
        other => {
            let message = format!("a result of type {other} was not asked for as text");
            return Err(Error { class: ErrorClass::Statement, message });
        }
    };
    decoded.map_err(Error::postgres)
}
