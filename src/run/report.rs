//! Counts to the words of a PurgeRun's status.

use crate::api;
use crate::declare::Declaration;
use crate::model::{Access, Action, Counts, DependentAction, Reason};
use crate::plan::{Notes, Plan, PlannedTarget};
use crate::purge::End;

/// So many of a list are shown; the rest is counted.
const SHOWN: usize = 20;

/// The record of one run of one policy.
pub fn of(
    declaration: &Declaration,
    plan: &Plan,
    ended: &[(&PlannedTarget, Counts, End)],
) -> api::PurgeRun {
    let targets: Vec<api::TargetReport> =
        ended.iter().map(|(planned, counts, end)| target(planned, counts, end)).collect();
    let name = format!("{}-{}", declaration.policy, plan.clock.as_second() / 60);
    let mut run = api::PurgeRun::new(&name, declaration.run.clone());
    run.metadata.namespace.clone_from(&declaration.metadata.namespace);
    run.status = Some(api::PurgeRunStatus {
        policy: Some(api::PolicyIdentity {
            name: declaration.policy.clone(),
            uid: declaration.metadata.uid.clone(),
            generation: declaration.metadata.generation,
        }),
        clock: Some(plan.clock.to_string()),
        dry_run: Some(declaration.dry_run),
        totals: Some(totals(ended)),
        targets,
        ..api::PurgeRunStatus::default()
    });
    run
}

fn count(rows: u64) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

fn totals(ended: &[(&PlannedTarget, Counts, End)]) -> api::Totals {
    let sum = |of: fn(&Counts) -> u64| count(ended.iter().map(|(_, counts, _)| of(counts)).sum());
    api::Totals {
        deleted: sum(|counts| counts.deleted),
        updated: sum(|counts| counts.updated),
        dependents: sum(Counts::dependents_total),
        files: 0,
        held: sum(Counts::held_total),
        overdue: sum(|counts| counts.overdue.rows),
    }
}

fn target(planned: &PlannedTarget, counts: &Counts, end: &End) -> api::TargetReport {
    let (outcome, reason, message) = outcome(counts, end);
    let updates = matches!(planned.target.action, Action::Update(_));
    let mut tenants: Vec<_> = counts.tenants.iter().collect();
    tenants.sort_by_key(|(name, tenant)| {
        (std::cmp::Reverse(tenant.gone + tenant.overdue), (*name).clone())
    });
    let omitted = |all: usize| (all > SHOWN).then(|| count((all - SHOWN) as u64));
    api::TargetReport {
        name: planned.target.name.clone(),
        outcome: Some(outcome),
        reason,
        message,
        access: Some(access(planned, counts)),
        understood: planned.notes.understood.clone(),
        rows: api::RowCounts {
            examined: count(counts.examined),
            selected: count(counts.selected),
            deleted: count(counts.deleted),
            updated: count(counts.updated),
        },
        kept: kept(planned, counts),
        dependents: dependents(planned, counts),
        files: Vec::new(),
        overdue: Some(api::Overdue {
            rows: count(counts.overdue.rows),
            at_least: counts.overdue.at_least.then_some(true),
            oldest_seconds: counts.overdue.oldest.map(|oldest| count(oldest.as_secs())),
        }),
        work: Some(api::Work {
            batches: count(counts.work.batches),
            longest_batch_millis: count(
                u64::try_from(counts.work.longest_batch.as_millis()).unwrap_or(u64::MAX),
            ),
            throttled_seconds: Some(api::Throttled {
                duty_cycle: Some(counts.work.duty_cycle.as_secs_f64()),
                ..api::Throttled::default()
            }),
        }),
        tenants_omitted: omitted(tenants.len()),
        tenants: tenants
            .into_iter()
            .take(SHOWN)
            .map(|(name, tenant)| api::TenantReport {
                name: name.clone(),
                window: tenant
                    .window
                    .map_or_else(|| "none".to_owned(), |window| window.to_string()),
                // Without an age nothing is compared with it.
                cutoff: tenant
                    .cutoff
                    .filter(|_| planned.target.age.is_some())
                    .map(|cutoff| cutoff.to_string()),
                deleted: if updates { 0 } else { count(tenant.gone) },
                updated: if updates { count(tenant.gone) } else { 0 },
                overdue: count(tenant.overdue),
            })
            .collect(),
        unknown_tenants: counts
            .unknown
            .iter()
            .take(SHOWN)
            .map(|tenant| api::UnknownTenant {
                name: tenant.name.clone(),
                source: tenant.unknown.source.clone(),
                reason: tenant.unknown.reason.word().to_owned(),
                message: told(&tenant.unknown.message, tenant.unknown.reason),
            })
            .collect(),
        unknown_tenants_omitted: omitted(counts.unknown.len()),
        failures: counts
            .failures
            .iter()
            .take(SHOWN)
            .map(|failure| api::Failure {
                key: failure.key.clone(),
                reason: failure.reason.word().to_owned(),
                message: told(&failure.message, failure.reason),
            })
            .collect(),
        failures_omitted: omitted(counts.failures.len()),
    }
}

fn told(message: &str, reason: Reason) -> String {
    format!("{message}; {}", reason.next_step())
}

fn outcome(counts: &Counts, end: &End) -> (api::Outcome, Option<String>, Option<String>) {
    let because = |outcome, reason: Reason, message: &str| {
        let message =
            if message.is_empty() { reason.next_step().to_owned() } else { told(message, reason) };
        (outcome, Some(reason.word().to_owned()), Some(message))
    };
    match end {
        End::Done => {
            let mut parts = Vec::new();
            if !counts.unknown.is_empty() {
                parts.push(match &counts.unknown[..] {
                    // The target has no tenants: its window is everybody's.
                    [all] if all.name.is_empty() => "all kept: the window is unknown".to_owned(),
                    [one] => format!("tenant {} kept whole: its window is unknown", one.name),
                    more => format!("{} tenants kept whole: their windows are unknown", more.len()),
                });
            }
            if counts.failed > 0 {
                parts.push(format!("{} could not go", rows(counts.failed)));
            }
            if counts.referenced > 0 {
                parts.push(format!(
                    "{} kept because something that the policy does not name points at them",
                    rows(counts.referenced)
                ));
            }
            (api::Outcome::Done, None, (!parts.is_empty()).then(|| parts.join("; ")))
        }
        End::CapReached => because(api::Outcome::CapReached, Reason::CapReached, ""),
        End::DeadlineExceeded => {
            because(api::Outcome::DeadlineExceeded, Reason::DeadlineExceeded, "")
        }
        End::Stopped => because(api::Outcome::Stopped, Reason::Stopped, ""),
        End::Failed { reason, message } => because(api::Outcome::Failed, *reason, message),
    }
}

fn rows(count: u64) -> String {
    if count == 1 { "1 row".to_owned() } else { format!("{count} rows") }
}

fn access(planned: &PlannedTarget, counts: &Counts) -> api::Access {
    let Notes { why, index, triggers, set_null, cautions, understood: _ } = &planned.notes;
    let on_index = matches!(planned.target.access, Access::TenantIndex | Access::AgeIndex);
    let (path, why) = if on_index && counts.work.swept_after_index {
        (api::AccessPath::Sweep, format!("{why}; after a twentieth of the table it was swept"))
    } else if on_index {
        (api::AccessPath::Index, why.clone())
    } else {
        (api::AccessPath::Sweep, why.clone())
    };
    api::Access {
        path,
        why,
        index: index.clone(),
        triggers: triggers.clone(),
        set_null: set_null.clone(),
        notes: cautions.clone(),
    }
}

fn kept(planned: &PlannedTarget, counts: &Counts) -> api::Kept {
    let names_references = !planned.target.referenced.is_empty();
    api::Kept {
        held: counts.held.iter().map(|(name, rows)| (name.clone(), count(*rows))).collect(),
        undatable: counts.undatable.map(count),
        unreadable: counts.unreadable.map(count),
        future: counts.future.map(count),
        no_tenant: counts.no_tenant.map(count),
        referenced: names_references.then(|| count(counts.referenced)),
        locked: None,
        failed: Some(count(counts.failed)),
        file_refused: None,
    }
}

fn dependents(planned: &PlannedTarget, counts: &Counts) -> Vec<api::DependentReport> {
    let followed = planned.target.dependents.iter().zip(&counts.dependents);
    followed
        .filter(|(dependent, _)| !matches!(dependent.action, DependentAction::Keep))
        .map(|(_, (name, deleted, updated))| api::DependentReport {
            name: name.clone(),
            deleted: count(*deleted),
            updated: count(*updated),
        })
        .collect()
}
