//! Whether the database takes every statement of the run, and which part of the policy is at fault
//! where it does not.

use super::rows::conditions;
use crate::database::{Error, ErrorClass, Session};
use crate::model::{
    Action, Assignments, DependentAction, Engine, Key, Reason, Refusal, Scalar, Table, Target,
    Value, quote,
};
use crate::plan::PlannedTarget;
use crate::purge::Job;
use crate::sql::{self, Instants, Statement};

/// Every statement of the run is compiled once: an argument too many in an expression, or a
/// foreign key to columns that are not unique, shows here and not after the first batch.
pub(super) async fn compile(
    planned: &PlannedTarget,
    job: &Job<'_>,
    acts: bool,
    session: &mut Session,
) -> Result<Vec<Refusal>, Error> {
    let target = &planned.target;
    let instants = Instants::bind(job.clock, None, None);
    let reading = reading(target, &instants);
    let acting = acting(planned, &instants);
    let is_postgres = session.engine() == Engine::Postgres;
    // A login for a dry run may have no right to what it does not do, and PostgreSQL explains
    // nothing without it.
    let explained = if acts || !is_postgres { &acting[..] } else { &[] };
    let reading = reading.iter().chain(explained);
    let Err(error) = take(reading, &acting, session).await else { return Ok(Vec::new()) };
    let refusal = match error.class {
        ErrorClass::Statement | ErrorClass::Invalid => {
            at_fault(planned, session).await?.unwrap_or_else(|| {
                Refusal::new(
                    &planned.field,
                    Reason::BadExpression,
                    format!(
                        "{} does not take the target's statements: {error}",
                        session.engine().name()
                    ),
                    "correct the expression or the schema that the message names",
                )
            })
        }
        ErrorClass::Denied => Refusal::new(
            &planned.field,
            Reason::NotPermitted,
            error.to_string(),
            "grant it to the login",
        ),
        _ => return Err(error),
    };
    Ok(vec![refusal])
}

async fn take(
    explained: impl Iterator<Item = &Statement>,
    compiled: &[Statement],
    session: &mut Session,
) -> Result<(), Error> {
    for statement in explained {
        session.rows(&statement.explained()).await?;
    }
    if let Session::Postgres(session) = session {
        for statement in compiled {
            session.compile(statement).await?;
        }
    }
    Ok(())
}

/// A key that no row has.
fn nobody(table: &Table) -> [Key; 1] {
    [Key(vec![Value::Null; table.key.len()])]
}

fn touched(target: &Target) -> impl Iterator<Item = (usize, &DependentAction)> {
    let actions = target.dependents.iter().map(|dependent| &dependent.action).enumerate();
    actions.filter(|(_, action)| !matches!(action, DependentAction::Keep))
}

/// What a dry run does too.
fn reading(target: &Target, instants: &Instants) -> Vec<Statement> {
    let keys = nobody(&target.table);
    let mut statements =
        vec![sql::sweep(target, instants, None, 1), sql::judge(target, instants, &keys)];
    if target.is_judged_by_cutoff() && target.takes_all_cutoffs() {
        let [key] = keys.clone();
        statements.push(sql::postgres::judge_by_row(target, instants, &[(key, Value::Null)]));
    }
    if let Some(keep) = &target.keep_newest {
        statements.push(sql::over_full_partitions(target, keep, instants));
    }
    for (at, _) in touched(target) {
        statements.push(sql::count_dependent(target, instants, at, &keys));
    }
    statements
}

/// What locks and writes. What is only an ancestor is never written, and no right to it is asked for.
fn acting(planned: &PlannedTarget, instants: &Instants) -> Vec<Statement> {
    let Some(target) = planned.leaves.first() else { return Vec::new() };
    let keys = nobody(target.rows());
    let mut statements = vec![sql::act(target, instants, &keys)];
    if target.table.engine == Engine::Postgres {
        let judges = target.reads_only_itself();
        statements.push(sql::claim(target, instants, &keys, judges));
    }
    for (at, action) in touched(target) {
        statements.push(match action {
            DependentAction::Update(set) => sql::update_dependent(target, instants, at, &keys, set),
            DependentAction::Delete | DependentAction::Keep => {
                sql::delete_dependent(target, instants, at, &keys)
            }
        });
    }
    statements
}

/// The part that PostgreSQL does not take.
async fn at_fault(
    planned: &PlannedTarget,
    session: &mut Session,
) -> Result<Option<Refusal>, Error> {
    if session.engine() != Engine::Postgres {
        return Ok(None);
    }
    if let Some(refusal) = condition_at_fault(planned, session).await? {
        return Ok(Some(refusal));
    }
    if let Some(refusal) = reference_at_fault(planned, session).await? {
        return Ok(Some(refusal));
    }
    assignment_at_fault(planned, session).await
}

/// What the server says against a statement; `None`: nothing.
fn against(answer: Result<(), Error>) -> Result<Option<String>, Error> {
    match answer {
        Ok(()) => Ok(None),
        Err(error) if matches!(error.class, ErrorClass::Statement | ErrorClass::Invalid) => {
            Ok(Some(error.to_string()))
        }
        Err(error) => Err(error),
    }
}

/// A condition may also give another type than a condition has.
async fn condition_at_fault(
    planned: &PlannedTarget,
    session: &mut Session,
) -> Result<Option<Refusal>, Error> {
    let target = &planned.target;
    for (part, table, condition) in conditions(target) {
        let refuse = |what: String, write: &str| {
            let field = format!("{}{part}", planned.field);
            Ok(Some(Refusal::new(field, Reason::BadExpression, what, write)))
        };
        let mut name = None;
        let asked = session.rows(&sql::postgres::type_of_condition(target, table, condition)).await;
        let asked = asked.map(|rows| name = rows.first().and_then(|row| row[0].name()));
        if let Some(error) = against(asked)? {
            return refuse(
                format!("PostgreSQL does not take it: {error}"),
                "correct it, e.g. by a cast to the type that it is compared with",
            );
        }
        let name = name.unwrap_or_default();
        if name != "bool" {
            return refuse(
                format!("it gives {name}, and a condition is true or false"),
                "compare it with something",
            );
        }
    }
    Ok(None)
}

/// Columns that nothing compares: no foreign key holds such a pair.
async fn reference_at_fault(
    planned: &PlannedTarget,
    session: &mut Session,
) -> Result<Option<Refusal>, Error> {
    let target = &planned.target;
    for (at, _) in touched(target) {
        let dependent = &target.dependents[at];
        let table = &dependent.table;
        let parent = dependent.of.map_or(&target.table, |of| &target.dependents[of].table);
        for (own, theirs) in &dependent.references {
            let statement = sql::postgres::pointing((table, own), (parent, theirs));
            let Some(error) = against(session.rows(&statement.explained()).await.map(|_| ()))?
            else {
                continue;
            };
            let kind = |table: &Table, name: &str| {
                table.column(name).map(|column| column.declared.clone()).unwrap_or_default()
            };
            let cast = parent.column(theirs).map(|column| column.cast.clone()).unwrap_or_default();
            let column = quote(own);
            return Ok(Some(Refusal::new(
                format!("{}.dependents[{}].references", planned.field, dependent.name),
                Reason::TypeMismatch,
                format!(
                    "column {own} of type {} does not compare with column {theirs} of {}, of type {}: {error}",
                    kind(table, own),
                    parent.name,
                    kind(parent, theirs),
                ),
                format!(
                    "refer to columns of one type; or ALTER TABLE {}.{} ALTER COLUMN {column} TYPE {cast} USING {column}::{cast};",
                    quote(table.name.schema.as_deref().unwrap_or_default()),
                    quote(&table.name.name),
                ),
            )));
        }
    }
    Ok(None)
}

/// A value that its column does not take.
async fn assignment_at_fault(
    planned: &PlannedTarget,
    session: &mut Session,
) -> Result<Option<Refusal>, Error> {
    let Session::Postgres(session) = session else { return Ok(None) };
    let target = &planned.target;
    let mut sets: Vec<(String, &Table, &Assignments, Option<&Scalar>)> = Vec::new();
    if let Action::Update(set) = &target.action {
        sets.push((String::new(), &target.table, set, target.tenant.as_ref()));
    }
    for (at, action) in touched(target) {
        let dependent = &target.dependents[at];
        if let DependentAction::Update(set) = action {
            sets.push((format!(".dependents[{}]", dependent.name), &dependent.table, set, None));
        }
    }
    for (part, table, set, tenant) in sets {
        for (name, value) in set {
            let alone = vec![(name.clone(), value.clone())];
            let statement = sql::postgres::assignment(table, &alone, tenant);
            let Some(error) = against(session.compile(&statement).await)? else { continue };
            let kind = table.column(name).map(|column| column.declared.as_str());
            return Ok(Some(Refusal::new(
                format!("{}{part}.set.{name}", planned.field),
                Reason::TypeMismatch,
                format!("PostgreSQL does not take it: {error}"),
                format!(
                    "correct it, e.g. by a cast to the type of the column, {}",
                    kind.unwrap_or_default()
                ),
            )));
        }
    }
    Ok(None)
}
