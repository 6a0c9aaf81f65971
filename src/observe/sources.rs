//! What the sources of windows answer. An answer that is not there is never taken for permission.

use std::collections::HashMap;

use crate::database::{Error, Session};
use crate::declare::{Source, SourceFrom, answer};
use crate::model::{Answer, Catalog, Collation, Reason, Unknown, Value};
use crate::sql::{self, Surroundings, find_table, readable, resolve};

/// What one source answers.
#[derive(Debug)]
pub enum Answers {
    /// By tenant's name, folded as the target's column compares; who is not there is silent.
    ByTenant(HashMap<String, Answer>),
    /// The same for every tenant.
    ForAll(Answer),
}

impl Answers {
    pub fn of(&self, folded: &str) -> Answer {
        match self {
            Self::ByTenant(answers) => answers.get(folded).cloned().unwrap_or(Answer::Silent),
            Self::ForAll(answer) => answer.clone(),
        }
    }

    /// The tenants that it knows, as the target's column compares them.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let answers = match self {
            Self::ByTenant(answers) => Some(answers),
            Self::ForAll(_) => None,
        };
        answers.into_iter().flatten().map(|(name, _)| name.as_str())
    }
}

/// Asks a source. A failure is an answer too: Unknown.
pub async fn ask(
    source: &Source,
    collation: Collation,
    catalog: &Catalog,
    session: &mut Session,
) -> Answers {
    match &source.from {
        SourceFrom::ConfigMap { name, data: None } => {
            let message = format!("there is no ConfigMap {name}");
            Answers::ForAll(unknown(source, Reason::SourceFailed, message))
        }
        SourceFrom::ConfigMap { name: _, data: Some(data) } => {
            let pairs = data.iter().map(|(tenant, text)| (tenant.clone(), answer(text, source)));
            by_tenant(source, collation, pairs)
        }
        SourceFrom::Table { .. } => match ask_table(source, catalog, session).await {
            Ok(Some((true, rows))) => {
                let pairs = rows
                    .into_iter()
                    .filter_map(|(tenant, value)| Some((tenant.name()?, read(&value, source))));
                by_tenant(source, collation, pairs)
            }
            Ok(Some((false, rows))) => Answers::ForAll(for_all(source, &rows)),
            // Names that do not resolve refuse the plan; until then nothing is known.
            Ok(None) => Answers::ForAll(unknown(
                source,
                Reason::NotFound,
                "the source names something that is not there".to_owned(),
            )),
            Err(error) => Answers::ForAll(unknown(source, Reason::SourceFailed, error.to_string())),
        },
    }
}

fn unknown(source: &Source, reason: Reason, message: String) -> Answer {
    Answer::Unknown(Unknown { source: source.name.clone(), reason, message })
}

/// One answer a name. Two that the column takes for equal, with different answers, are no answer.
fn by_tenant(
    source: &Source,
    collation: Collation,
    pairs: impl Iterator<Item = (String, Answer)>,
) -> Answers {
    let mut answers: HashMap<String, Answer> = HashMap::new();
    for (name, answer) in pairs {
        let twice = |answer: &mut Answer| {
            let message = format!("the source answers twice for {name}");
            *answer = unknown(source, Reason::TwoAnswers, message);
        };
        let folded = collation.fold(&name).into_owned();
        answers.entry(folded).and_modify(twice).or_insert(answer);
    }
    Answers::ByTenant(answers)
}

fn for_all(source: &Source, rows: &[(Value, Value)]) -> Answer {
    match rows {
        [] => Answer::Silent,
        [(_, value)] => read(value, source),
        _ => unknown(
            source,
            Reason::TwoAnswers,
            format!("the source has {} rows where one is asked for", rows.len()),
        ),
    }
}

/// Whole numbers are read as text like every other value, so that one rule judges them.
fn read(value: &Value, source: &Source) -> Answer {
    match value {
        Value::Null => Answer::Silent,
        Value::Integer(integer) => answer(&integer.to_string(), source),
        Value::Text(text) => answer(text, source),
        Value::Real(_) | Value::Blob(_) | Value::Garbled(_) => unknown(
            source,
            Reason::NotAWindow,
            "the value is no whole number and no text".to_owned(),
        ),
    }
}

/// Whether the source answers by tenant, and its rows; `None` when its names do not resolve.
async fn ask_table(
    source: &Source,
    catalog: &Catalog,
    session: &mut Session,
) -> Result<Option<(bool, Vec<(Value, Value)>)>, Error> {
    let SourceFrom::Table { field, table, tenant, value, selection } = &source.from else {
        return Ok(None);
    };
    let Some(table) = find_table(catalog, table) else {
        return Ok(None);
    };
    if readable(table, field).is_err() {
        return Ok(None);
    }
    let around = Surroundings { field, catalog, own: table, encoding: None };
    let resolved = |expression| resolve(expression, &around).ok();
    let Some(value) = resolved(value) else {
        return Ok(None);
    };
    let by_tenant = tenant.is_some();
    let tenant = tenant.as_ref().map(resolved);
    let selection = selection.as_ref().map(resolved);
    if matches!(tenant, Some(None)) || matches!(selection, Some(None)) {
        return Ok(None);
    }
    let statement =
        sql::source(table, tenant.flatten().as_ref(), &value, selection.flatten().as_ref());
    let rows = session.rows(&statement).await?;
    let pairs = rows.into_iter().filter_map(|row| {
        let mut values = row.into_iter();
        Some((values.next()?, values.next()?))
    });
    Ok(Some((by_tenant, pairs.collect())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Unit, Window};

    fn days() -> Source {
        let from = SourceFrom::ConfigMap { name: "m".into(), data: None };
        Source { name: "s".into(), unit: Some(Unit::Day), non_positive: None, from }
    }

    fn is_unknown(answer: &Answer) -> bool {
        matches!(answer, Answer::Unknown(_))
    }

    #[test]
    fn two_rows_for_one_tenant_are_no_answer() {
        let seven = Answer::Set(Window::Span { amount: 7, unit: Unit::Day });
        let pairs = [("Acme".to_owned(), seven.clone()), ("acme".to_owned(), seven.clone())];
        let binary = by_tenant(&days(), Collation::Binary, pairs.clone().into_iter());
        assert_eq!(binary.of("acme"), seven);
        let nocase = by_tenant(&days(), Collation::NoCase, pairs.into_iter());
        assert!(is_unknown(&nocase.of("acme")));
        assert_eq!(nocase.of("other"), Answer::Silent);
    }

    #[test]
    fn null_is_silence_and_a_fraction_is_not() {
        assert_eq!(read(&Value::Null, &days()), Answer::Silent);
        assert!(is_unknown(&read(&Value::Real(30.0), &days())));
        assert!(is_unknown(&for_all(
            &days(),
            &[(Value::Null, Value::Integer(1)), (Value::Null, Value::Integer(1))]
        )));
        assert_eq!(for_all(&days(), &[]), Answer::Silent);
    }
}
