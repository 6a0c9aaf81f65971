//! The last questions before anything is touched: those that only the database can answer about
//! the plan's own statements. It reads and never writes.

mod rows;

use super::judge::{Bench, Verdict};
use super::walk::Walk;
use super::{JUDGED_AT_ONCE, Job};
use crate::database::{Error, ErrorClass, Session};
use crate::model::{Access, Action, DependentAction, Engine, Key, Reason, Refusal, Target};
use crate::plan::PlannedTarget;
use crate::sql::{self, Instants, Statement};

/// All that stands against a target, now that its rows were asked. `acts`: this is no dry run.
/// `Err`: they could not be asked.
pub async fn preflight(
    planned: &PlannedTarget,
    job: &Job<'_>,
    acts: bool,
    session: &mut Session,
) -> Result<Vec<Refusal>, Error> {
    let mut refusals = compile(planned, job, acts, session).await?;
    if refusals.is_empty() {
        // Where columns have types, a value cannot be of another.
        if session.engine() == Engine::Sqlite {
            refusals.extend(rows::compared_columns(planned, session).await?);
            refusals.extend(rows::compared_keys(planned, session).await?);
            refusals.extend(rows::ordered_texts(planned, session).await?);
        }
        refusals.extend(rows::shared_parents(planned, session).await?);
        refusals.extend(rows::seconds_for_millis(planned, session).await?);
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
    acts: bool,
    session: &mut Session,
) -> Result<Vec<Refusal>, Error> {
    let target = &planned.target;
    let instants = Instants::bind(job.clock, None, None);
    let mut statements: Vec<Statement> =
        vec![sql::sweep(target, &instants, None, 1), sql::judge(target, &instants, &[])];
    if target.is_judged_by_cutoff() && target.takes_all_cutoffs() {
        statements.push(sql::postgres::judge_by_row(target, &instants, &[]));
    }
    if let Some(keep) = &target.keep_newest {
        statements.push(sql::over_full_partitions(target, keep, &instants));
    }
    // A login for a dry run may have no right to what it does not do.
    let acts = acts || session.engine() == Engine::Sqlite;
    for (at, dependent) in target.dependents.iter().enumerate().filter(|_| acts) {
        statements.push(match &dependent.action {
            DependentAction::Delete => sql::delete_dependent(target, &instants, at, &[]),
            DependentAction::Update(set) => sql::update_dependent(target, &instants, at, &[], set),
            DependentAction::Keep => continue,
        });
    }
    if acts {
        // What is only an ancestor is never written, and no right to it is asked for.
        statements.extend(planned.leaves.first().map(|leaf| sql::act(leaf, &instants, &[])));
    }
    for statement in statements {
        match session.rows(&statement.explained()).await {
            Ok(_) => {}
            Err(error) if matches!(error.class, ErrorClass::Statement | ErrorClass::Invalid) => {
                if let Some(refusal) = at_fault(planned, session).await? {
                    return Ok(vec![refusal]);
                }
                return Ok(vec![Refusal::new(
                    &planned.field,
                    Reason::BadExpression,
                    format!(
                        "{} does not take the target's statements: {error}",
                        session.engine().name()
                    ),
                    "correct the expression or the schema that the message names",
                )]);
            }
            Err(error) if error.class == ErrorClass::Denied => {
                return Ok(vec![Refusal::new(
                    &planned.field,
                    Reason::NotPermitted,
                    error.to_string(),
                    "grant it to the login",
                )]);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(Vec::new())
}

/// The condition that PostgreSQL does not take, or that gives another type than a condition has.
async fn at_fault(
    planned: &PlannedTarget,
    session: &mut Session,
) -> Result<Option<Refusal>, Error> {
    if session.engine() != Engine::Postgres {
        return Ok(None);
    }
    let target = &planned.target;
    for (part, table, condition) in rows::conditions(target) {
        let refuse = |what: String, write: &str| {
            let field = format!("{}{part}", planned.field);
            Ok(Some(Refusal::new(field, Reason::BadExpression, what, write)))
        };
        match session.rows(&sql::postgres::type_of_condition(target, table, condition)).await {
            Ok(rows) => {
                let name = rows.first().and_then(|row| row[0].name()).unwrap_or_default();
                if name != "bool" {
                    return refuse(
                        format!("it gives {name}, and a condition is true or false"),
                        "compare it with something",
                    );
                }
            }
            Err(error) if matches!(error.class, ErrorClass::Statement | ErrorClass::Invalid) => {
                return refuse(
                    format!("PostgreSQL does not take it: {error}"),
                    "correct it, e.g. by a cast to the type that it is compared with",
                );
            }
            Err(error) => return Err(error),
        }
    }
    Ok(None)
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
    let access = if planned.target.age.is_some() { Access::Sweep } else { Access::Partitions };
    let mut walk = Walk::new(planned, job.clock, &access);
    while let Some(page) = walk.next(session).await? {
        let target = planned.leaves.get(page.leaf).unwrap_or(&planned.target);
        let after = Target { leaf: target.leaf.clone(), ..after.clone() };
        let now = Bench { target, cutoffs: &planned.cutoffs, clock: job.clock };
        let then = Bench { target: &after, ..now };
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
                        match session.engine() {
                            Engine::Sqlite => {
                                "set a column that `where` asks for, e.g. where: \"archived = 0\" with set: {archived: \"1\"}"
                            }
                            Engine::Postgres => {
                                "set a column that `where` asks for, e.g. where: \"not archived\" with set: {archived: \"true\"}"
                            }
                        },
                    )]);
                }
            }
        }
    }
    Ok(Vec::new())
}
