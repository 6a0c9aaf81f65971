//! PostgreSQL's expressions by the kinds of their parts.
//!
//! PostgreSQL refuses to compare most kinds with one another, but not instants with civil times and
//! dates: those it converts by the zone of the session, without a word (tried). Here it is asked for.

mod calls;
mod mixed;

use sqlparser::ast::{
    BinaryOperator, Expr, GroupByExpr, JoinConstraint, JoinOperator, LimitClause, OrderByKind,
    Query, Select, SelectItem, SetExpr, UnaryOperator, Value,
};

use super::kinds::postgres::{self as kinds, Kind};
use super::kinds::{compares, is_instant};
use super::resolve::Surroundings;
use super::scopes::Scopes;
use crate::model::{BaseType, Column, Encoding, Reason, Refusal};

/// An expression with its kind.
#[derive(Debug, Clone)]
struct Typed {
    kind: Kind,
    /// Whether `:now` or `:cutoff` gives its value, or a part of it.
    instant: bool,
    /// As it is written.
    text: String,
}

/// Refuses names that mean nothing, and kinds that PostgreSQL would convert without a word.
pub fn check(expr: &Expr, around: &Surroundings<'_>) -> Result<(), Refusal> {
    Checker { around, scopes: Scopes::new(around) }.expr(expr).map(|_| ())
}

/// Refuses a value that PostgreSQL would make another instant of when a column is set to it: it
/// converts as it does for a comparison, and as silently.
pub fn check_assigned(
    value: &Expr,
    column: &Column,
    around: &Surroundings<'_>,
) -> Result<(), Refusal> {
    let mut checker = Checker { around, scopes: Scopes::new(around) };
    let given = checker.expr(value)?;
    let kind = kinds::of_column(column);
    if given.kind == kind || !given.kind.is_temporal() || !kind.is_temporal() {
        return Ok(());
    }
    let zone = match around.encoding {
        Some(Encoding::Civil { zone } | Encoding::Date { zone } | Encoding::Text { zone }) => {
            zone.iana_name().unwrap_or("Etc/UTC")
        }
        _ => "Etc/UTC",
    };
    let write = match (&given.kind, &kind) {
        (Kind::Civil, Kind::Instant) | (Kind::Instant, Kind::Civil) => {
            format!(
                "write ({}) at time zone '{zone}', the zone that the civil time is in",
                given.text
            )
        }
        (_, kind) => format!("write cast({} as {})", given.text, kind.name()),
    };
    Err(checker.refuse(
        format!(
            "column {} is {}, and `{}` is {}: PostgreSQL would convert it by the zone of the session, without a word",
            column.name,
            kind.name(),
            given.text,
            given.kind.name()
        ),
        write,
    ))
}

struct Checker<'a> {
    around: &'a Surroundings<'a>,
    scopes: Scopes<'a>,
}

impl Checker<'_> {
    fn refuse(&self, what: String, write: String) -> Refusal {
        Refusal::new(self.around.field, Reason::TypeMismatch, what, write)
    }

    fn all<'e>(
        &mut self,
        exprs: impl IntoIterator<Item = &'e Expr>,
    ) -> Result<Vec<Typed>, Refusal> {
        exprs.into_iter().map(|expr| self.expr(expr)).collect()
    }

    fn expr(&mut self, expr: &Expr) -> Result<Typed, Refusal> {
        if let Some(found) = self.scopes.column(expr) {
            return Ok(typed(expr, kinds::of_column(found?.column), &[]));
        }
        match expr {
            Expr::Nested(inner) => self.expr(inner),
            Expr::Value(value) => Ok(self.value(expr, &value.value)),
            Expr::BinaryOp { left, op, right } if compares(op) => {
                self.compared(expr, &[left, right])
            }
            Expr::BinaryOp { left, op, right } => self.operation(expr, left, op, right),
            Expr::IsDistinctFrom(left, right) | Expr::IsNotDistinctFrom(left, right) => {
                self.compared(expr, &[left, right])
            }
            Expr::Between { expr: inner, low, high, .. } => {
                self.compared(expr, &[inner, low, high])
            }
            Expr::InList { expr: inner, list, .. } => {
                let sides: Vec<&Expr> = std::iter::once(&**inner).chain(list).collect();
                self.compared(expr, &sides)
            }
            Expr::InSubquery { expr: inner, subquery, .. } => {
                let row = self.row(inner)?;
                let given = self.query(subquery)?;
                self.rows(&[row, given])?;
                Ok(flag(expr))
            }
            Expr::AnyOp { left, right, .. } | Expr::AllOp { left, right, .. } => {
                self.quantified(expr, left, right)
            }
            Expr::UnaryOp { op: UnaryOperator::Not, expr: inner }
            | Expr::IsNull(inner)
            | Expr::IsNotNull(inner)
            | Expr::IsTrue(inner)
            | Expr::IsNotTrue(inner)
            | Expr::IsFalse(inner)
            | Expr::IsNotFalse(inner)
            | Expr::IsUnknown(inner)
            | Expr::IsNotUnknown(inner) => {
                self.row(inner)?;
                Ok(flag(expr))
            }
            Expr::UnaryOp { expr: inner, .. } => {
                let inner = self.expr(inner)?;
                Ok(typed(expr, inner.kind.clone(), &[inner]))
            }
            Expr::Like { expr: inner, pattern, .. } | Expr::ILike { expr: inner, pattern, .. } => {
                self.all([&**inner, &**pattern])?;
                Ok(flag(expr))
            }
            Expr::Exists { subquery, .. } => {
                self.query(subquery)?;
                Ok(flag(expr))
            }
            Expr::Subquery(query) => match &self.query(query)?[..] {
                [one] => Ok(Typed { text: expr.to_string(), ..one.clone() }),
                _ => Err(self.refuse(
                    format!("`{expr}` gives several columns where one value stands"),
                    "select one column".to_owned(),
                )),
            },
            Expr::Case { operand, conditions, else_result, .. } => {
                if let Some(operand) = operand {
                    let mut sides: Vec<&Expr> = vec![operand];
                    sides.extend(conditions.iter().map(|when| &when.condition));
                    self.compared(expr, &sides)?;
                } else {
                    self.all(conditions.iter().map(|when| &when.condition))?;
                }
                let results = conditions.iter().map(|when| &when.result);
                let results = self.all(results.chain(else_result.as_deref()))?;
                self.united(expr, results)
            }
            Expr::Cast { expr: inner, data_type, .. } => {
                let inner = self.expr(inner)?;
                self.cast(expr, inner, BaseType::of(data_type))
            }
            Expr::TypedString(literal) => {
                let kind = BaseType::of(&literal.data_type).map(|to| of_base(&to));
                Ok(typed(expr, kind.unwrap_or(Kind::Open), &[]))
            }
            Expr::Interval(_) => Ok(typed(expr, Kind::Interval, &[])),
            Expr::AtTimeZone { timestamp, time_zone } => {
                self.expr(time_zone)?;
                let inner = self.expr(timestamp)?;
                self.at_zone(expr, inner)
            }
            Expr::Array(array) => {
                let parts = self.all(&array.elem)?;
                let united = self.united(expr, parts)?;
                Ok(Typed { kind: Kind::Array(Box::new(united.kind)), ..united })
            }
            Expr::Tuple(parts) => {
                let parts = self.all(parts)?;
                Ok(typed(expr, Kind::Open, &parts))
            }
            _ => self.call(expr),
        }
    }

    fn value(&self, expr: &Expr, value: &Value) -> Typed {
        let kind = match value {
            Value::Number(..) => Kind::Number,
            Value::Boolean(_) => Kind::Flag,
            Value::SingleQuotedString(_) | Value::Null => Kind::Literal,
            value if is_instant(value) => {
                self.around.encoding.map_or(Kind::Open, kinds::of_encoding)
            }
            _ => Kind::Open,
        };
        Typed { kind, instant: is_instant(value), text: expr.to_string() }
    }

    /// A row in brackets, or the one value.
    fn row(&mut self, expr: &Expr) -> Result<Vec<Typed>, Refusal> {
        match expr {
            Expr::Nested(inner) => self.row(inner),
            Expr::Tuple(parts) => self.all(parts),
            _ => Ok(vec![self.expr(expr)?]),
        }
    }

    /// An expression that compares these.
    fn compared(&mut self, expr: &Expr, sides: &[&Expr]) -> Result<Typed, Refusal> {
        let rows = sides.iter().map(|side| self.row(side)).collect::<Result<Vec<_>, _>>()?;
        self.rows(&rows)?;
        Ok(flag(expr))
    }

    fn operation(
        &mut self,
        expr: &Expr,
        left: &Expr,
        operator: &BinaryOperator,
        right: &Expr,
    ) -> Result<Typed, Refusal> {
        let sides = [self.expr(left)?, self.expr(right)?];
        // Only the sum of a date and a time, and what has an interval on one side, may be mixed.
        let instants = |kind: &Kind| matches!(kind, Kind::Instant | Kind::Civil | Kind::Date);
        if sides.iter().all(|side| instants(&side.kind)) {
            self.same(&sides)?;
        }
        let kind = kinds::of_operation(&sides[0].kind, operator, &sides[1].kind);
        Ok(typed(expr, kind, &sides))
    }

    fn quantified(&mut self, expr: &Expr, left: &Expr, right: &Expr) -> Result<Typed, Refusal> {
        let left = self.expr(left)?;
        let right = match right {
            Expr::Subquery(query) => self.query(query)?,
            _ => {
                let array = self.expr(right)?;
                let kind = match &array.kind {
                    Kind::Array(of) => (**of).clone(),
                    Kind::Literal => Kind::Literal,
                    _ => Kind::Open,
                };
                vec![Typed { kind, ..array }]
            }
        };
        self.rows(&[vec![left], right])?;
        Ok(flag(expr))
    }

    /// The columns that a subquery gives.
    fn query(&mut self, query: &Query) -> Result<Vec<Typed>, Refusal> {
        self.scopes.enter(query)?;
        let given = match &*query.body {
            SetExpr::Select(select) => self.select(select)?,
            _ => Vec::new(),
        };
        if let Some(order) = &query.order_by
            && let OrderByKind::Expressions(exprs) = &order.kind
        {
            self.all(exprs.iter().map(|order| &order.expr))?;
        }
        if let Some(LimitClause::LimitOffset { limit, offset, .. }) = &query.limit_clause {
            self.all(limit.iter().chain(offset.iter().map(|offset| &offset.value)))?;
        }
        self.scopes.leave();
        Ok(given)
    }

    fn select(&mut self, select: &Select) -> Result<Vec<Typed>, Refusal> {
        for join in select.from.iter().flat_map(|from| &from.joins) {
            if let JoinOperator::Join(JoinConstraint::On(on))
            | JoinOperator::Inner(JoinConstraint::On(on))
            | JoinOperator::Left(JoinConstraint::On(on))
            | JoinOperator::LeftOuter(JoinConstraint::On(on)) = &join.join_operator
            {
                self.expr(on)?;
            }
        }
        self.all(select.selection.iter().chain(&select.having))?;
        if let GroupByExpr::Expressions(exprs, _) = &select.group_by {
            self.all(exprs)?;
        }
        let mut given = Vec::new();
        for item in &select.projection {
            match item {
                SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => {
                    given.push(self.expr(expr)?);
                }
                _ => given.extend(self.scopes.innermost().flat_map(|table| &table.columns).map(
                    |column| Typed {
                        kind: kinds::of_column(column),
                        instant: false,
                        text: column.name.clone(),
                    },
                )),
            }
        }
        Ok(given)
    }
}

fn typed(expr: &Expr, kind: Kind, parts: &[Typed]) -> Typed {
    // A flag is no instant, whatever was compared to make it.
    let instant = kind != Kind::Flag && parts.iter().any(|part| part.instant);
    Typed { kind, instant, text: expr.to_string() }
}

fn flag(expr: &Expr) -> Typed {
    typed(expr, Kind::Flag, &[])
}

fn of_base(to: &BaseType) -> Kind {
    let kind = kinds::of_type(to.name);
    if to.array { Kind::Array(Box::new(kind)) } else { kind }
}
