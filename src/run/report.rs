//! Counts to the words of a PurgeRun's status.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use super::bounds::{SHOWN, Told, most_affected, short_name, shorten};
use super::earlier::Earlier;
use crate::api;
use crate::declare::Declaration;
use crate::model::{Access, Action, AntiJoin, Cause, Counts, DependentAction, Engine, Reason};
use crate::plan::{Notes, PlannedTarget};
use crate::purge::End;

/// How the note begins that tells of a batch whose COMMIT got no answer.
pub const UNSETTLED: &str = "nobody could tell whether a batch was committed";

/// The record of one run of one policy.
pub fn of(
    declaration: &Declaration,
    clock: Option<Timestamp>,
    server: Option<api::ServerReport>,
    targets: Vec<api::TargetReport>,
) -> api::PurgeRun {
    // A run that was stopped before it had a clock is named by the moment.
    let minute = clock.unwrap_or_else(Timestamp::now).as_second() / 60;
    let mut run =
        api::PurgeRun::new(&format!("{}-{minute}", declaration.policy), declaration.run.clone());
    run.metadata.namespace.clone_from(&declaration.metadata.namespace);
    run.status = Some(api::PurgeRunStatus {
        policy: Some(api::PolicyIdentity {
            name: declaration.policy.clone(),
            uid: declaration.metadata.uid.clone(),
            generation: declaration.metadata.generation,
        }),
        ..status(clock, declaration.dry_run, server, targets)
    });
    run
}

/// What the runner says of a run, at its end or on its way.
pub fn status(
    clock: Option<Timestamp>,
    dry_run: bool,
    server: Option<api::ServerReport>,
    targets: Vec<api::TargetReport>,
) -> api::PurgeRunStatus {
    api::PurgeRunStatus {
        server,
        clock: clock.map(|clock| clock.to_string()),
        dry_run: Some(dry_run),
        totals: Some(totals(&targets)),
        targets,
        ..api::PurgeRunStatus::default()
    }
}

/// Stopped before its plan was made.
pub fn untouched(declaration: &Declaration, earlier: &Earlier) -> api::PurgeRun {
    let (outcome, reason, message) = outcome(&[], &Counts::default(), &End::Stopped);
    let stopped = declaration.targets.iter().map(|target| {
        earlier.add_to(api::TargetReport {
            name: target.name.clone(),
            outcome: Some(outcome),
            reason: reason.clone(),
            message: message.clone(),
            ..api::TargetReport::default()
        })
    });
    of(declaration, earlier.clock, earlier.server.clone(), stopped.collect())
}

pub fn count(rows: u64) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

pub fn totals(targets: &[api::TargetReport]) -> api::Totals {
    let sum = |of: fn(&api::TargetReport) -> i64| targets.iter().map(of).sum();
    api::Totals {
        deleted: sum(|target| target.rows.deleted),
        updated: sum(|target| target.rows.updated),
        dependents: sum(|target| target.dependents.iter().map(|d| d.deleted + d.updated).sum()),
        files: sum(|target| target.files.iter().map(|files| files.removed).sum()),
        held: sum(|target| target.kept.held.values().sum()),
        overdue: sum(|target| target.overdue.as_ref().map_or(0, |overdue| overdue.rows)),
        at_least: targets.iter().any(|target| target.rows.at_least == Some(true)).then_some(true),
    }
}

/// What was done about a target; without an end it is at work.
pub fn target(
    planned: &PlannedTarget,
    counts: &Counts,
    end: Option<&End>,
    earlier: &Earlier,
) -> api::TargetReport {
    let told = earlier.tenants(&planned.target.name);
    let (tenants, all) = most_affected(&counts.tenants, &planned.cutoffs.windows, &told);
    let untold = all - tenants.len();
    shorten(earlier.add_to(whole(planned, counts, end, &tenants)), untold)
}

/// With all that was counted.
fn whole(
    planned: &PlannedTarget,
    counts: &Counts,
    end: Option<&End>,
    tenants: &[Told<'_>],
) -> api::TargetReport {
    let (outcome, reason, message) =
        match end.map(|end| outcome(&planned.target.referenced, counts, end)) {
            Some((outcome, reason, message)) => (Some(outcome), reason, message),
            None => (None, None, counts.work.waits.as_ref().map(|why| format!("waits: {why}"))),
        };
    let updates = matches!(planned.target.action, Action::Update(_));
    let omitted = |all: usize| (all > SHOWN).then(|| count((all - SHOWN) as u64));
    api::TargetReport {
        name: planned.target.name.clone(),
        outcome,
        reason,
        message,
        access: Some(access(planned, counts)),
        understood: planned.notes.understood.clone(),
        rows: api::RowCounts {
            examined: count(counts.examined),
            selected: count(counts.selected),
            deleted: count(counts.deleted),
            updated: count(counts.updated),
            at_least: (counts.unsettled > 0).then_some(true),
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
            throttled_seconds: Some(throttled(planned, counts)),
        }),
        tenants_omitted: None,
        tenants: tenants
            .iter()
            .map(|Told { name, window, counts }| api::TenantReport {
                name: short_name(name),
                window: window.map_or_else(|| "none".to_owned(), |own| own.window.to_string()),
                // Without an age nothing is compared with it.
                cutoff: window
                    .and_then(|own| own.cutoff)
                    .filter(|_| planned.target.age.is_some())
                    .map(|cutoff| cutoff.to_string()),
                deleted: if updates { 0 } else { count(counts.gone) },
                updated: if updates { count(counts.gone) } else { 0 },
                overdue: count(counts.overdue),
            })
            .collect(),
        unknown_tenants: counts
            .unknown
            .iter()
            .take(SHOWN)
            .map(|tenant| api::UnknownTenant {
                name: short_name(&tenant.name),
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

fn outcome(
    referenced: &[AntiJoin],
    counts: &Counts,
    end: &End,
) -> (api::Outcome, Option<String>, Option<String>) {
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
                    "{} kept because something that the policy does not name points at them: look into {}",
                    rows(counts.referenced),
                    pointing(referenced)
                ));
            }
            (api::Outcome::Done, None, (!parts.is_empty()).then(|| parts.join("; ")))
        }
        End::CapReached => because(api::Outcome::CapReached, Reason::CapReached, ""),
        End::DeadlineExceeded => {
            because(api::Outcome::DeadlineExceeded, Reason::DeadlineExceeded, &waited(counts))
        }
        End::Stopped => because(api::Outcome::Stopped, Reason::Stopped, &waited(counts)),
        End::Failed { reason, message } => because(api::Outcome::Failed, *reason, message),
    }
}

/// What an end found the target waiting for.
fn waited(counts: &Counts) -> String {
    counts.work.waits.as_ref().map_or(String::new(), |why| format!("it waited: {why}"))
}

/// Causes that cannot be on this engine are absent.
fn throttled(planned: &PlannedTarget, counts: &Counts) -> api::Throttled {
    let seconds = |cause| counts.work.throttled.get(&cause).map_or(0.0, Duration::as_secs_f64);
    let on = |engine, cause| (planned.target.table.engine == engine).then(|| seconds(cause));
    api::Throttled {
        duty_cycle: Some(seconds(Cause::DutyCycle)),
        replica_lag: on(Engine::Postgres, Cause::ReplicaLag),
        lock_waiters: on(Engine::Postgres, Cause::LockWaiters),
        wal_size: on(Engine::Sqlite, Cause::WalSize),
    }
}

/// The foreign keys by which a row may be kept.
fn pointing(referenced: &[AntiJoin]) -> String {
    let own = |join: &AntiJoin| join.columns.iter().map(|(own, _)| own.clone()).collect::<Vec<_>>();
    let keys =
        referenced.iter().map(|join| format!("{}({})", join.table.name.name, own(join).join(", ")));
    keys.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(", ")
}

fn rows(count: u64) -> String {
    if count == 1 { "1 row".to_owned() } else { format!("{count} rows") }
}

fn access(planned: &PlannedTarget, counts: &Counts) -> api::Access {
    let Notes { why, index, triggers, set_null, cautions, understood: _ } = &planned.notes;
    let on_index = matches!(planned.target.access, Access::TenantIndex | Access::AgeIndex);
    let (path, why) = if on_index && counts.work.swept_after_index {
        (
            api::AccessPath::Sweep,
            format!(
                "{why}; it was left for a sweep, as a twentieth of the table is due, or too many rows share one age"
            ),
        )
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
        notes: unsettled(counts).into_iter().chain(cautions.iter().cloned()).collect(),
    }
}

fn unsettled(counts: &Counts) -> Option<String> {
    (counts.unsettled > 0).then(|| {
        format!(
            "{UNSETTLED}: up to {}, and what depends on them, went beyond what is counted",
            rows(counts.unsettled)
        )
    })
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
        // SQLite's lock is on everything: nobody else has a row.
        locked: (planned.target.table.engine == Engine::Postgres).then(|| count(counts.locked)),
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
