//! The types of PostgreSQL's own that expressions may name.

use sqlparser::ast::{
    ArrayElemTypeDef, CharacterLength, DataType, ExactNumberInfo, Ident, ObjectName,
    ObjectNamePart, TimezoneInfo,
};

use super::quote;

/// A type by its name in PostgreSQL's catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseType {
    pub name: &'static str,
    pub array: bool,
    modifiers: Vec<String>,
}

/// All of them. Missing on purpose: what reads the catalog (regclass), what keeps no offset rules
/// (timetz), and every type that somebody else made.
const NAMES: [&str; 19] = [
    "bool",
    "bpchar",
    "bytea",
    "date",
    "float4",
    "float8",
    "int2",
    "int4",
    "int8",
    "interval",
    "json",
    "jsonb",
    "numeric",
    "text",
    "time",
    "timestamp",
    "timestamptz",
    "uuid",
    "varchar",
];

impl BaseType {
    pub fn named(name: &str) -> Option<Self> {
        let name = NAMES.into_iter().find(|known| *known == name)?;
        Some(Self { name, array: false, modifiers: Vec::new() })
    }

    /// `None`: a type that is not on the list.
    pub fn of(data_type: &DataType) -> Option<Self> {
        let (name, modifiers) = match data_type {
            DataType::Array(ArrayElemTypeDef::SquareBracket(element, None)) => {
                let element = Self::of(element)?;
                // An array's literal is unescaped before its elements are read: a word that stands
                // for the clock could hide in there.
                let hides = matches!(element.name, "date" | "time" | "timestamp" | "timestamptz");
                return (!element.array && !hides).then_some(Self { array: true, ..element });
            }
            DataType::Bool | DataType::Boolean => ("bool", None),
            DataType::SmallInt(None) | DataType::Int2(None) => ("int2", None),
            DataType::Int(None) | DataType::Integer(None) | DataType::Int4(None) => ("int4", None),
            DataType::BigInt(None) | DataType::Int8(None) => ("int8", None),
            DataType::Numeric(of) | DataType::Decimal(of) | DataType::Dec(of) => {
                ("numeric", digits(of))
            }
            DataType::Real | DataType::Float4 => ("float4", None),
            DataType::DoublePrecision
            | DataType::Float8
            | DataType::Float(ExactNumberInfo::None) => ("float8", None),
            DataType::Text => ("text", None),
            DataType::Varchar(of) | DataType::CharacterVarying(of) | DataType::CharVarying(of) => {
                match of {
                    None => ("varchar", None),
                    Some(of) => ("varchar", Some(length(of)?)),
                }
            }
            DataType::Char(of) | DataType::Character(of) => match of {
                None => ("bpchar", Some("1".to_owned())),
                Some(of) => ("bpchar", Some(length(of)?)),
            },
            DataType::Date => ("date", None),
            DataType::Time(digits, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => {
                ("time", digits.map(|digits| digits.to_string()))
            }
            DataType::Timestamp(digits, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => {
                ("timestamp", digits.map(|digits| digits.to_string()))
            }
            DataType::Timestamp(digits, TimezoneInfo::WithTimeZone | TimezoneInfo::Tz) => {
                ("timestamptz", digits.map(|digits| digits.to_string()))
            }
            DataType::Interval { fields: None, precision: None } => ("interval", None),
            DataType::Uuid => ("uuid", None),
            DataType::JSON => ("json", None),
            DataType::JSONB => ("jsonb", None),
            DataType::Bytea => ("bytea", None),
            DataType::Custom(name, modifiers) if modifiers.is_empty() => {
                return Self::named(&catalog_name(name)?);
            }
            _ => return None,
        };
        Some(Self { name, array: false, modifiers: modifiers.into_iter().collect() })
    }

    /// As SQL names it so that no type of the same name is found before it.
    pub fn qualified(&self) -> DataType {
        let parts = ["pg_catalog", self.name]
            .map(|part| ObjectNamePart::Identifier(Ident::new(quote(part))));
        let bare = DataType::Custom(ObjectName(parts.to_vec()), self.modifiers.clone());
        if self.array {
            DataType::Array(ArrayElemTypeDef::SquareBracket(Box::new(bare), None))
        } else {
            bare
        }
    }
}

fn digits(of: &ExactNumberInfo) -> Option<String> {
    match of {
        ExactNumberInfo::None => None,
        ExactNumberInfo::Precision(digits) => Some(digits.to_string()),
        ExactNumberInfo::PrecisionAndScale(digits, scale) => Some(format!("{digits}, {scale}")),
    }
}

fn length(of: &CharacterLength) -> Option<String> {
    match of {
        CharacterLength::IntegerLength { length, unit: None } => Some(length.to_string()),
        _ => None,
    }
}

/// `name` or `pg_catalog.name`, as PostgreSQL folds it.
fn catalog_name(name: &ObjectName) -> Option<String> {
    let parts: Vec<String> = name
        .0
        .iter()
        .map(|part| {
            part.as_ident().map(|ident| match ident.quote_style {
                Some(_) => ident.value.clone(),
                None => ident.value.to_ascii_lowercase(),
            })
        })
        .collect::<Option<_>>()?;
    match &parts[..] {
        [name] => Some(name.clone()),
        [schema, name] if schema == "pg_catalog" => Some(name.clone()),
        _ => None,
    }
}
