//! The allow-list: what may stand in an expression.

use std::collections::BTreeSet;

use sqlparser::ast::{
    BinaryOperator, CaseWhen, CastKind, Expr, Ident, Spanned, UnaryOperator, Value,
};
use sqlparser::tokenizer::Span;

use super::{Context, place, refusal};
use crate::model::{Engine, Parameter, Refusal, TableName};

/// Goes through every part of an expression, and gathers what it refers to.
pub(super) struct Walk<'a> {
    pub(super) text: &'a str,
    pub(super) context: &'a Context<'a>,
    pub(super) parameters: BTreeSet<Parameter>,
    pub(super) tables: BTreeSet<TableName>,
    /// The names that each enclosing subquery's FROM brings in, as the database compares names.
    pub(super) scopes: Vec<Vec<String>>,
}

impl Walk<'_> {
    pub(super) fn refuse(&self, span: Span, what: &str, write: &str) -> Refusal {
        refusal(self.context, format!("at {}: {what}", place(span)), write)
    }

    pub(super) fn engine(&self) -> Engine {
        self.context.ceiling.engine
    }

    /// A name as the database takes it: PostgreSQL folds what is not quoted, SQLite knows no case at
    /// all. Like theirs this is about ASCII letters only, so that two names are one here exactly where
    /// they are one there.
    pub(super) fn folded(&self, ident: &Ident) -> String {
        match (self.engine(), ident.quote_style) {
            (Engine::Postgres, Some(_)) => ident.value.clone(),
            _ => ident.value.to_ascii_lowercase(),
        }
    }

    /// Whether a name in an expression is the name of the catalog.
    pub(super) fn names(&self, folded: &str, of_catalog: &str) -> bool {
        match self.engine() {
            Engine::Sqlite => of_catalog.eq_ignore_ascii_case(folded),
            Engine::Postgres => of_catalog == folded,
        }
    }

    /// The character at the beginning of a place.
    fn written(&self, span: Span) -> Option<char> {
        let place = |number: u64| usize::try_from(number).ok()?.checked_sub(1);
        let line = self.text.split('\n').nth(place(span.start.line)?)?;
        line.chars().nth(place(span.start.column)?)
    }

    pub(super) fn exprs<'e>(
        &mut self,
        exprs: impl IntoIterator<Item = &'e Expr>,
    ) -> Result<(), Refusal> {
        exprs.into_iter().try_for_each(|expr| self.expr(expr))
    }

    pub(super) fn expr(&mut self, expr: &Expr) -> Result<(), Refusal> {
        if self.engine() == Engine::Postgres
            && let Some(walked) = self.postgres(expr)
        {
            return walked;
        }
        match expr {
            Expr::Identifier(ident) => self.unqualified(ident),
            Expr::CompoundIdentifier(idents) => self.qualified(idents),
            Expr::Value(value) => self.value(&value.value, value.span),
            Expr::Nested(inner)
            | Expr::IsTrue(inner)
            | Expr::IsNotTrue(inner)
            | Expr::IsFalse(inner)
            | Expr::IsNotFalse(inner)
            | Expr::IsNull(inner)
            | Expr::IsNotNull(inner) => self.expr(inner),
            Expr::IsDistinctFrom(left, right) | Expr::IsNotDistinctFrom(left, right) => {
                self.exprs([&**left, &**right])
            }
            Expr::InList { expr, list, negated: _ } => {
                self.expr(expr)?;
                self.exprs(list)
            }
            Expr::InSubquery { expr, subquery, negated: _ } => {
                self.expr(expr)?;
                self.query(subquery)
            }
            Expr::Between { expr, negated: _, low, high } => self.exprs([&**expr, &**low, &**high]),
            Expr::Like { negated: _, any: false, expr, pattern, escape_char: _ } => {
                self.exprs([&**expr, &**pattern])
            }
            Expr::BinaryOp { left, op, right } => {
                if !self.allowed_operator(op) {
                    let what = format!("the operator {op} is not allowed");
                    return Err(self.refuse(
                        expr.span(),
                        &what,
                        match self.engine() {
                            Engine::Sqlite => "use comparison, AND, OR, NOT, arithmetic, || or LIKE",
                            Engine::Postgres => {
                                "use comparison, AND, OR, NOT, arithmetic, ||, LIKE, ~, ->, ->>, #>, #>>, @>, <@ or &&"
                            }
                        },
                    ));
                }
                self.exprs([&**left, &**right])
            }
            Expr::UnaryOp {
                op: UnaryOperator::Plus | UnaryOperator::Minus | UnaryOperator::Not,
                expr,
            } => self.expr(expr),
            Expr::Cast { kind: CastKind::Cast, expr, data_type: _, format: None } => {
                self.expr(expr)
            }
            Expr::Substring { expr, substring_from, substring_for, special: _, shorthand: _ } => {
                self.expr(expr)?;
                self.exprs(substring_from.as_deref())?;
                self.exprs(substring_for.as_deref())
            }
            Expr::Trim { expr, trim_where: None, trim_what: None, trim_characters: None } => {
                self.expr(expr)
            }
            Expr::Collate { expr, collation: _ } => self.expr(expr),
            Expr::Case { case_token: _, end_token: _, operand, conditions, else_result } => {
                self.exprs(operand.as_deref())?;
                for CaseWhen { condition, result } in conditions {
                    self.exprs([condition, result])?;
                }
                self.exprs(else_result.as_deref())
            }
            Expr::Exists { subquery, negated: _ } | Expr::Subquery(subquery) => {
                self.query(subquery)
            }
            Expr::Tuple(exprs) => self.exprs(exprs),
            Expr::Function(function) => self.function(function),
            other => {
                let what = format!("`{other}` is not allowed in an expression");
                Err(self.refuse(
                    other.span(),
                    &what,
                    "use operators, literals, columns, CASE, CAST, EXISTS, IN, and pure functions",
                ))
            }
        }
    }

    fn unqualified(&self, ident: &Ident) -> Result<(), Refusal> {
        if self.scopes.is_empty() {
            return Ok(());
        }
        // SQL would look for the column in the subquery first and in the target second, and find
        // the wrong one without a word.
        let write = format!(
            "qualify it: {}.{ident} for the target's column, or the subquery's alias",
            self.context.own.name
        );
        Err(self.refuse(ident.span, &format!("`{ident}` stands unqualified in a subquery"), &write))
    }

    fn qualified(&self, idents: &[Ident]) -> Result<(), Refusal> {
        let [qualifier, column] = idents else {
            let span = idents.first().map_or_else(Span::empty, |ident| ident.span);
            return Err(self.refuse(span, "a column takes one qualifier", "write table.column"));
        };
        let name = self.folded(qualifier);
        let known = self.names(&name, &self.context.own.name)
            || self.scopes.iter().any(|scope| scope.contains(&name));
        if known {
            return Ok(());
        }
        let write = format!(
            "write {}.{column}, or name the table in a subquery's FROM",
            self.context.own.name
        );
        Err(self.refuse(
            qualifier.span,
            &format!("`{qualifier}` is neither the target nor a table of a subquery"),
            &write,
        ))
    }

    fn value(&mut self, value: &Value, span: Span) -> Result<(), Refusal> {
        match value {
            Value::Number(..) | Value::SingleQuotedString(_) | Value::Boolean(_) | Value::Null => {
                Ok(())
            }
            // The parser takes the number 0x10 for the blob x'10', and would render it as one.
            Value::HexStringLiteral(_)
                if self.engine() == Engine::Sqlite
                    && matches!(self.written(span), Some('x' | 'X')) =>
            {
                Ok(())
            }
            Value::HexStringLiteral(_) => Err(self.refuse(
                span,
                "a number in hexadecimal digits is not allowed",
                "write it with decimal digits",
            )),
            Value::Placeholder(name) => self.parameter(name, span),
            other => Err(self.refuse(
                span,
                &format!("the literal {other} is not allowed"),
                "write numbers, 'text', x'00', true, false or null",
            )),
        }
    }

    fn parameter(&mut self, name: &str, span: Span) -> Result<(), Refusal> {
        let Some(parameter) = Parameter::ALL.into_iter().find(|known| known.word() == name) else {
            return Err(self.refuse(
                span,
                &format!("there is no parameter {name}"),
                "use :now, :cutoff or :tenant",
            ));
        };
        if !self.context.parameters.contains(&parameter) {
            let (what, write) = match parameter {
                Parameter::Tenant => (
                    ":tenant stands where there is none: the target has no tenant, or this is no condition on its rows",
                    "write tenant: {column: NAME} under the target, or leave :tenant out",
                ),
                Parameter::Cutoff => (
                    ":cutoff stands where there is none: the target has no age, or this is no condition on its rows",
                    "write age: {column: NAME} under the target, or leave :cutoff out",
                ),
                Parameter::Now => (
                    ":now has no encoding here: the target has no age, or this is no condition on its rows",
                    "write age: {column: NAME} under the target, or leave :now out",
                ),
            };
            return Err(self.refuse(span, what, write));
        }
        self.parameters.insert(parameter);
        Ok(())
    }
}

impl Walk<'_> {
    fn allowed_operator(&self, operator: &BinaryOperator) -> bool {
        let everywhere = matches!(
            operator,
            BinaryOperator::Plus
                | BinaryOperator::Minus
                | BinaryOperator::Multiply
                | BinaryOperator::Divide
                | BinaryOperator::Modulo
                | BinaryOperator::StringConcat
                | BinaryOperator::Gt
                | BinaryOperator::Lt
                | BinaryOperator::GtEq
                | BinaryOperator::LtEq
                | BinaryOperator::Eq
                | BinaryOperator::NotEq
                | BinaryOperator::And
                | BinaryOperator::Or
                | BinaryOperator::BitwiseAnd
                | BinaryOperator::BitwiseOr
                | BinaryOperator::Arrow
                | BinaryOperator::LongArrow
        );
        everywhere || self.engine() == Engine::Postgres && super::postgres::has_operator(operator)
    }
}
