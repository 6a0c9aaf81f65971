//! Comparisons with instants as SQLite makes them.

use sqlparser::ast::{Expr, Value};

use super::Resolver;
use crate::model::{Comparison, Reason, Refusal, Table};
use crate::sql::kinds::compares;
use crate::sql::kinds::sqlite::{self as kinds, Kind};

pub(super) fn parameter(place: usize) -> Expr {
    Expr::Value(Value::Placeholder(format!("?{place}")).with_empty_span())
}

impl<'a> Resolver<'a> {
    fn column_of(&self, expr: &Expr) -> Option<(&'a Table, &'a str)> {
        if let Expr::Nested(inner) = expr {
            return self.column_of(inner);
        }
        let found = self.scopes.column(expr)?.ok()?;
        Some((found.table, found.column.name.as_str()))
    }

    /// The expression's kind, as far as SQL's rules tell it.
    fn kind(&self, expr: &Expr) -> Kind {
        let column = |expr: &Expr| {
            self.column_of(expr).and_then(|(table, name)| table.column(name)).map(kinds::of_column)
        };
        kinds::of(expr, self.around.encoding, &column)
    }

    pub(super) fn compare(&mut self, expr: &Expr) -> Result<(), Refusal> {
        match expr {
            Expr::BinaryOp { left, op, right } if compares(op) => self.sides(&[&**left, &**right]),
            Expr::Between { expr, low, high, .. } => self.sides(&[&**expr, &**low, &**high]),
            Expr::IsDistinctFrom(left, right) | Expr::IsNotDistinctFrom(left, right) => {
                self.sides(&[&**left, &**right])
            }
            Expr::InList { expr, list, .. } => {
                let sides: Vec<&Expr> = std::iter::once(&**expr).chain(list.iter()).collect();
                self.sides(&sides)
            }
            _ => Ok(()),
        }
    }

    /// Both sides of a comparison with an instant must be of the instant's kind.
    fn sides(&mut self, sides: &[&Expr]) -> Result<(), Refusal> {
        let Some(instant) = sides.iter().find(|side| kinds::names_instant(side)) else {
            return Ok(());
        };
        let Some(encoding) = self.around.encoding else {
            return Ok(());
        };
        // What is made of the instant may be of another kind than the instant is.
        let wanted = match self.kind(instant) {
            Kind::Open | Kind::Nothing => kinds::of_encoding(encoding),
            kind => kind,
        };
        for side in sides {
            let kind = self.kind(side);
            // A column that may hold anything is believed once its rows are seen.
            let seen_later = kind == Kind::Open && self.column_of(side).is_some();
            if kind != wanted && kind != Kind::Nothing && !seen_later {
                let (is, convert) = match wanted {
                    Kind::Text => (
                        "text",
                        format!("datetime({side}, 'unixepoch') for seconds, or datetime({side})"),
                    ),
                    _ => ("a number", format!("unixepoch({side}) for seconds")),
                };
                return Err(Refusal::new(
                    self.around.field,
                    Reason::TypeMismatch,
                    format!(
                        "`{side}` is compared with an instant of encoding {}, which is {is}; SQLite would compare them without a word, and wrongly",
                        encoding.word()
                    ),
                    format!("convert it: {convert}"),
                ));
            }
            let given: Vec<(&'a Table, &'a str)> =
                kinds::given_by(side).into_iter().filter_map(|expr| self.column_of(expr)).collect();
            for (table, column) in given {
                let comparison = Comparison {
                    table: table.name.clone(),
                    column: column.to_owned(),
                    with_text: wanted == Kind::Text,
                };
                if !self.out.comparisons.contains(&comparison) {
                    self.out.comparisons.push(comparison);
                }
            }
        }
        Ok(())
    }
}
