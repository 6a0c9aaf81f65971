//! How PostgreSQL groups operators without parentheses, and where the parser would group otherwise.
//!
//! The parser knows another order of some operators (`a ~ b || c`, `-a AT TIME ZONE z`). An
//! expression is taken only where PostgreSQL would read the same tree from the same text.

#[cfg(test)]
mod tests;

use std::ops::ControlFlow;

use sqlparser::ast::{BinaryOperator, CastKind, Expr, Spanned, UnaryOperator, visit_expressions};
use sqlparser::tokenizer::Span;

// PostgreSQL's own order, loosest first (its manual, section 4.1.6, and gram.y).
const OR: u8 = 1;
const AND: u8 = 2;
const NOT: u8 = 3;
const IS: u8 = 4;
const COMPARISON: u8 = 5;
const LIKE: u8 = 6;
const OTHER: u8 = 7;
const SUM: u8 = 8;
const PRODUCT: u8 = 9;
const ZONE: u8 = 11;
const COLLATE: u8 = 12;
const SIGN: u8 = 13;
const CAST: u8 = 15;
/// What stands for itself.
const WHOLE: u8 = 16;

/// The first place where PostgreSQL would group otherwise: the operator's operand.
pub(super) fn misread(tree: &Expr) -> Option<(Span, String)> {
    let found = visit_expressions(tree, |expr| {
        match operands(expr).into_iter().find(|(operand, least)| binding(operand) < *least) {
            Some((operand, _)) => ControlFlow::Break((operand.span(), operand.to_string())),
            None => ControlFlow::Continue(()),
        }
    });
    match found {
        ControlFlow::Break(found) => Some(found),
        ControlFlow::Continue(()) => None,
    }
}

fn of_operator(operator: &BinaryOperator) -> u8 {
    match operator {
        BinaryOperator::Or => OR,
        BinaryOperator::And => AND,
        BinaryOperator::Eq
        | BinaryOperator::NotEq
        | BinaryOperator::Lt
        | BinaryOperator::LtEq
        | BinaryOperator::Gt
        | BinaryOperator::GtEq => COMPARISON,
        BinaryOperator::Plus | BinaryOperator::Minus => SUM,
        BinaryOperator::Multiply | BinaryOperator::Divide | BinaryOperator::Modulo => PRODUCT,
        _ => OTHER,
    }
}

/// How tightly an expression holds together.
fn binding(expr: &Expr) -> u8 {
    match expr {
        Expr::BinaryOp { op, .. } => of_operator(op),
        Expr::UnaryOp { op: UnaryOperator::Not, .. } | Expr::Exists { negated: true, .. } => NOT,
        Expr::UnaryOp { op: UnaryOperator::Plus | UnaryOperator::Minus, .. } => SIGN,
        Expr::UnaryOp { .. } => OTHER,
        Expr::IsNull(_)
        | Expr::IsNotNull(_)
        | Expr::IsTrue(_)
        | Expr::IsNotTrue(_)
        | Expr::IsFalse(_)
        | Expr::IsNotFalse(_)
        | Expr::IsUnknown(_)
        | Expr::IsNotUnknown(_)
        | Expr::IsDistinctFrom(..)
        | Expr::IsNotDistinctFrom(..) => IS,
        Expr::AnyOp { .. } | Expr::AllOp { .. } => COMPARISON,
        Expr::Between { .. }
        | Expr::InList { .. }
        | Expr::InSubquery { .. }
        | Expr::Like { .. }
        | Expr::ILike { .. } => LIKE,
        Expr::AtTimeZone { .. } => ZONE,
        Expr::Collate { .. } => COLLATE,
        Expr::Cast { kind: CastKind::DoubleColon, .. } => CAST,
        _ => WHOLE,
    }
}

/// The operands, each with how tightly it must hold to be taken for one without parentheses.
fn operands(expr: &Expr) -> Vec<(&Expr, u8)> {
    match expr {
        Expr::BinaryOp { left, op, right } => match of_operator(op) {
            COMPARISON => vec![(left, LIKE), (right, LIKE)],
            level => vec![(left, level), (right, level + 1)],
        },
        Expr::UnaryOp { op: UnaryOperator::Not, expr } => vec![(expr, NOT)],
        Expr::UnaryOp { expr, .. } => vec![(expr, SIGN)],
        Expr::IsNull(inner)
        | Expr::IsNotNull(inner)
        | Expr::IsTrue(inner)
        | Expr::IsNotTrue(inner)
        | Expr::IsFalse(inner)
        | Expr::IsNotFalse(inner)
        | Expr::IsUnknown(inner)
        | Expr::IsNotUnknown(inner) => vec![(inner, COMPARISON)],
        Expr::IsDistinctFrom(left, right) | Expr::IsNotDistinctFrom(left, right) => {
            vec![(left, COMPARISON), (right, COMPARISON)]
        }
        Expr::AnyOp { left, .. } | Expr::AllOp { left, .. } => vec![(left, LIKE)],
        Expr::Between { expr, low, high, .. } => {
            vec![(expr, OTHER), (low, OTHER), (high, OTHER)]
        }
        Expr::InList { expr, .. } | Expr::InSubquery { expr, .. } => vec![(expr, OTHER)],
        Expr::Like { expr, pattern, escape_char, .. }
        | Expr::ILike { expr, pattern, escape_char, .. } => {
            let mut operands: Vec<(&Expr, u8)> = vec![(expr, OTHER), (pattern, OTHER)];
            operands.extend(escape_char.as_deref().map(|escape| (escape, WHOLE)));
            operands
        }
        Expr::AtTimeZone { timestamp, time_zone } => {
            vec![(timestamp, ZONE), (time_zone, ZONE + 1)]
        }
        Expr::Collate { expr, .. } => vec![(expr, COLLATE)],
        Expr::Cast { kind: CastKind::DoubleColon, expr, .. } => vec![(expr, CAST)],
        _ => Vec::new(),
    }
}
