//! What kind of value an expression gives in PostgreSQL.

use sqlparser::ast::BinaryOperator;

use crate::model::{Column, Encoding};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// timestamptz.
    Instant,
    /// timestamp.
    Civil,
    Date,
    Time,
    /// timetz.
    ZonedTime,
    Interval,
    Number,
    Text,
    Flag,
    Json,
    /// Another type, by its name in the catalog.
    Other(String),
    Array(Box<Kind>),
    /// A quoted literal or NULL: it becomes what stands beside it.
    Literal,
    /// It cannot be told.
    Open,
}

impl Kind {
    /// Kinds that PostgreSQL turns into one another without a word, by the zone of the session.
    pub fn is_temporal(&self) -> bool {
        matches!(
            self,
            Self::Instant
                | Self::Civil
                | Self::Date
                | Self::Time
                | Self::ZonedTime
                | Self::Interval
        )
    }

    /// As SQL names its type.
    pub fn name(&self) -> String {
        match self {
            Self::Instant => "timestamptz".to_owned(),
            Self::Civil => "timestamp".to_owned(),
            Self::Date => "date".to_owned(),
            Self::Time => "time".to_owned(),
            Self::ZonedTime => "timetz".to_owned(),
            Self::Interval => "interval".to_owned(),
            Self::Number => "a number".to_owned(),
            Self::Text => "text".to_owned(),
            Self::Flag => "a boolean".to_owned(),
            Self::Json => "json".to_owned(),
            Self::Other(name) => name.clone(),
            Self::Array(of) => format!("an array of {}", of.name()),
            Self::Literal => "a literal".to_owned(),
            Self::Open => "of a type that cannot be told".to_owned(),
        }
    }
}

pub fn of_encoding(encoding: &Encoding) -> Kind {
    match encoding {
        Encoding::Text { .. } => Kind::Text,
        Encoding::UnixSeconds | Encoding::UnixMillis => Kind::Number,
        Encoding::Instant => Kind::Instant,
        Encoding::Civil { .. } => Kind::Civil,
        Encoding::Date { .. } => Kind::Date,
    }
}

/// A type by its name in PostgreSQL's catalog.
pub fn of_type(name: &str) -> Kind {
    match name {
        "timestamptz" => Kind::Instant,
        "timestamp" => Kind::Civil,
        "date" => Kind::Date,
        "time" => Kind::Time,
        "timetz" => Kind::ZonedTime,
        "interval" => Kind::Interval,
        "int2" | "int4" | "int8" | "numeric" | "float4" | "float8" => Kind::Number,
        "text" | "varchar" | "bpchar" => Kind::Text,
        "bool" => Kind::Flag,
        "json" | "jsonb" => Kind::Json,
        // Arrays are called after their elements.
        other => match other.strip_prefix('_') {
            Some(element) if !element.is_empty() => Kind::Array(Box::new(of_type(element))),
            _ => Kind::Other(other.to_owned()),
        },
    }
}

pub fn of_column(column: &Column) -> Kind {
    of_type(&column.declared)
}

/// What an operator that does not compare gives. Mixed kinds of instants were refused before.
pub fn of_operation(left: &Kind, operator: &BinaryOperator, right: &Kind) -> Kind {
    use BinaryOperator as Op;
    match operator {
        Op::Plus | Op::Minus | Op::Multiply | Op::Divide | Op::Modulo => {
            of_arithmetic(left, operator, right)
        }
        Op::StringConcat => match (left, right) {
            (Kind::Json, _) | (_, Kind::Json) => Kind::Json,
            (Kind::Array(_), _) => left.clone(),
            (_, Kind::Array(_)) => right.clone(),
            _ => Kind::Text,
        },
        Op::Arrow | Op::HashArrow => Kind::Json,
        Op::LongArrow | Op::HashLongArrow => Kind::Text,
        Op::BitwiseAnd | Op::BitwiseOr => Kind::Number,
        _ => Kind::Flag,
    }
}

fn of_arithmetic(left: &Kind, operator: &BinaryOperator, right: &Kind) -> Kind {
    use Kind::{Civil, Date, Instant, Interval, Literal, Number, Time, ZonedTime};
    let minus = *operator == BinaryOperator::Minus;
    match (left, right) {
        (Number, Number | Literal) | (Literal, Number) => Number,
        (Date, Date | Literal) if minus => Number,
        (Instant | Civil | Time, same) if minus && (same == left || *same == Literal) => Interval,
        (Date, Number) | (Number, Date) => Date,
        (Date, Interval | Time) | (Interval | Time, Date) => Civil,
        (Instant | Civil | Time | ZonedTime, Interval | Literal) => left.clone(),
        (Interval, Instant | Civil | Time | ZonedTime) => right.clone(),
        (Interval, Interval | Number | Literal) | (Number, Interval) => Interval,
        (Kind::Json, _) if minus => Kind::Json,
        _ => Kind::Open,
    }
}

/// What a function gives, by its name and the kinds of its arguments; those that choose among their
/// arguments are not asked for here.
pub fn of_function(name: &str, arguments: &[Kind]) -> Kind {
    let argument = |place: usize| arguments.get(place).cloned().unwrap_or(Kind::Open);
    match name {
        "array_length" | "array_position" | "ascii" | "cardinality" | "ceil" | "ceiling"
        | "char_length" | "character_length" | "count" | "date_part" | "div" | "floor"
        | "json_array_length" | "jsonb_array_length" | "length" | "mod" | "octet_length"
        | "position" | "power" | "round" | "sign" | "sqrt" | "strpos" | "trunc" => Kind::Number,
        "array_to_string"
        | "btrim"
        | "chr"
        | "concat"
        | "concat_ws"
        | "json_extract_path_text"
        | "json_typeof"
        | "jsonb_extract_path_text"
        | "jsonb_typeof"
        | "left"
        | "lower"
        | "ltrim"
        | "md5"
        | "regexp_replace"
        | "replace"
        | "reverse"
        | "right"
        | "rtrim"
        | "split_part"
        | "string_agg"
        | "substr"
        | "substring"
        | "to_char"
        | "translate"
        | "trim"
        | "upper" => Kind::Text,
        "bool_and" | "bool_or" | "every" | "isfinite" | "starts_with" => Kind::Flag,
        "json_extract_path" | "jsonb_extract_path" | "jsonb_set" | "jsonb_strip_nulls" => {
            Kind::Json
        }
        "to_timestamp" | "make_timestamptz" => Kind::Instant,
        "make_timestamp" => Kind::Civil,
        "make_date" | "to_date" => Kind::Date,
        "age" | "make_interval" => Kind::Interval,
        "max" | "min" | "abs" => argument(0),
        "avg" | "sum" => match argument(0) {
            Kind::Interval => Kind::Interval,
            _ => Kind::Number,
        },
        "date_trunc" => argument(1),
        _ => Kind::Open,
    }
}
