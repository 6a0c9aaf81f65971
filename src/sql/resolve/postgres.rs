//! A resolved tree as PostgreSQL can read it in one way only: functions, types and operands.

use sqlparser::ast::{
    CastKind, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList,
    FunctionArguments, Ident, ObjectName, ObjectNamePart, TrimWhereField, Value,
};

use super::identifier;
use crate::model::{BaseType, Encoding, ROW};

/// What the grammar itself knows; `pg_catalog` has no functions of these names.
const SYNTAX: [&str; 4] = ["coalesce", "greatest", "least", "nullif"];

pub(super) fn parameter(place: usize, encoding: &Encoding) -> Option<Expr> {
    let name = match encoding {
        Encoding::Text { .. } => "text",
        Encoding::UnixSeconds | Encoding::UnixMillis => "int8",
        Encoding::Instant => "timestamptz",
        Encoding::Civil { .. } => "timestamp",
        Encoding::Date { .. } => "date",
    };
    let placeholder = Value::Placeholder(format!("${place}"));
    Some(cast(Expr::Value(placeholder.with_empty_span()), &BaseType::named(name)?))
}

fn cast(expr: Expr, to: &BaseType) -> Expr {
    Expr::Cast {
        kind: CastKind::Cast,
        expr: Box::new(expr),
        data_type: to.qualified(),
        format: None,
    }
}

/// Once its parts are rewritten.
pub(super) fn rewrite(expr: &mut Expr) {
    match expr {
        // A function of someone's own could otherwise be found before PostgreSQL's, or fit better.
        Expr::Function(function) => {
            let name = function.name.to_string().to_ascii_lowercase();
            if !SYNTAX.contains(&name.as_str()) {
                function.name = in_catalog(&name);
            }
        }
        Expr::Cast { kind, data_type, .. } => {
            *kind = CastKind::Cast;
            if let Some(to) = BaseType::of(data_type) {
                *data_type = to.qualified();
            }
        }
        Expr::TypedString(typed) => {
            if let Some(to) = BaseType::of(&typed.data_type) {
                *expr = cast(Expr::Value(typed.value.clone()), &to);
            }
        }
        Expr::Interval(interval) => {
            if let Some(to) = BaseType::named("interval") {
                *expr = cast((*interval.value).clone(), &to);
            }
        }
        Expr::Ceil { expr: inner, .. } => *expr = call("ceil", vec![taken(inner)]),
        Expr::Floor { expr: inner, .. } => *expr = call("floor", vec![taken(inner)]),
        Expr::Position { expr: part, r#in: whole } => {
            *expr = call("position", vec![taken(whole), taken(part)]);
        }
        Expr::Substring { expr: whole, substring_from, substring_for, .. } => {
            let mut arguments = vec![taken(whole)];
            match (substring_from, substring_for) {
                (None, Some(length)) => {
                    let first = Value::Number("1".to_owned(), false).with_empty_span();
                    arguments.extend([Expr::Value(first), taken(length)]);
                }
                (from, length) => {
                    arguments.extend(from.as_deref_mut().map(taken));
                    arguments.extend(length.as_deref_mut().map(taken));
                }
            }
            *expr = call("substring", arguments);
        }
        Expr::Trim { expr: whole, trim_where, trim_what, trim_characters } => {
            let name = match trim_where {
                None | Some(TrimWhereField::Both) => "btrim",
                Some(TrimWhereField::Leading) => "ltrim",
                Some(TrimWhereField::Trailing) => "rtrim",
            };
            let mut arguments = vec![taken(whole)];
            arguments.extend(trim_what.as_deref_mut().map(taken));
            arguments.extend(trim_characters.iter_mut().flatten().map(taken));
            *expr = call(name, arguments);
        }
        Expr::Collate { collation, .. } => {
            for part in &mut collation.0 {
                if let ObjectNamePart::Identifier(ident) = part {
                    let folded = match ident.quote_style {
                        Some(_) => ident.value.clone(),
                        None => ident.value.to_ascii_lowercase(),
                    };
                    *ident = identifier(&folded);
                }
            }
        }
        _ => {}
    }
    for operand in operands(expr) {
        if !is_whole(operand) {
            *operand = Expr::Nested(Box::new(taken(operand)));
        }
    }
}

fn taken(expr: &mut Expr) -> Expr {
    std::mem::replace(expr, Expr::Identifier(Ident::new(ROW)))
}

fn in_catalog(name: &str) -> ObjectName {
    let parts = ["pg_catalog", name].map(|part| ObjectNamePart::Identifier(identifier(part)));
    ObjectName(parts.to_vec())
}

fn call(name: &str, arguments: Vec<Expr>) -> Expr {
    let argument = |expr| FunctionArg::Unnamed(FunctionArgExpr::Expr(expr));
    Expr::Function(Function {
        name: in_catalog(name),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args: arguments.into_iter().map(argument).collect(),
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

/// What no operator beside it can tear apart.
fn is_whole(expr: &Expr) -> bool {
    matches!(
        expr,
        Expr::Identifier(_)
            | Expr::CompoundIdentifier(_)
            | Expr::Value(_)
            | Expr::Nested(_)
            | Expr::Tuple(_)
            | Expr::Function(_)
            | Expr::Cast { kind: CastKind::Cast, .. }
            | Expr::Case { .. }
            | Expr::Extract { .. }
            | Expr::Array(_)
            | Expr::Subquery(_)
            | Expr::Exists { negated: false, .. }
    )
}

fn operands(expr: &mut Expr) -> Vec<&mut Expr> {
    match expr {
        Expr::BinaryOp { left, right, .. }
        | Expr::IsDistinctFrom(left, right)
        | Expr::IsNotDistinctFrom(left, right) => vec![left, right],
        Expr::UnaryOp { expr, .. }
        | Expr::IsNull(expr)
        | Expr::IsNotNull(expr)
        | Expr::IsTrue(expr)
        | Expr::IsNotTrue(expr)
        | Expr::IsFalse(expr)
        | Expr::IsNotFalse(expr)
        | Expr::IsUnknown(expr)
        | Expr::IsNotUnknown(expr)
        | Expr::InList { expr, .. }
        | Expr::InSubquery { expr, .. }
        | Expr::Collate { expr, .. }
        | Expr::AnyOp { left: expr, .. }
        | Expr::AllOp { left: expr, .. } => vec![expr],
        Expr::Between { expr, low, high, .. } => vec![expr, low, high],
        Expr::Like { expr, pattern, .. } | Expr::ILike { expr, pattern, .. } => {
            vec![expr, pattern]
        }
        Expr::AtTimeZone { timestamp, time_zone } => vec![timestamp, time_zone],
        _ => Vec::new(),
    }
}
