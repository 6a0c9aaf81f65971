//! The grammar of expressions: the database's own SQL, to exactly one expression, of harmless
//! parts only. What is not on the list here never reaches a database.

mod call;
mod grouping;
mod postgres;
mod query;
#[cfg(test)]
mod tests;
mod walk;

use std::collections::BTreeSet;

use sqlparser::ast::Expr;
use sqlparser::dialect::{Dialect, PostgreSqlDialect, SQLiteDialect};
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Span, Token};

use super::names::Ceiling;
use crate::model::{Engine, Expression, Parameter, Reason, Refusal, TableName};
use walk::Walk;

/// What an expression may refer to.
pub struct Context<'a> {
    /// Where it stands, e.g. `spec.targets[chats].where`.
    pub field: &'a str,
    /// The table whose row it judges.
    pub own: &'a TableName,
    pub parameters: &'a [Parameter],
    pub ceiling: &'a Ceiling,
}

/// Parses an expression and walks every part of it.
pub fn parse(text: &str, context: &Context<'_>) -> Result<Expression, Refusal> {
    const WRITE: &str = "write exactly one SQL expression, e.g. \"status = 'finished'\"";
    if text.trim().is_empty() {
        return Err(refusal(context, "the expression is empty", WRITE));
    }
    let engine = context.ceiling.engine;
    if text.contains('\0') {
        return Err(refusal(context, "the expression contains the character NUL", WRITE));
    }
    let tree = parse_one(text, engine).map_err(|what| refusal(context, what, WRITE))?;
    // The tree is what is rendered later. Some literals do not survive the renderer (two quotes in
    // a row inside of one): then the database would see another expression than the one walked.
    if parse_one(&tree.to_string(), engine).as_ref() != Ok(&tree) {
        return Err(refusal(
            context,
            format!("`{text}` cannot be rendered without a change of meaning"),
            match engine {
                Engine::Sqlite => "write quotes inside of literals as char(39)",
                Engine::Postgres => {
                    "write quotes inside of literals as chr(39), and a sign before a sign in parentheses"
                }
            },
        ));
    }
    if engine == Engine::Postgres
        && let Some((span, part)) = grouping::misread(&tree)
    {
        return Err(refusal(
            context,
            format!("at {}: which operator `{part}` belongs to is easily misread", place(span)),
            "write parentheses around what belongs together",
        ));
    }
    let mut walk = Walk {
        text,
        context,
        parameters: BTreeSet::new(),
        tables: BTreeSet::new(),
        scopes: Vec::new(),
    };
    walk.expr(&tree)?;
    Ok(Expression {
        parameters: walk.parameters,
        tables: walk.tables,
        columns: BTreeSet::new(),
        comparisons: Vec::new(),
        written: text.trim().to_owned(),
        tree,
    })
}

/// One expression, to the end of the text.
fn parse_one(text: &str, engine: Engine) -> Result<Expr, String> {
    let dialect: &dyn Dialect = match engine {
        Engine::Sqlite => &SQLiteDialect {},
        Engine::Postgres => &PostgreSqlDialect {},
    };
    let mut parser = Parser::new(dialect)
        .with_recursion_limit(64)
        .try_with_sql(text)
        .map_err(|error| error.to_string())?;
    let expr = parser.parse_expr().map_err(|error| error.to_string())?;
    let next = parser.peek_token();
    if next.token != Token::EOF {
        return Err(format!(
            "one expression ends before {}: `{}` is left over",
            place(next.span),
            next.token
        ));
    }
    Ok(expr)
}

fn place(span: Span) -> String {
    match (span.start.line, span.start.column) {
        (0, _) | (_, 0) => "its beginning".to_owned(),
        (1, column) => format!("character {column}"),
        (line, column) => format!("line {line}, character {column}"),
    }
}

fn refusal(context: &Context<'_>, what: impl Into<String>, write: impl Into<String>) -> Refusal {
    Refusal::new(context.field, Reason::BadExpression, what, write)
}
