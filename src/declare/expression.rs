//! The grammar of expressions: the database's own SQL, to exactly one expression, of harmless
//! parts only. What is not on the list here never reaches a database.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::LazyLock;

use sqlparser::ast::{
    BinaryOperator, CaseWhen, CastKind, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArgumentList, FunctionArguments, GroupByExpr, Ident, JoinConstraint, JoinOperator,
    LimitClause, ObjectName, OrderByKind, Query, Select, SelectItem, SetExpr, Spanned, TableFactor,
    TableWithJoins, UnaryOperator, Value, visit_expressions,
};
use sqlparser::dialect::SQLiteDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Span, Token};

use super::functions::{Allowed, allowed_function, lacks_its_instant};
use super::names::Ceiling;
use crate::model::{Expression, Parameter, ROW, Reason, Refusal, TableName};

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
    let tree = parse_one(text).map_err(|what| refusal(context, what, WRITE))?;
    // The tree is what is rendered later. Some literals do not survive the renderer (two quotes in
    // a row inside of one): then the database would see another expression than the one walked.
    if parse_one(&tree.to_string()).as_ref() != Ok(&tree) {
        return Err(refusal(
            context,
            format!("`{text}` cannot be rendered without a change of meaning"),
            "write quotes inside of literals as char(39)",
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
fn parse_one(text: &str) -> Result<Expr, String> {
    let mut parser = Parser::new(&SQLiteDialect {})
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

/// A subquery that carries nothing but what the walk visits: whatever this parser learns later
/// stays refused until someone allows it.
static BARE: LazyLock<Query> = LazyLock::new(|| {
    let Ok(Expr::Subquery(query)) = parse_one("(SELECT 1)") else {
        unreachable!("the parser reads a constant")
    };
    *query
});

struct Walk<'a> {
    text: &'a str,
    context: &'a Context<'a>,
    parameters: BTreeSet<Parameter>,
    tables: BTreeSet<TableName>,
    /// The names that each enclosing subquery's FROM brings in, lower case: like the database, ASCII
    /// letters only, so that two names are one here exactly where they are one there.
    scopes: Vec<Vec<String>>,
}

impl Walk<'_> {
    fn refuse(&self, span: Span, what: &str, write: &str) -> Refusal {
        refusal(self.context, format!("at {}: {what}", place(span)), write)
    }

    /// The character at the beginning of a place.
    fn written(&self, span: Span) -> Option<char> {
        let place = |number: u64| usize::try_from(number).ok()?.checked_sub(1);
        let line = self.text.split('\n').nth(place(span.start.line)?)?;
        line.chars().nth(place(span.start.column)?)
    }

    fn exprs<'e>(&mut self, exprs: impl IntoIterator<Item = &'e Expr>) -> Result<(), Refusal> {
        exprs.into_iter().try_for_each(|expr| self.expr(expr))
    }

    fn expr(&mut self, expr: &Expr) -> Result<(), Refusal> {
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
            Expr::InList {
                expr,
                list,
                negated: _,
            } => {
                self.expr(expr)?;
                self.exprs(list)
            }
            Expr::InSubquery {
                expr,
                subquery,
                negated: _,
            } => {
                self.expr(expr)?;
                self.query(subquery)
            }
            Expr::Between {
                expr,
                negated: _,
                low,
                high,
            } => self.exprs([&**expr, &**low, &**high]),
            Expr::Like {
                negated: _,
                any: false,
                expr,
                pattern,
                escape_char: _,
            } => self.exprs([&**expr, &**pattern]),
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
            Expr::Cast {
                kind: CastKind::Cast,
                expr,
                data_type: _,
                format: None,
            } => self.expr(expr),
            Expr::Substring {
                expr,
                substring_from,
                substring_for,
                special: _,
                shorthand: _,
            } => {
                self.expr(expr)?;
                self.exprs(substring_from.as_deref())?;
                self.exprs(substring_for.as_deref())
            }
            Expr::Trim {
                expr,
                trim_where: None,
                trim_what: None,
                trim_characters: None,
            } => self.expr(expr),
            Expr::Collate { expr, collation: _ } => self.expr(expr),
            Expr::Case {
                case_token: _,
                end_token: _,
                operand,
                conditions,
                else_result,
            } => {
                self.exprs(operand.as_deref())?;
                for CaseWhen { condition, result } in conditions {
                    self.exprs([condition, result])?;
                }
                self.exprs(else_result.as_deref())
            }
            Expr::Exists {
                subquery,
                negated: _,
            }
            | Expr::Subquery(subquery) => self.query(subquery),
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
        Err(self.refuse(
            ident.span,
            &format!("`{ident}` stands unqualified in a subquery"),
            &write,
        ))
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
        let Some(parameter) = Parameter::ALL
            .into_iter()
            .find(|known| known.word() == name)
        else {
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
                FunctionArguments::List(FunctionArgumentList {
                    duplicate_treatment: _,
                    args,
                    clauses,
                }),
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

    fn query(&mut self, query: &Query) -> Result<(), Refusal> {
        let mut rest = query.clone();
        rest.order_by = None;
        rest.limit_clause = None;
        rest.body = BARE.body.clone();
        let SetExpr::Select(select) = &*query.body else {
            return Err(self.refuse(
                query.span(),
                "only a plain SELECT may stand in a subquery",
                "write (select ... from ... where ...)",
            ));
        };
        if rest != *BARE {
            return Err(self.refuse(
                query.span(),
                &format!("`{query}` has clauses that are not allowed"),
                "write (select ... from ... where ... order by ... limit ...)",
            ));
        }
        self.scopes.push(Vec::new());
        self.select(select)?;
        if let Some(order) = &query.order_by {
            match &order.kind {
                OrderByKind::Expressions(exprs) if order.interpolate.is_none() => {
                    self.exprs(exprs.iter().map(|order| &order.expr))?;
                }
                _ => {
                    return Err(self.refuse(
                        order.span(),
                        "this ORDER BY is not allowed",
                        "order by columns",
                    ));
                }
            }
        }
        match &query.limit_clause {
            None => {}
            Some(LimitClause::LimitOffset {
                limit,
                offset,
                limit_by,
            }) if limit_by.is_empty() => {
                self.exprs(limit)?;
                self.exprs(offset.as_ref().map(|offset| &offset.value))?;
            }
            Some(_) => {
                return Err(self.refuse(
                    query.span(),
                    "this LIMIT is not allowed",
                    "write limit 1",
                ));
            }
        }
        self.scopes.pop();
        Ok(())
    }

    fn select(&mut self, select: &Select) -> Result<(), Refusal> {
        let SetExpr::Select(bare) = &*BARE.body else {
            unreachable!("the constant is a SELECT")
        };
        let mut rest = select.clone();
        rest.distinct = None;
        rest.projection = bare.projection.clone();
        rest.from = Vec::new();
        rest.selection = None;
        rest.group_by = bare.group_by.clone();
        rest.having = None;
        if rest != **bare {
            return Err(self.refuse(
                select.span(),
                &format!("`{select}` has clauses that are not allowed"),
                "write (select ... from ... where ...)",
            ));
        }
        for TableWithJoins { relation, joins } in &select.from {
            self.table(relation)?;
            for join in joins {
                self.table(&join.relation)?;
                let on = match &join.join_operator {
                    JoinOperator::Join(on)
                    | JoinOperator::Inner(on)
                    | JoinOperator::Left(on)
                    | JoinOperator::LeftOuter(on)
                    | JoinOperator::CrossJoin(on) => on,
                    _ => {
                        return Err(self.refuse(
                            join.relation.span(),
                            "this kind of join is not allowed",
                            "use JOIN or LEFT JOIN with ON",
                        ));
                    }
                };
                match on {
                    JoinConstraint::On(expr) => self.expr(expr)?,
                    JoinConstraint::None => {}
                    // USING and NATURAL compare columns that nobody wrote qualified.
                    _ => {
                        return Err(self.refuse(
                            join.relation.span(),
                            "USING and NATURAL are not allowed",
                            "write ON with qualified columns",
                        ));
                    }
                }
            }
        }
        for item in &select.projection {
            match item {
                SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, alias: _ } => {
                    self.expr(expr)?;
                }
                SelectItem::Wildcard(_) => {}
                other => {
                    return Err(self.refuse(
                        select.span(),
                        &format!("`{other}` is not allowed"),
                        "select columns by name",
                    ));
                }
            }
        }
        match &select.group_by {
            GroupByExpr::Expressions(exprs, modifiers) if modifiers.is_empty() => {
                self.exprs(exprs)?;
            }
            _ => {
                return Err(self.refuse(
                    select.span(),
                    "this GROUP BY is not allowed",
                    "group by columns",
                ));
            }
        }
        self.exprs(&select.selection)?;
        self.exprs(&select.having)
    }

    fn table(&mut self, factor: &TableFactor) -> Result<(), Refusal> {
        let TableFactor::Table {
            name,
            alias,
            args: None,
            with_hints,
            version: None,
            with_ordinality: false,
            partitions,
            json_path: None,
            sample: None,
            index_hints,
        } = factor
        else {
            return Err(self.refuse(
                factor.span(),
                &format!("`{factor}` is not allowed in FROM"),
                "name tables of the database",
            ));
        };
        if !with_hints.is_empty() || !partitions.is_empty() || !index_hints.is_empty() {
            return Err(self.refuse(name.span(), "hints are not allowed", "name the table alone"));
        }
        let table = self.table_name(name)?;
        let own = self.context.own;
        let shown = match alias {
            Some(alias) if alias.columns.is_empty() && alias.at.is_none() => {
                alias.name.value.clone()
            }
            Some(_) => {
                return Err(self.refuse(
                    name.span(),
                    "column aliases are not allowed",
                    "alias the table alone",
                ));
            }
            None => table.name.clone(),
        };
        let lower = shown.to_ascii_lowercase();
        // Inside, the name would mean the subquery's row; outside, the judged one: a condition
        // meant for one of them would silently be asked of the other.
        if lower == own.name.to_ascii_lowercase() {
            let what = format!("`{shown}` would hide the target's own row");
            return Err(self.refuse(
                name.span(),
                &what,
                &format!("give it an alias: {table} as other"),
            ));
        }
        if lower.starts_with(ROW) || lower.starts_with("ro_") {
            return Err(self.refuse(
                name.span(),
                "aliases that begin with ro_ are reserved",
                "choose another alias",
            ));
        }
        if self.scopes.iter().any(|scope| scope.contains(&lower)) {
            return Err(self.refuse(
                name.span(),
                &format!("`{shown}` names two tables"),
                "give each its own alias",
            ));
        }
        if !self.context.ceiling.may_read(&table) {
            return Err(Refusal::new(
                self.context.field,
                Reason::NotAllowed,
                format!(
                    "at {}: the connection's allow does not let policies read {table}",
                    place(name.span())
                ),
                format!(
                    "add to the connection's spec.allow: {{tables: [\"{table}\"], actions: [Read]}}"
                ),
            ));
        }
        self.tables.insert(table);
        if let Some(scope) = self.scopes.last_mut() {
            scope.push(lower);
        }
        Ok(())
    }

    fn table_name(&self, name: &ObjectName) -> Result<TableName, Refusal> {
        let parts: Vec<&Ident> = name.0.iter().filter_map(|part| part.as_ident()).collect();
        match parts[..] {
            [table] => Ok(TableName::plain(&table.value)),
            [schema, table] => Ok(TableName::qualified(&schema.value, &table.value)),
            _ => Err(self.refuse(
                name.span(),
                &format!("`{name}` is no table's name"),
                "write table or schema.table",
            )),
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
