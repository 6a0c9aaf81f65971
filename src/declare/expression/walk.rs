//! The allow-list: what may stand in an expression.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use sqlparser::ast::{
    BinaryOperator, CaseWhen, CastKind, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArgumentList, FunctionArguments, Ident, Spanned, UnaryOperator, Value,
    visit_expressions,
};
use sqlparser::tokenizer::Span;

use super::{Context, place, refusal};
use crate::declare::functions::{Allowed, allowed_function, lacks_its_instant};
use crate::model::{Parameter, Refusal, TableName};

/// Goes through every part of an expression, and gathers what it refers to.
pub(super) struct Walk<'a> {
    pub(super) text: &'a str,
    pub(super) context: &'a Context<'a>,
    pub(super) parameters: BTreeSet<Parameter>,
    pub(super) tables: BTreeSet<TableName>,
    /// The names that each enclosing subquery's FROM brings in, lower case: like the database, ASCII
    /// letters only, so that two names are one here exactly where they are one there.
    pub(super) scopes: Vec<Vec<String>>,
}

impl Walk<'_> {
    pub(super) fn refuse(&self, span: Span, what: &str, write: &str) -> Refusal {
        refusal(self.context, format!("at {}: {what}", place(span)), write)
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
                if !allowed_operator(op) {
                    let what = format!("the operator {op} is not allowed");
                    return Err(self.refuse(
                        expr.span(),
                        &what,
                        "use comparison, AND, OR, NOT, arithmetic, || or LIKE",
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
        let name = qualifier.value.to_ascii_lowercase();
        let known = name == self.context.own.name.to_ascii_lowercase()
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
            Value::HexStringLiteral(_) if matches!(self.written(span), Some('x' | 'X')) => Ok(()),
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

    fn function(&mut self, function: &Function) -> Result<(), Refusal> {
        let Function {
            name,
            uses_odbc_syntax: false,
            parameters: FunctionArguments::None,
            args:
                FunctionArguments::List(FunctionArgumentList { duplicate_treatment: _, args, clauses }),
            filter: None,
            null_treatment: None,
            over: None,
            within_group,
        } = function
        else {
            return Err(self.refuse(
                function.span(),
                &format!("`{function}` is not allowed"),
                "call pure functions with plain arguments; for the time use :now",
            ));
        };
        let lower = name.to_string().to_lowercase();
        let aggregate_place = !self.scopes.is_empty();
        let list = "use one of the functions that docs/reference.md lists";
        match allowed_function(&lower, args.len()) {
            Some(Allowed::Scalar) => {}
            Some(Allowed::Aggregate) if aggregate_place => {}
            Some(Allowed::Aggregate) => {
                return Err(self.refuse(
                    function.span(),
                    &format!("{lower}() aggregates, and stands outside of a subquery"),
                    "put it into a subquery: (select count(*) from ...)",
                ));
            }
            None if lacks_its_instant(&lower, args.len()) => {
                return Err(self.refuse(
                    function.span(),
                    &format!("`{function}` follows the machine and not the run's clock"),
                    "use :now, or name the instant",
                ));
            }
            None => {
                return Err(self.refuse(
                    function.span(),
                    &format!("the function {lower}() is not on the list of allowed functions"),
                    list,
                ));
            }
        }
        if !clauses.is_empty() || !within_group.is_empty() {
            return Err(self.refuse(
                function.span(),
                "clauses inside of a function call are not allowed",
                list,
            ));
        }
        for (place, arg) in args.iter().enumerate() {
            match arg {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => {
                    self.refuse_wall_clock(&lower, place, expr)?;
                    self.expr(expr)?;
                }
                FunctionArg::Unnamed(FunctionArgExpr::Wildcard) if lower == "count" => {}
                other => {
                    return Err(self.refuse(
                        function.span(),
                        &format!("the argument {other} is not allowed"),
                        list,
                    ));
                }
            }
        }
        Ok(())
    }

    /// `datetime('now')` reads another clock than the run's; `subsec` in the place of a time does so
    /// too, and `localtime` and `utc` ask where the machine stands. Any text in the argument counts:
    /// what brackets or a function would make of it is not known here.
    fn refuse_wall_clock(
        &self,
        function: &str,
        place: usize,
        argument: &Expr,
    ) -> Result<(), Refusal> {
        let time = match function {
            "date" | "time" | "datetime" | "julianday" | "unixepoch" => 0,
            "strftime" => 1,
            _ => return Ok(()),
        };
        let found = visit_expressions(argument, |expr| match expr {
            Expr::Value(value) => match &value.value {
                Value::SingleQuotedString(text) => {
                    let word = text.trim().to_ascii_lowercase();
                    let machines = match word.as_str() {
                        "now" | "localtime" | "utc" => true,
                        "subsec" | "subsecond" => place == time,
                        _ => false,
                    };
                    if machines {
                        ControlFlow::Break((value.span, text.clone()))
                    } else {
                        ControlFlow::Continue(())
                    }
                }
                _ => ControlFlow::Continue(()),
            },
            _ => ControlFlow::Continue(()),
        });
        match found {
            ControlFlow::Break((span, text)) => Err(self.refuse(
                span,
                &format!("'{text}' follows the machine and not the run's clock"),
                "use :now",
            )),
            ControlFlow::Continue(()) => Ok(()),
        }
    }
}

fn allowed_operator(operator: &BinaryOperator) -> bool {
    matches!(
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
    )
}
