//! The engines that cases run on: what each calls its types, and how it spells values.

use super::schema::Value;

/// A domain over text.
pub const LABEL: &str = "\"Label\"";

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Engine {
    #[default]
    Sqlite,
    Postgres,
}

impl Engine {
    /// The type of a column of which the case wants no more than this affinity of SQLite's.
    pub fn kind(self, kind: &'static str) -> &'static str {
        match (self, kind) {
            (Engine::Postgres, "INTEGER") => "bigint",
            (Engine::Postgres, "TEXT" | "") => "text",
            _ => kind,
        }
    }

    pub fn literal(self, value: &Value) -> String {
        match value {
            Value::Null => "NULL".into(),
            Value::Int(number) => number.to_string(),
            Value::Real(number) if number.is_infinite() && self == Engine::Postgres => {
                if *number > 0.0 { "'Infinity'" } else { "'-Infinity'" }.into()
            }
            Value::Real(number) if number.is_infinite() => {
                if *number > 0.0 { "9e999" } else { "-9e999" }.into()
            }
            Value::Real(number) => format!("{number:?}"),
            Value::Text(text) => format!("'{}'", text.replace('\'', "''")),
        }
    }

    /// Equality that takes two NULLs for equal.
    pub fn is(self) -> &'static str {
        match self {
            Engine::Sqlite => "IS",
            Engine::Postgres => "IS NOT DISTINCT FROM",
        }
    }
}

pub fn is_whole(kind: &str) -> bool {
    ["INTEGER", "BIGINT", "int", "bigint", "integer", "smallint"].contains(&kind)
}

pub fn is_real(kind: &str) -> bool {
    ["REAL", "DOUBLE", "double precision", "numeric"].contains(&kind)
}

pub fn is_text(kind: &str) -> bool {
    ["TEXT", "citext", LABEL].contains(&kind) || kind.starts_with("text") || kind.contains("char")
}

/// What PostgreSQL printed of a column of this type.
pub fn printed(kind: &str, text: Option<String>) -> Value {
    match text {
        None => Value::Null,
        Some(text) if is_whole(kind) => Value::Int(text.parse().expect("a whole number")),
        Some(text) if is_real(kind) && text != "NaN" => {
            Value::Real(text.parse().expect("a number"))
        }
        Some(text) => Value::Text(text),
    }
}
