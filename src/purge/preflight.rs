//! The last questions before anything is touched: those that only the database can answer about
//! the plan's own statements. It reads and never writes.

mod rows;

use super::judge::{Bench, Verdict};
use super::walk::Walk;
use super::{JUDGED_AT_ONCE, Job};
use crate::database::{Error, ErrorClass, Session};
use crate::model::{Access, Action, DependentAction, Key, Reason, Refusal};
use crate::plan::PlannedTarget;
use crate::sql::{Instants, Statement, sqlite};

/// All that stands against a target, now that its rows were asked. `Err`: they could not be asked.
pub async fn preflight(
    planned: &PlannedTarget,
    job: &Job<'_>,
    session: &mut Session,
) -> Result<Vec<Refusal>, Error> {
    let mut refusals = compile(planned, job, session).await?;
    if refusals.is_empty() {
        refusals.extend(rows::compared_columns(planned, session).await?);
        refusals.extend(rows::compared_keys(planned, session).await?);
        refusals.extend(rows::shared_parents(planned, session).await?);
        refusals.extend(rows::seconds_for_millis(planned, session).await?);
        refusals.extend(rows::ordered_texts(planned, session).await?);
    }
    if refusals.is_empty() {
        refusals.extend(stays_selected(planned, job, session).await?);
    }
    Ok(refusals)
}

/// Every statement of the run is compiled once: an argument too many in an expression, or a
/// foreign key to columns that are not unique, shows here and not after the first batch.
async fn compile(
    planned: &PlannedTarget,
    job: &Job<'_>,
    session: &mut Session,
) -> Result<Vec<Refusal>, Error> {
    let target = &planned.target;
    let instants = Instants::bind(job.clock, None, None);
    let mut statements: Vec<Statement> =
        vec![sqlite::sweep(target, &instants, None, 1), sqlite::judge(target, &instants, &[])];
    for (at, dependent) in target.dependents.iter().enumerate() {
        statements.push(match &dependent.action {
            DependentAction::Delete => sqlite::delete_dependent(target, &instants, at, &[]),
            DependentAction::Update(set) => {
                sqlite::update_dependent(target, &instants, at, &[], set)
            }
            DependentAction::Keep => continue,
        });
    }
    statements.push(sqlite::act(target, &instants, &[]));
    if let Some(keep) = &target.keep_newest {
        statements.push(sqlite::over_full_partitions(target, keep, &instants));
    }
    for statement in statements {
        match session.rows(&statement.explained()).await {
            Ok(_) => {}
            Err(error) if error.class == ErrorClass::Statement => {
                return Ok(vec![Refusal::new(
                    &planned.field,
                    Reason::BadExpression,
                    format!("SQLite does not take the target's statements: {error}"),
                    "correct the expression or the schema that the message names",
                )]);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(Vec::new())
}

/// An Update that leaves a row in its own selection would change it again in every run, and a
/// policy of two stages would never end.
async fn stays_selected(
    planned: &PlannedTarget,
    job: &Job<'_>,
    session: &mut Session,
) -> Result<Vec<Refusal>, Error> {
    let Action::Update(_) = &planned.target.action else {
        return Ok(Vec::new());
    };
    let Some(after) = &planned.afterwards else {
        return Ok(Vec::new());
    };
    let now = Bench { target: &planned.target, cutoffs: &planned.cutoffs, clock: job.clock };
    let then = Bench { target: after, ..now };
    let access = if planned.target.age.is_some() { Access::Sweep } else { Access::Partitions };
    let mut walk =
        Walk::new(&planned.target, &planned.cutoffs, &planned.tenants, job.clock, &access);
    while let Some(page) = walk.next(session).await? {
        for (fate, keys) in page.groups {
            for keys in keys.chunks(JUDGED_AT_ONCE) {
                // What cannot be computed for a row is asked again in each batch, of that row alone.
                let judged = match now.judge(keys, fate, session).await {
                    Err(error) if error.class == ErrorClass::Statement => continue,
                    judged => judged?,
                };
                let going = judged.into_iter().filter(|row| row.verdict == Verdict::Goes);
                let going: Vec<Key> = going.map(|row| row.key).collect();
                let staying = match then.judge(&going, fate, session).await {
                    Err(error) if error.class == ErrorClass::Statement => continue,
                    staying => staying?,
                };
                if let Some(row) = staying.iter().find(|row| row.verdict == Verdict::Goes) {
                    return Ok(vec![Refusal::new(
                        format!("{}.set", planned.field),
                        Reason::StaysSelected,
                        format!(
                            "the row with key {} would still be selected after the Update",
                            row.key.hash()
                        ),
                        "set a column that `where` asks for, e.g. where: \"archived = 0\" with set: {archived: \"1\"}",
                    )]);
                }
            }
        }
    }
    Ok(Vec::new())
}
