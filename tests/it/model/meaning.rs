//! The oracle's reading of windows and conditions, from rules 2, 7, 10 and 11: no SQL, no parser.

use super::clock::Window;
use super::condition::{Cond, Other, Term};
use super::encoding;
use super::policy::{Policy, Target};
use super::schema::{Table, Value};
use super::shape::{ORGS, SETTINGS, Shape, Tenancy};
use super::windows::{Origin, Source, Windows};
use std::cmp::Ordering;

/// What a source, or all of a policy's windows, answer for one tenant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Answer {
    Window(Window),
    Silent,
    Unknown,
}

/// The row a condition is asked about.
pub struct Asked<'a> {
    pub tables: &'a [Table],
    pub values: &'a [Value],
    pub tenant: Value,
    pub now: Value,
    pub cutoff: Value,
}

/// The tenant of a row: NULL where there are none.
pub fn tenant(shape: &Shape, values: &[Value]) -> Value {
    match (&values[shape.roles.tenant], shape.tenancy) {
        (_, Tenancy::None) => Value::Null,
        (Value::Text(text), Tenancy::Lower) => {
            Value::Text(text.chars().map(|c| c.to_ascii_lowercase()).collect())
        }
        (Value::Text(text), Tenancy::Prefix) => Value::Text(text.chars().take(2).collect()),
        (value, _) => value.clone(),
    }
}

pub fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Int(number) => number.to_string(),
        Value::Real(number) => format!("{number:?}"),
        Value::Text(text) => text.clone(),
    }
}

fn same_tenant(shape: &Shape, one: &str, other: &str) -> bool {
    match shape.tenancy {
        Tenancy::NoCase | Tenancy::Uuid => one.eq_ignore_ascii_case(other),
        Tenancy::Padded => one.trim_end_matches(' ') == other.trim_end_matches(' '),
        _ => one == other,
    }
}

/// Rule 7: the list, then the sources in order, then the default.
pub fn window(shape: &Shape, windows: &Windows, tables: &[Table], tenant: &Value) -> Answer {
    let name = plain(tenant);
    let listed = windows
        .tenants
        .iter()
        .filter(|(other, _)| shape.tenancy != Tenancy::None && same_tenant(shape, other, &name));
    let answers = std::iter::once(one(listed.map(|(_, window)| Answer::Window(*window)).collect()));
    let answers =
        answers.chain(windows.sources.iter().map(|source| ask(shape, source, tables, tenant)));
    answers
        .into_iter()
        .find(|answer| *answer != Answer::Silent)
        .unwrap_or(Answer::Window(windows.default))
}

/// Rule 10: names that are one tenant to the column must agree.
fn one(answers: Vec<Answer>) -> Answer {
    match answers.split_first() {
        None => Answer::Silent,
        Some((first, rest)) if rest.iter().all(|answer| answer == first) => *first,
        Some(_) => Answer::Unknown,
    }
}

fn ask(shape: &Shape, source: &Source, tables: &[Table], tenant: &Value) -> Answer {
    let name = plain(tenant);
    let values: Vec<Value> = match &source.origin {
        Origin::ConfigMap(None) => return Answer::Unknown,
        Origin::ConfigMap(Some(data)) => {
            let found = data.iter().filter(|(key, _)| same_tenant(shape, key, &name));
            return one(found.map(|(_, value)| read(source, value)).collect());
        }
        Origin::Orgs { kind } => {
            let rows = tables[ORGS].rows.iter().map(|row| &row.values);
            let rows = rows
                .filter(|row| row[0] != Value::Null && same_tenant(shape, &plain(&row[0]), &name));
            rows.filter(|row| !kind || row[2] == Value::text("chat"))
                .map(|row| row[1].clone())
                .collect()
        }
        Origin::Settings => tables[SETTINGS]
            .rows
            .iter()
            .filter(|row| row.values[0] == Value::text("chat_days"))
            .map(|row| row.values[1].clone())
            .collect(),
    };
    match &values[..] {
        [] | [Value::Null] => Answer::Silent,
        [value] => read(source, &plain(value)),
        _ => Answer::Unknown,
    }
}

fn read(source: &Source, text: &str) -> Answer {
    let Some(unit) = source.unit else {
        return Window::read(text).map_or(Answer::Unknown, Answer::Window);
    };
    match (text.parse::<i64>(), source.non_positive) {
        (Ok(count), _) if count > 0 => {
            Answer::Window(Window::Of(count, if unit == "Days" { "d" } else { "h" }))
        }
        (Ok(_), Some("Forever")) => Answer::Window(Window::Forever),
        (Ok(_), Some("Silent")) => Answer::Silent,
        _ => Answer::Unknown,
    }
}

/// The cutoff of the tenant of a row under a target's windows: none where nothing of it may go.
pub fn cutoff(
    shape: &Shape,
    policy: &Policy,
    tables: &[Table],
    target: &Target,
    values: &[Value],
) -> Option<i64> {
    let windows = target.windows.as_ref()?;
    match window(shape, windows, tables, &tenant(shape, values)) {
        Answer::Window(window) => window.cutoff(policy.now, policy.zone, windows.start_of_day),
        Answer::Silent | Answer::Unknown => None,
    }
}

impl<'a> Asked<'a> {
    /// A row of the target.
    pub fn of(
        shape: &Shape,
        policy: &Policy,
        target: &Target,
        tables: &'a [Table],
        values: &'a [Value],
    ) -> Asked<'a> {
        let cutoff = cutoff(shape, policy, tables, target, values);
        Asked {
            tables,
            values,
            tenant: tenant(shape, values),
            now: shape.encoding.instant(policy.now),
            cutoff: cutoff.map_or(Value::Null, |cutoff| shape.encoding.instant(cutoff)),
        }
    }

    /// A row that has no tenant and no age of its own.
    pub fn plain(tables: &'a [Table], values: &'a [Value], now: Value) -> Asked<'a> {
        Asked { tables, values, tenant: Value::Null, now, cutoff: Value::Null }
    }
    pub fn term(&self, term: &Term) -> Value {
        match term {
            Term::Column(column) => self.values[*column].clone(),
            Term::Literal(value) => value.clone(),
            Term::Tenant => self.tenant.clone(),
            Term::LowerTenant => match &self.tenant {
                Value::Null => Value::Null,
                tenant => {
                    Value::Text(plain(tenant).chars().map(|c| c.to_ascii_lowercase()).collect())
                }
            },
            Term::Now => self.now.clone(),
            Term::Cutoff => self.cutoff.clone(),
            Term::Coalesce(term, value) => match self.term(term) {
                Value::Null => value.clone(),
                known => known,
            },
            Term::Plus(term, number) => match self.term(term) {
                Value::Int(left) => Value::Int(left + number),
                Value::Text(instant) => encoding::later(&instant, *number),
                _ => Value::Null,
            },
        }
    }

    /// SQL's three-valued truth: none is NULL.
    pub fn truth(&self, condition: &Cond) -> Option<bool> {
        match condition {
            Cond::Compare(left, operator, right) => {
                compare(&self.term(left), operator, &self.term(right))
            }
            Cond::Null(term) => Some(self.term(term) == Value::Null),
            Cond::Same(left, right) => Some(self.term(left) == self.term(right)),
            Cond::Between(term, from, to) => match self.term(term) {
                Value::Int(number) => Some((*from..=*to).contains(&number)),
                _ => None,
            },
            Cond::Like(term, start) => match self.term(term) {
                Value::Text(text) => Some(text.starts_with(start)),
                _ => None,
            },
            Cond::In(term, values) => among(&self.term(term), values.iter()),
            Cond::Not(inner) => self.truth(inner).map(|truth| !truth),
            Cond::And(left, right) => match (self.truth(left), self.truth(right)) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                _ => None,
            },
            Cond::Or(left, right) => match (self.truth(left), self.truth(right)) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            },
            Cond::Exists(other) => Some(!self.linked(other).is_empty()),
            Cond::Among(other) => among(
                &self.values[other.own],
                self.flagged(other).iter().map(|row| &row[other.link]),
            ),
            Cond::Max(other, operator, number) => {
                let greatest = self
                    .linked(other)
                    .iter()
                    .filter_map(|row| {
                        if let Value::Int(flag) = row[other.flag] { Some(flag) } else { None }
                    })
                    .max();
                compare(&greatest.map_or(Value::Null, Value::Int), operator, &Value::Int(*number))
            }
            Cond::Count(other, operator, number) => compare(
                &Value::Int(self.linked(other).len() as i64),
                operator,
                &Value::Int(*number),
            ),
        }
    }

    fn flagged(&self, other: &Other) -> Vec<&Vec<Value>> {
        let rows = self.tables[other.table].rows.iter().map(|row| &row.values);
        rows.filter(|row| other.flagged.is_none_or(|flag| row[other.flag] == Value::Int(flag)))
            .collect()
    }

    fn linked(&self, other: &Other) -> Vec<&Vec<Value>> {
        self.flagged(other)
            .into_iter()
            .filter(|row| equal(&row[other.link], &self.values[other.own]))
            .collect()
    }
}

pub fn equal(one: &Value, other: &Value) -> bool {
    one != &Value::Null && one == other
}

fn among<'a>(value: &Value, values: impl Iterator<Item = &'a Value>) -> Option<bool> {
    let values: Vec<_> = values.collect();
    match value {
        _ if values.is_empty() => Some(false),
        Value::Null => None,
        value if values.contains(&value) => Some(true),
        _ if values.contains(&&Value::Null) => None,
        _ => Some(false),
    }
}

fn compare(left: &Value, operator: &str, right: &Value) -> Option<bool> {
    let order = match (left, right) {
        (Value::Int(left), Value::Int(right)) => left.cmp(right),
        (Value::Text(left), Value::Text(right)) => left.as_bytes().cmp(right.as_bytes()),
        (Value::Null, _) | (_, Value::Null) => return None,
        other => panic!("no case compares {other:?}"),
    };
    Some(match operator {
        "=" => order == Ordering::Equal,
        "<>" => order != Ordering::Equal,
        "<" => order == Ordering::Less,
        ">" => order == Ordering::Greater,
        ">=" => order != Ordering::Less,
        other => panic!("no case says {other}"),
    })
}

/// What a condition is worth on one row: for the test that asks the database the same.
pub fn truth(
    shape: &Shape,
    policy: &Policy,
    target: &Target,
    tables: &[Table],
    values: &[Value],
    condition: &Cond,
) -> Option<bool> {
    Asked::of(shape, policy, target, tables, values).truth(condition)
}
