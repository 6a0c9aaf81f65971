//! PurgeRun: a Job that does it, and how it went.

mod access;
mod act;
mod adopt;
mod decide;
mod job;
mod observe;
mod orders;
mod pod;
mod queue;
mod stage;

use std::future::Future;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::core::DeserializeGuard;
use kube::runtime::controller::Action;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::{Controller, watcher};
use kube::{Resource, ResourceExt};

use super::context::Context;
use super::error::Error;
use super::status as writer;
use super::{again, conditions, config, drain, events, facts, invalid, names};
use crate::api::{DatabaseConnection, PurgeRun, RetentionPolicy};

type Guarded<K> = DeserializeGuard<K>;

/// Reconciles the runs of a scope until `shutdown`.
pub async fn watch(
    context: &Arc<Context>,
    scope: Option<&str>,
    shutdown: impl Future<Output = ()> + Send + Sync + 'static,
) {
    let all = watcher::Config::default;
    let ours = || watcher::Config::default().labels(&names::selector());
    let runs = Controller::new(context.api_in::<Guarded<PurgeRun>>(scope), all());
    let (by_policy, by_connection, known) = (runs.store(), runs.store(), runs.store());
    let results = runs
        .with_config(config())
        .watches(context.api_in::<Job>(scope), ours(), |job| run_of(&job))
        .watches(context.api_in::<Pod>(scope), ours(), |pod| run_of(&pod))
        .watches(context.api_in::<Guarded<RetentionPolicy>>(scope), all(), move |policy| {
            unended(&by_policy, policy.meta().namespace.as_deref())
        })
        .watches(context.api_in::<Guarded<DatabaseConnection>>(scope), all(), move |connection| {
            unended(&by_connection, connection.meta().namespace.as_deref())
        })
        .graceful_shutdown_on(shutdown)
        .run(
            move |run, context| reconcile(run, known.clone(), context),
            |run, error, _| again(&*run, error),
            Arc::clone(context),
        );
    drain("PurgeRun", results).await;
}

fn run_of(child: &impl ResourceExt) -> Option<ObjectRef<Guarded<PurgeRun>>> {
    let run = child.labels().get(names::RUN)?;
    Some(ObjectRef::new(run).within(&child.namespace()?))
}

/// All that may have waited for a change of a policy or a connection in their namespace.
fn unended(
    store: &Store<Guarded<PurgeRun>>,
    namespace: Option<&str>,
) -> Vec<ObjectRef<Guarded<PurgeRun>>> {
    let waiting = store.state().into_iter().filter(|run| {
        run.meta().namespace.as_deref() == namespace
            && run.0.as_ref().is_ok_and(|run| facts::ended(run).is_none())
    });
    waiting.map(|run| ObjectRef::from_obj(&*run)).collect()
}

/// Nothing more is done for it.
fn is_over(run: &PurgeRun) -> bool {
    run.meta().deletion_timestamp.is_some() || facts::ended(run).is_some()
}

/// observe -> decide -> act -> status.
async fn reconcile(
    run: Arc<Guarded<PurgeRun>>,
    known: Store<Guarded<PurgeRun>>,
    context: Arc<Context>,
) -> Result<Action, Error> {
    let run = match &run.0 {
        Ok(run) => run,
        Err(unreadable) => {
            invalid::tell::<PurgeRun>(unreadable, &context).await?;
            return Ok(Action::await_change());
        }
    };
    let conditions = run.status.as_ref().map(|status| &status.conditions[..]).unwrap_or_default();
    if conditions::find(conditions, "Ready").is_some() {
        invalid::untell(run, &context).await?;
    }
    if is_over(run) {
        return Ok(Action::await_change());
    }
    let namespace = run.namespace().ok_or(Error::Incomplete("metadata.namespace"))?;
    let mut observed = observe::observe(run, &context).await?;
    let now = Timestamp::now();
    let mut decision = decide::decide(run, &observed, &context.settings, now);
    let mut as_it_is = None;
    if decision.changes_jobs() {
        // What we know of the run may be older than what we wrote last: a Job that is recorded there
        // and not here is none to be ended because its policy was edited, or to be made once more.
        let found: Option<PurgeRun> = context.find(&namespace, &run.name_any()).await?;
        match found.filter(|found| found.uid() == run.uid() && !is_over(found)) {
            Some(found) => as_it_is = Some(found),
            None => return Ok(Action::await_change()),
        }
    }
    let run = as_it_is.as_ref().unwrap_or(run);
    if as_it_is.is_some() {
        decision = decide::decide(run, &observed, &context.settings, now);
    }
    let mut turn = None;
    if decision.depends_on_others() {
        // Nobody else looks until the Job says that the database is not free, or until the status
        // says when this run ended.
        turn = Some(context.turn(&namespace).lock_owned().await);
        observed.others = observe::others(run, &known, &context).await?;
        decision = decide::decide(run, &observed, &context.settings, now);
    }
    let act::Acted { stage, note } = act::act(run, &observed, decision, &context).await?;
    let old = stage::ours(run.status.as_ref());
    let new = stage.status(run, &observed, now);
    writer::apply(run, &old, &new, &context).await?;
    drop(turn);
    // Told after it is written: should we die in between, an event is lost and never told twice.
    if let Some(note) = note.or_else(|| stage.note(run)) {
        context.events.tell(run, &note).await;
        // Where people look first.
        if let (stage::Stage::Failed(_), Some(policy)) = (&stage, &observed.policy) {
            let message = format!("PurgeRun {}: {}", run.name_any(), note.message);
            context.events.tell(policy, &events::Note { message, ..note }).await;
        }
    }
    Ok(stage.look_again())
}
