//! Kinds of what functions, casts and zones give.

use sqlparser::ast::{Expr, FunctionArg, FunctionArgExpr, FunctionArguments};

use super::{Checker, Typed, of_base, typed};
use crate::model::{BaseType, Refusal};
use crate::sql::kinds::postgres::{self as kinds, Kind};

/// Functions that citext has of its own, by the same names.
const VARIED: [&str; 11] = [
    "max",
    "min",
    "regexp_like",
    "regexp_match",
    "regexp_matches",
    "regexp_replace",
    "regexp_split_to_array",
    "replace",
    "split_part",
    "strpos",
    "translate",
];

impl Checker<'_> {
    pub(super) fn call(&mut self, expr: &Expr) -> Result<Typed, Refusal> {
        let (name, arguments) = match expr {
            Expr::Function(function) => {
                let mut arguments = Vec::new();
                if let FunctionArguments::List(list) = &function.args {
                    for argument in &list.args {
                        if let FunctionArg::Unnamed(FunctionArgExpr::Expr(argument)) = argument {
                            arguments.push(argument);
                        }
                    }
                }
                (function.name.to_string().to_ascii_lowercase(), arguments)
            }
            Expr::Extract { expr: inner, .. } => ("date_part".to_owned(), vec![&**inner]),
            Expr::Ceil { expr: inner, .. } | Expr::Floor { expr: inner, .. } => {
                ("ceil".to_owned(), vec![&**inner])
            }
            Expr::Position { expr: inner, r#in } => {
                ("position".to_owned(), vec![&**inner, &**r#in])
            }
            Expr::Substring { expr: inner, substring_from, substring_for, .. } => {
                let mut arguments = vec![&**inner];
                arguments.extend(substring_from.as_deref());
                arguments.extend(substring_for.as_deref());
                ("substring".to_owned(), arguments)
            }
            Expr::Trim { expr: inner, trim_what, trim_characters, .. } => {
                let mut arguments = vec![&**inner];
                arguments.extend(trim_what.as_deref());
                arguments.extend(trim_characters.iter().flatten());
                ("trim".to_owned(), arguments)
            }
            Expr::Collate { expr: inner, .. } => {
                let inner = self.expr(inner)?;
                return Ok(typed(expr, inner.kind.clone(), &[inner]));
            }
            _ => return Ok(typed(expr, Kind::Open, &[])),
        };
        let arguments = self.all(arguments)?;
        let of_extension = arguments.iter().find(|part| matches!(part.kind, Kind::Other(_)));
        if let (true, Some(part)) = (VARIED.contains(&name.as_str()), of_extension) {
            return Err(self.refuse(
                format!(
                    "{name}() of `{}` would compare as text does, and not as {} does",
                    part.text,
                    part.kind.name()
                ),
                format!(
                    "cast it and say which case counts: {name}(lower(cast({} as text)), ...)",
                    part.text
                ),
            ));
        }
        match name.as_str() {
            "coalesce" | "greatest" | "least" | "nullif" => self.united(expr, arguments),
            "age" => {
                self.same(&arguments)?;
                Ok(typed(expr, Kind::Interval, &arguments))
            }
            "date_trunc" => self.truncated(expr, &arguments),
            _ => {
                let kinds: Vec<Kind> = arguments.iter().map(|part| part.kind.clone()).collect();
                Ok(typed(expr, kinds::of_function(&name, &kinds), &arguments))
            }
        }
    }

    /// A date would become an instant by the zone of the session, and a literal likewise.
    fn truncated(&self, expr: &Expr, arguments: &[Typed]) -> Result<Typed, Refusal> {
        let kinds: Vec<Kind> = arguments.iter().map(|part| part.kind.clone()).collect();
        match (kinds::of_function("date_trunc", &kinds), arguments.get(1)) {
            (kind @ (Kind::Instant | Kind::Civil | Kind::Interval), _) => {
                Ok(typed(expr, kind, arguments))
            }
            (kind, Some(what)) => Err(self.refuse(
                format!(
                    "date_trunc() takes `{}`, which is {}, by the session's zone",
                    what.text,
                    kind.name()
                ),
                format!("cast it: date_trunc('day', cast({} as timestamp))", what.text),
            )),
            (_, None) => Ok(typed(expr, Kind::Open, arguments)),
        }
    }

    /// The database's own parser of dates is never asked about what rows hold: it reads 'now' as the
    /// present, and fails on the first text that is no date.
    pub(super) fn cast(
        &self,
        expr: &Expr,
        inner: Typed,
        to: Option<BaseType>,
    ) -> Result<Typed, Refusal> {
        let to = to.map_or(Kind::Open, |to| of_base(&to));
        let by_parsing = to.is_temporal() && to != Kind::Interval;
        let is_read = !inner.kind.is_temporal() && inner.kind != Kind::Literal;
        if by_parsing && is_read {
            let what = format!(
                "`{}` is {}, and PostgreSQL's own reading of dates would take 'now' for the present",
                inner.text,
                inner.kind.name()
            );
            let write = match inner.kind {
                Kind::Number => format!("write to_timestamp({}) for seconds", inner.text),
                _ => format!(
                    "write to_timestamp({}, 'YYYY-MM-DD HH24:MI:SS'), in the form that the texts have",
                    inner.text
                ),
            };
            return Err(self.refuse(what, write));
        }
        Ok(typed(expr, to, &[inner]))
    }

    pub(super) fn at_zone(&self, expr: &Expr, inner: Typed) -> Result<Typed, Refusal> {
        let kind = match &inner.kind {
            Kind::Instant => Kind::Civil,
            Kind::Civil => Kind::Instant,
            other => {
                return Err(self.refuse(
                    format!(
                        "`{}` is {}: what AT TIME ZONE makes of it follows the session's zone or the machine's day",
                        inner.text,
                        other.name()
                    ),
                    format!("cast it: cast({} as timestamp) at time zone ...", inner.text),
                ));
            }
        };
        Ok(typed(expr, kind, &[inner]))
    }
}
