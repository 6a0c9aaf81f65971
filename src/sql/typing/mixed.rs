//! What may stand beside what.

use sqlparser::ast::Expr;

use super::{Checker, Typed};
use crate::model::{Parameter, Refusal};
use crate::sql::kinds::postgres::{self as kinds, Kind};

impl Checker<'_> {
    /// Rows that are compared with one another, column by column.
    pub(super) fn rows(&self, rows: &[Vec<Typed>]) -> Result<(), Refusal> {
        let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
        if let Some(short) = rows.iter().find(|row| row.len() != columns) {
            return Err(self.refuse(
                format!("{} values are compared with {columns}", short.len()),
                "compare as many values with as many".to_owned(),
            ));
        }
        for place in 0..columns {
            let sides: Vec<Typed> = rows.iter().map(|row| row[place].clone()).collect();
            self.same(&sides)?;
        }
        Ok(())
    }

    /// One value out of several: PostgreSQL makes them one type.
    pub(super) fn united(&self, expr: &Expr, parts: Vec<Typed>) -> Result<Typed, Refusal> {
        self.same(&parts)?;
        let mut told = parts.iter().map(|part| &part.kind).filter(|kind| **kind != Kind::Literal);
        let kind = match told.next() {
            // Literals alone become text.
            None => Kind::Text,
            Some(first) if told.all(|kind| kind == first) => first.clone(),
            Some(_) => Kind::Open,
        };
        Ok(super::typed(expr, kind, &parts))
    }

    /// Values that PostgreSQL makes one type of: no two of them instants of different kinds, and none
    /// beside `:now` or `:cutoff` of a kind that cannot be told.
    pub(super) fn same(&self, sides: &[Typed]) -> Result<(), Refusal> {
        for (place, left) in sides.iter().enumerate() {
            for right in &sides[place + 1..] {
                let differ = left.kind != right.kind;
                if differ && left.kind.is_temporal() && right.kind.is_temporal() {
                    return Err(self.refuse_mixed(left, right));
                }
                for (instant, other) in [(left, right), (right, left)] {
                    if instant.instant {
                        self.beside_instant(instant, other)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn beside_instant(&self, instant: &Typed, other: &Typed) -> Result<(), Refusal> {
        if other.kind == instant.kind || other.kind == Kind::Literal {
            return if instant.kind == Kind::Open { Err(self.untold(instant)) } else { Ok(()) };
        }
        if instant.kind == Kind::Open || instant.kind == Kind::Literal {
            return Err(self.untold(instant));
        }
        if other.kind == Kind::Open {
            return Err(self.untold(other));
        }
        let text = &other.text;
        let write = match (&instant.kind, &other.kind) {
            (Kind::Instant, Kind::Number) => {
                format!(
                    "convert it: to_timestamp({text}) for seconds, to_timestamp({text} / 1000.0) for milliseconds"
                )
            }
            (Kind::Instant, Kind::Text) => {
                format!("convert it: to_timestamp({text}, 'YYYY-MM-DD HH24:MI:SS')")
            }
            (Kind::Number, Kind::Instant) => {
                format!("convert it: cast(extract(epoch from {text}) as bigint) for seconds")
            }
            (Kind::Text, Kind::Civil) => {
                format!("convert it: to_char({text}, 'YYYY-MM-DD HH24:MI:SS')")
            }
            (wanted, _) => format!("convert it to {}", wanted.name()),
        };
        let what = format!(
            "`{text}` is {}, and `{}`, which it is compared with, is {}",
            other.kind.name(),
            instant.text,
            instant.kind.name()
        );
        Err(self.refuse(what, write))
    }

    fn untold(&self, side: &Typed) -> Refusal {
        let wanted = match self.around.encoding.map(kinds::of_encoding) {
            None | Some(Kind::Instant) => "timestamptz".to_owned(),
            Some(Kind::Number) => "bigint".to_owned(),
            Some(kind) => kind.name(),
        };
        let write = if side.text == Parameter::Tenant.word() {
            "name the tenant's column instead of :tenant".to_owned()
        } else {
            format!("make each part of it {wanted}, e.g. by a cast")
        };
        self.refuse(
            format!("`{}` stands beside an instant, and its type cannot be told", side.text),
            write,
        )
    }

    fn refuse_mixed(&self, left: &Typed, right: &Typed) -> Refusal {
        let what = format!(
            "`{}` is {} and `{}` is {}: PostgreSQL would convert one of them by the session's zone, without a word",
            left.text,
            left.kind.name(),
            right.text,
            right.kind.name()
        );
        // The parameter is converted, and never the column: an index on it still serves.
        let (converted, other) =
            if right.instant && !left.instant { (right, left) } else { (left, right) };
        // AT TIME ZONE would take the last operand alone.
        let whole = |side: &Typed| {
            if side.text.contains(char::is_whitespace) {
                format!("({})", side.text)
            } else {
                side.text.clone()
            }
        };
        let text = &whole(converted);
        let write = match (&converted.kind, &other.kind) {
            (Kind::Instant, Kind::Civil) => {
                format!(
                    "convert it: {text} AT TIME ZONE 'Etc/UTC', or whatever zone {} is in",
                    other.text
                )
            }
            (Kind::Civil, Kind::Instant) => {
                format!("convert it: {text} AT TIME ZONE 'Etc/UTC', or whatever zone it is in")
            }
            (Kind::Civil, Kind::Date) => format!("convert it: cast({text} as date)"),
            (Kind::Date, Kind::Civil) => {
                format!("convert the other: cast({} as date)", other.text)
            }
            (Kind::Instant, Kind::Date) => format!(
                "convert it: cast({text} AT TIME ZONE 'Etc/UTC' as date), or whatever zone {} is in",
                other.text
            ),
            (Kind::Date, Kind::Instant) => format!(
                "convert the other: cast({} AT TIME ZONE 'Etc/UTC' as date), or whatever zone {text} is in",
                whole(other)
            ),
            _ => "cast one of them to the type of the other".to_owned(),
        };
        self.refuse(what, write)
    }
}
