//! DatabaseConnection: its static check, and what the newest run found out. Nothing is probed.

use std::future::Future;
use std::sync::Arc;

use jiff::Timestamp;
use kube::ResourceExt;
use kube::api::ListParams;
use kube::core::DeserializeGuard;
use kube::runtime::controller::Action;
use kube::runtime::reflector::ObjectRef;
use kube::runtime::{Controller, watcher};

use super::conditions::{self, Wanted, merged};
use super::context::Context;
use super::error::Error;
use super::{again, config, declared, drain, facts, invalid, status};
use crate::api::{ConnectionRun, DatabaseConnection, DatabaseConnectionStatus, PurgeRun};
use crate::model::Reason;

type Guarded<K> = DeserializeGuard<K>;

/// Reconciles the connections of a scope until `shutdown`.
pub async fn watch(
    context: &Arc<Context>,
    scope: Option<&str>,
    shutdown: impl Future<Output = ()> + Send + Sync + 'static,
) {
    let all = watcher::Config::default;
    let results = Controller::new(context.api_in::<Guarded<DatabaseConnection>>(scope), all())
        .with_config(config())
        .watches(context.api_in::<Guarded<PurgeRun>>(scope), all(), |run| {
            // What a run tells on its way says nothing of its connection yet.
            let run = run.0.ok().filter(|run| facts::ended(run).is_some())?;
            let name = run.status.as_ref()?.connection.clone()?;
            Some(ObjectRef::new(&name).within(&run.namespace()?))
        })
        .graceful_shutdown_on(shutdown)
        .run(reconcile, |connection, error, _| again(&*connection, error), Arc::clone(context));
    drain("DatabaseConnection", results).await;
}

async fn reconcile(
    connection: Arc<Guarded<DatabaseConnection>>,
    context: Arc<Context>,
) -> Result<Action, Error> {
    let connection = match &connection.0 {
        Ok(connection) => connection,
        Err(unreadable) => {
            invalid::tell::<DatabaseConnection>(unreadable, &context).await?;
            return Ok(Action::await_change());
        }
    };
    let namespace = connection.namespace().ok_or(Error::Incomplete("metadata.namespace"))?;
    let runs = context.api::<Guarded<PurgeRun>>(&namespace).list(&ListParams::default()).await?;
    let runs: Vec<PurgeRun> = runs.into_iter().filter_map(|run| run.0.ok()).collect();
    let old = connection.status.clone().unwrap_or_default();
    let new = of(connection, &runs, Timestamp::now());
    status::apply(connection, &old, &new, &context).await?;
    Ok(Action::await_change())
}

fn of(
    connection: &DatabaseConnection,
    runs: &[PurgeRun],
    now: Timestamp,
) -> DatabaseConnectionStatus {
    let old = connection.status.clone().unwrap_or_default();
    let name = connection.name_any();
    let used = |run: &&PurgeRun| {
        run.status.as_ref().is_some_and(|status| status.connection.as_deref() == Some(&name))
            && has_tried(run)
            && facts::ended(run).is_some()
    };
    let newest =
        runs.iter().filter(used).max_by_key(|run| (facts::completion(run), run.name_any()));
    // What is known stays when the run that found it out is removed.
    let known = old.last_run.clone().filter(|known| {
        newest.is_none_or(|run| facts::completion(run) < known.time.as_ref().map(|time| time.0))
    });
    let generation = connection.metadata.generation;
    let wanted = match declared::connection(connection) {
        Err(refused) => {
            let (reason, message) = declared::told(&refused);
            vec![
                Wanted::new("Ready", false, &reason, &message),
                Wanted::new("Stalled", true, reason, message),
            ]
        }
        Ok(()) => vec![match (&known, newest) {
            (Some(known), _) => told_before(&old).unwrap_or_else(|| used_by(&known.name)),
            (None, Some(run)) => unusable(run).unwrap_or_else(|| used_by(&run.name_any())),
            (None, None) => {
                Wanted::new("Ready", true, "Valid", "well-formed; no run has used it yet")
            }
        }],
    };
    DatabaseConnectionStatus {
        observed_generation: generation,
        conditions: merged(&old.conditions, &wanted, generation, now),
        last_run: known.or_else(|| newest.map(last_run)),
    }
}

/// Runs that ended before their turn came, or whose pod never started, know nothing of it.
fn has_tried(run: &PurgeRun) -> bool {
    run.status.as_ref().is_some_and(|status| {
        status.clock.is_some() || status.exit_code.is_some() || status.unreachable.is_some()
    })
}

fn used_by(run: &str) -> Wanted {
    Wanted::new("Ready", true, "Used", format!("PurgeRun {run} has used it"))
}

const OF_THE_CONNECTION: [Reason; 3] = [Reason::Unreachable, Reason::BadDatabase, Reason::ReadOnly];

/// That the last run could not use it, if that is what was told.
fn told_before(old: &DatabaseConnectionStatus) -> Option<Wanted> {
    let ready = conditions::find(&old.conditions, "Ready")?;
    OF_THE_CONNECTION
        .map(Reason::word)
        .contains(&ready.reason.as_str())
        .then(|| Wanted::new("Ready", false, ready.reason.clone(), ready.message.clone()))
}

/// The newest run could not use the connection.
fn unusable(run: &PurgeRun) -> Option<Wanted> {
    let failed = conditions::find(&run.status.as_ref()?.conditions, "Failed")?;
    OF_THE_CONNECTION.map(Reason::word).contains(&failed.reason.as_str()).then(|| {
        let message = format!("PurgeRun {}: {}", run.name_any(), failed.message);
        Wanted::new("Ready", false, failed.reason.clone(), message)
    })
}

fn last_run(run: &PurgeRun) -> ConnectionRun {
    let status = run.status.as_ref();
    let server = status.and_then(|status| status.server.as_ref());
    ConnectionRun {
        name: run.name_any(),
        time: status.and_then(|status| status.completion_time.clone()),
        outcome: status.and_then(facts::outcome),
        server_version: server.map(|server| server.version.clone()),
        tls_verified: server.map(|server| server.tls_verified),
    }
}

#[cfg(test)]
mod tests;
