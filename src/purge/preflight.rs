//! The last questions before anything is touched: those that only the database can answer about
//! the plan's own statements. It reads and never writes.

mod rows;
mod statements;

use super::judge::{Bench, Verdict};
use super::walk::Walk;
use super::{JUDGED_AT_ONCE, Job};
use crate::database::{Error, ErrorClass, Session};
use crate::model::{Access, Action, Engine, Key, Reason, Refusal, Target};
use crate::plan::PlannedTarget;

/// All that stands against a target, now that its rows were asked. `acts`: this is no dry run.
/// `Err`: they could not be asked.
pub async fn preflight(
    planned: &PlannedTarget,
    job: &Job<'_>,
    acts: bool,
    session: &mut Session,
) -> Result<Vec<Refusal>, Error> {
    let mut refusals = statements::compile(planned, job, acts, session).await?;
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
