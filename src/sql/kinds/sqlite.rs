//! What kind of value an expression gives in SQLite, as far as its text tells.

use std::ops::ControlFlow;

use sqlparser::ast::{
    BinaryOperator, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, UnaryOperator, Value,
    Visit, Visitor,
};

use super::{compares, is_instant};
use crate::model::{Column, Encoding};

/// Numbers sort before every text in SQLite, whatever they mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Number,
    Text,
    /// NULL compares with anything, and says nothing.
    Nothing,
    /// Only the rows tell.
    Open,
}

pub fn of_encoding(encoding: &Encoding) -> Kind {
    match encoding {
        Encoding::Text { .. } => Kind::Text,
        Encoding::UnixSeconds | Encoding::UnixMillis => Kind::Number,
        Encoding::Instant | Encoding::Civil { .. } | Encoding::Date { .. } => Kind::Open,
    }
}

/// What a declared type makes sure of (sqlite.org/datatype3.html, section 3.1): TEXT affinity turns
/// numbers into text. Others let a text stay one; INTEGER and REAL at least say what is meant.
pub fn of_column(column: &Column) -> Kind {
    let declared = &column.declared;
    let has = |part: &str| declared.contains(part);
    if has("CHAR") || has("CLOB") || has("TEXT") {
        Kind::Text
    } else if has("INT") || has("REAL") || has("FLOA") || has("DOUB") {
        Kind::Number
    } else {
        Kind::Open
    }
}

/// Whether the expression is a flag by its form, and never a text.
pub fn is_flag(expr: &Expr) -> bool {
    match expr {
        Expr::Nested(inner) => is_flag(inner),
        Expr::BinaryOp { op, .. } => {
            compares(op) || matches!(op, BinaryOperator::And | BinaryOperator::Or)
        }
        Expr::UnaryOp { op, .. } => matches!(op, UnaryOperator::Not),
        Expr::Exists { .. }
        | Expr::IsNull(_)
        | Expr::IsNotNull(_)
        | Expr::IsTrue(_)
        | Expr::IsNotTrue(_)
        | Expr::IsFalse(_)
        | Expr::IsNotFalse(_)
        | Expr::InList { .. }
        | Expr::InSubquery { .. }
        | Expr::Between { .. }
        | Expr::Like { .. } => true,
        _ => false,
    }
}

/// Whether `:now` or `:cutoff` gives the expression's value, or a part of it.
pub fn names_instant(expr: &Expr) -> bool {
    struct Finding;
    impl Visitor for Finding {
        type Break = ();
        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            match expr {
                Expr::Value(value) if is_instant(&value.value) => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            }
        }
    }
    // A flag is no instant, whatever was compared to make it.
    if matches!(expr, Expr::Exists { .. })
        || matches!(expr, Expr::BinaryOp { op, .. } if compares(op))
    {
        return false;
    }
    expr.visit(&mut Finding).is_break()
}

/// The parts of which one is the expression's value, as it stands in the row.
pub fn given_by(expr: &Expr) -> Vec<&Expr> {
    match expr {
        Expr::Nested(inner) | Expr::Collate { expr: inner, .. } => given_by(inner),
        Expr::Function(function) => {
            let name = function.name.to_string().to_lowercase();
            let FunctionArguments::List(list) = &function.args else {
                return Vec::new();
            };
            if !["coalesce", "ifnull", "max", "min", "nullif"].contains(&name.as_str()) {
                return Vec::new();
            }
            let arguments = list.args.iter().filter_map(|argument| match argument {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(given_by(expr)),
                _ => None,
            });
            arguments.flatten().collect()
        }
        _ => vec![expr],
    }
}

/// The kind of an expression; `column` answers for columns.
pub fn of(
    expr: &Expr,
    encoding: Option<&Encoding>,
    column: &impl Fn(&Expr) -> Option<Kind>,
) -> Kind {
    match expr {
        Expr::Nested(inner) | Expr::Collate { expr: inner, .. } => of(inner, encoding, column),
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) => column(expr).unwrap_or(Kind::Open),
        Expr::Value(value) => match &value.value {
            Value::Number(..) | Value::Boolean(_) => Kind::Number,
            Value::SingleQuotedString(_) => Kind::Text,
            Value::Null => Kind::Nothing,
            other if is_instant(other) => encoding.map_or(Kind::Open, of_encoding),
            _ => Kind::Open,
        },
        Expr::UnaryOp {
            op: UnaryOperator::Minus | UnaryOperator::Plus | UnaryOperator::Not,
            ..
        } => Kind::Number,
        Expr::BinaryOp { op: BinaryOperator::StringConcat, .. } => Kind::Text,
        Expr::BinaryOp { op: BinaryOperator::Arrow | BinaryOperator::LongArrow, .. } => Kind::Open,
        Expr::BinaryOp { .. } | Expr::Exists { .. } => Kind::Number,
        Expr::Substring { .. } | Expr::Trim { .. } => Kind::Text,
        Expr::Cast { data_type, .. } => {
            let declared = data_type.to_string().to_uppercase();
            of_column(&Column { declared, ..Column::default() })
        }
        Expr::Function(function) => {
            let mut arguments = Vec::new();
            if let FunctionArguments::List(list) = &function.args {
                for argument in &list.args {
                    if let FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) = argument {
                        arguments.push(of(expr, encoding, column));
                    }
                }
            }
            of_function(&function.name.to_string().to_lowercase(), &arguments)
        }
        _ => Kind::Open,
    }
}

fn of_function(name: &str, arguments: &[Kind]) -> Kind {
    match name {
        "unixepoch" | "julianday" | "length" | "octet_length" | "instr" | "count" | "sum"
        | "total" | "avg" | "abs" | "round" | "sign" | "unicode" | "ceil" | "ceiling" | "floor"
        | "trunc" | "json_array_length" | "json_valid" | "like" | "glob" => Kind::Number,
        // date() and time() give texts that do not sort among full instants, so they stay open.
        "datetime" | "lower" | "upper" | "substr" | "substring" | "trim" | "ltrim" | "rtrim"
        | "replace" | "hex" | "char" | "concat" | "concat_ws" | "printf" | "format"
        | "group_concat" | "typeof" => Kind::Text,
        "coalesce" | "ifnull" | "max" | "min" | "nullif" => {
            let mut kinds = arguments.iter().filter(|kind| **kind != Kind::Nothing);
            let first = kinds.next().copied().unwrap_or(Kind::Nothing);
            if kinds.all(|kind| *kind == first) { first } else { Kind::Open }
        }
        _ => Kind::Open,
    }
}
