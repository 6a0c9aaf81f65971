//! What PostgreSQL's dialect adds to the allow-list, and what it reads differently.

use sqlparser::ast::{
    BinaryOperator, CeilFloorKind, DataType, DateTimeField, Expr, ExtractSyntax, Spanned,
    TypedString, Value,
};
use sqlparser::tokenizer::Span;

use super::walk::Walk;
use crate::model::{BaseType, Refusal};

/// Words that PostgreSQL's parser of dates reads as the machine's present moment.
const CLOCK_WORDS: [&str; 4] = ["now", "today", "tomorrow", "yesterday"];

/// What PostgreSQL reads as a question about the session, and the parser as a column.
const SESSION_WORDS: [&str; 4] = ["current_role", "current_schema", "system_user", "localtime"];

pub(super) fn has_operator(operator: &BinaryOperator) -> bool {
    matches!(
        operator,
        BinaryOperator::HashArrow
            | BinaryOperator::HashLongArrow
            | BinaryOperator::AtArrow
            | BinaryOperator::ArrowAt
            | BinaryOperator::PGOverlap
    ) || is_pattern(operator)
}

fn is_pattern(operator: &BinaryOperator) -> bool {
    matches!(
        operator,
        BinaryOperator::PGRegexMatch
            | BinaryOperator::PGRegexIMatch
            | BinaryOperator::PGRegexNotMatch
            | BinaryOperator::PGRegexNotIMatch
    )
}

/// A word of the clock anywhere in a literal. What stands around it does not matter ('(now)' is
/// read as well), and arrays and rows take off backslashes and quotes before they read their parts.
fn clock_word(text: &str) -> Option<&'static str> {
    let bare: String = text.chars().filter(|char| !matches!(char, '\\' | '"')).collect();
    let found = |text: &str| {
        let mut words = text.split(|char: char| !char.is_ascii_alphabetic());
        words
            .find_map(|word| CLOCK_WORDS.into_iter().find(|clock| clock.eq_ignore_ascii_case(word)))
    };
    found(text).or_else(|| found(&bare))
}

fn literal(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => Some(text),
            _ => None,
        },
        _ => None,
    }
}

impl Walk<'_> {
    /// `None`: what both engines have in common.
    pub(super) fn postgres(&mut self, expr: &Expr) -> Option<Result<(), Refusal>> {
        Some(match expr {
            Expr::Identifier(ident)
                if ident.quote_style.is_none()
                    && SESSION_WORDS.contains(&ident.value.to_ascii_lowercase().as_str()) =>
            {
                Err(self.refuse(
                    ident.span,
                    &format!("`{ident}` is no column to PostgreSQL"),
                    &format!("if a column is meant, write \"{}\"", ident.value.to_lowercase()),
                ))
            }
            Expr::Value(value) => match &value.value {
                Value::SingleQuotedString(text) => self.no_clock(text, value.span),
                Value::Number(digits, long) if *long || !is_number(digits) => Err(self.refuse(
                    value.span,
                    &format!("the number {value} is not allowed"),
                    "write it with digits, one point and an exponent at most",
                )),
                _ => return None,
            },
            Expr::Cast { expr: inner, data_type, format: None, .. } => {
                self.cast(inner, data_type, expr.span())
            }
            Expr::TypedString(TypedString { data_type, value, uses_odbc_syntax: false }) => {
                self.cast(&Expr::Value(value.clone()), data_type, expr.span())
            }
            Expr::Interval(interval) => {
                let plain = interval.leading_field.is_none()
                    && interval.leading_precision.is_none()
                    && interval.last_field.is_none()
                    && interval.fractional_seconds_precision.is_none();
                match literal(&interval.value) {
                    Some(text) if plain => self.no_clock(text, expr.span()),
                    _ => Err(self.refuse(
                        expr.span(),
                        &format!("`{expr}` is not allowed"),
                        "write interval '1 day', or n * interval '1 day'",
                    )),
                }
            }
            // The right side is a pattern or a key, and never a date.
            Expr::BinaryOp { left, op, right }
                if literal(right).is_some()
                    && (is_pattern(op)
                        || matches!(op, BinaryOperator::Arrow | BinaryOperator::LongArrow)) =>
            {
                self.expr(left)
            }
            Expr::Like { any: false, expr, pattern, escape_char, .. }
            | Expr::ILike { any: false, expr, pattern, escape_char, .. } => {
                self.like(expr, pattern, escape_char.as_deref())
            }
            Expr::IsUnknown(inner) | Expr::IsNotUnknown(inner) => self.expr(inner),
            Expr::AnyOp { left, compare_op, right, .. }
            | Expr::AllOp { left, compare_op, right } => {
                self.quantified(left, compare_op, right, expr)
            }
            Expr::AtTimeZone { timestamp, time_zone } => self.zone(timestamp, time_zone),
            Expr::Extract { field, syntax: ExtractSyntax::From, expr: inner } => {
                if is_field(field) {
                    self.expr(inner)
                } else {
                    Err(self.refuse(
                        expr.span(),
                        &format!("`{field}` cannot be extracted"),
                        "write e.g. extract(epoch from x)",
                    ))
                }
            }
            Expr::Ceil { expr, field } | Expr::Floor { expr, field } => match field {
                CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) => self.expr(expr),
                _ => return None,
            },
            Expr::Position { expr, r#in } => self.exprs([&**expr, &**r#in]),
            Expr::Trim { trim_where: _, trim_what, expr, trim_characters } => self
                .expr(expr)
                .and_then(|()| self.exprs(trim_what.as_deref()))
                .and_then(|()| self.exprs(trim_characters.iter().flatten())),
            Expr::Array(array) if array.named && !array.elem.is_empty() => self.exprs(&array.elem),
            _ => return None,
        })
    }

    fn no_clock(&self, text: &str, span: Span) -> Result<(), Refusal> {
        match clock_word(text) {
            None => Ok(()),
            Some(word) => Err(self.refuse(
                span,
                &format!("PostgreSQL may read '{word}' as the machine's clock"),
                "use :now; where the word itself is meant, write it as '...'::text",
            )),
        }
    }

    fn cast(&mut self, inner: &Expr, data_type: &DataType, span: Span) -> Result<(), Refusal> {
        let Some(to) = BaseType::of(data_type) else {
            return Err(self.refuse(
                span,
                &format!("a cast to {data_type} is not allowed"),
                "cast to a type of PostgreSQL's own that docs/reference.md lists; a quoted literal needs no cast, PostgreSQL reads it as the type of what it is compared with",
            ));
        };
        let is_text = matches!(to.name, "text" | "varchar") && !to.array;
        if is_text && literal(inner).is_some() { Ok(()) } else { self.expr(inner) }
    }

    fn like(&mut self, expr: &Expr, pattern: &Expr, escape: Option<&Expr>) -> Result<(), Refusal> {
        self.expr(expr)?;
        if literal(pattern).is_none() {
            self.expr(pattern)?;
        }
        match escape {
            Some(escape) if literal(escape).is_none() => Err(self.refuse(
                escape.span(),
                &format!("`{escape}` is no character to escape with"),
                "write escape '!'",
            )),
            _ => Ok(()),
        }
    }

    fn quantified(
        &mut self,
        left: &Expr,
        operator: &BinaryOperator,
        right: &Expr,
        whole: &Expr,
    ) -> Result<(), Refusal> {
        let compares = matches!(
            operator,
            BinaryOperator::Eq
                | BinaryOperator::NotEq
                | BinaryOperator::Lt
                | BinaryOperator::LtEq
                | BinaryOperator::Gt
                | BinaryOperator::GtEq
        );
        if !compares {
            return Err(self.refuse(
                whole.span(),
                &format!("the operator {operator} does not go with ANY and ALL here"),
                "compare with = < <= > >= or <>",
            ));
        }
        if literal(right).is_some() {
            return Err(self.refuse(
                right.span(),
                "an array written as one literal is not allowed",
                "write array['a', 'b'], or use IN",
            ));
        }
        self.exprs([left, right])
    }

    fn zone(&mut self, time: &Expr, zone: &Expr) -> Result<(), Refusal> {
        // Where the machine stands, by the files of its own.
        let machines = ["localtime", "posixrules", "default"];
        if let Some(text) = literal(zone)
            && machines.contains(&text.trim().to_ascii_lowercase().as_str())
        {
            return Err(self.refuse(
                zone.span(),
                &format!("'{text}' follows the machine"),
                "write a zone's name, e.g. 'Europe/Berlin'",
            ));
        }
        self.exprs([time, zone])
    }
}

/// As every PostgreSQL reads it: underscores are 16's, and a letter behind the digits is nobody's.
fn is_number(digits: &str) -> bool {
    let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.trim_start_matches(['+', '-'])),
        None => (digits, "0"),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    all_digits(whole)
        && all_digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && all_digits(exponent)
        && !exponent.is_empty()
}

fn is_field(field: &DateTimeField) -> bool {
    matches!(
        field,
        DateTimeField::Century
            | DateTimeField::Day
            | DateTimeField::Decade
            | DateTimeField::Dow
            | DateTimeField::Doy
            | DateTimeField::Epoch
            | DateTimeField::Hour
            | DateTimeField::Isodow
            | DateTimeField::Isoyear
            | DateTimeField::Microseconds
            | DateTimeField::Millennium
            | DateTimeField::Milliseconds
            | DateTimeField::Minute
            | DateTimeField::Month
            | DateTimeField::Quarter
            | DateTimeField::Second
            | DateTimeField::Week(None)
            | DateTimeField::Year
    )
}
