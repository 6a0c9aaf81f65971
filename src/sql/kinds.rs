//! What kind of value an expression gives, as far as its text and the columns' types tell.

pub mod postgres;
pub mod sqlite;

pub use sqlite::is_flag;

use sqlparser::ast::{BinaryOperator, Value};

use crate::model::Parameter;

/// Operators that compare their sides.
pub fn compares(operator: &BinaryOperator) -> bool {
    matches!(
        operator,
        BinaryOperator::Gt
            | BinaryOperator::Lt
            | BinaryOperator::GtEq
            | BinaryOperator::LtEq
            | BinaryOperator::Eq
            | BinaryOperator::NotEq
    )
}

/// `:now` and `:cutoff`.
pub fn is_instant(value: &Value) -> bool {
    matches!(value, Value::Placeholder(name) if [Parameter::Now.word(), Parameter::Cutoff.word()].contains(&name.as_str()))
}
