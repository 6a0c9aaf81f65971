//! RetentionPolicy: a PurgeRun for each slot, and what is known of the policy.

mod act;
mod decide;
mod history;
mod slots;
mod status;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kube::api::ListParams;
use kube::core::DeserializeGuard;
use kube::runtime::controller::Action;
use kube::runtime::reflector::ObjectRef;
use kube::runtime::{Controller, watcher};
use kube::{Resource, ResourceExt};

use super::context::Context;
use super::error::Error;
use super::{again, config, declared, drain, invalid, status as writer};
use crate::api::{DatabaseConnection, PurgeRun, RetentionPolicy};

type Guarded<K> = DeserializeGuard<K>;

/// Reconciles the policies of a scope until `shutdown`.
pub async fn watch(
    context: &Arc<Context>,
    scope: Option<&str>,
    shutdown: impl Future<Output = ()> + Send + Sync + 'static,
) {
    let all = watcher::Config::default;
    let policies = Controller::new(context.api_in::<Guarded<RetentionPolicy>>(scope), all());
    let store = policies.store();
    let results = policies
        .with_config(config())
        .watches(context.api_in::<Guarded<PurgeRun>>(scope), all(), |run| {
            let run = run.0.ok()?;
            Some(ObjectRef::new(&run.spec.policy_ref.name).within(&run.namespace()?))
        })
        .watches(context.api_in::<Guarded<DatabaseConnection>>(scope), all(), move |connection| {
            let meta = connection.meta().clone();
            let on_it = store.state().into_iter().filter(move |policy| {
                policy.0.as_ref().is_ok_and(|policy| {
                    Some(&policy.spec.connection_ref.name) == meta.name.as_ref()
                        && policy.meta().namespace == meta.namespace
                })
            });
            on_it.map(|policy| ObjectRef::from_obj(&*policy)).collect::<Vec<_>>()
        })
        .graceful_shutdown_on(shutdown)
        .run(reconcile, |policy, error, _| again(&*policy, error), Arc::clone(context));
    drain("RetentionPolicy", results).await;
}

/// observe -> decide -> act -> status.
async fn reconcile(
    policy: Arc<Guarded<RetentionPolicy>>,
    context: Arc<Context>,
) -> Result<Action, Error> {
    let policy = match &policy.0 {
        Ok(policy) => policy,
        Err(unreadable) => {
            invalid::tell::<RetentionPolicy>(unreadable, &context).await?;
            return Ok(Action::await_change());
        }
    };
    if policy.meta().deletion_timestamp.is_some() {
        return Ok(Action::await_change());
    }
    // observe
    let namespace = policy.namespace().ok_or(Error::Incomplete("metadata.namespace"))?;
    let connection =
        context.find::<DatabaseConnection>(&namespace, &policy.spec.connection_ref.name).await?;
    let runs = runs(policy, &namespace, &context).await?;
    let now = Timestamp::now();
    // decide
    let declared = declared::policy(policy, connection.as_ref(), None);
    let found = connection.is_some();
    let decision = decide::decide(policy, &declared, &runs, now);
    // act
    let acted = act::act(policy, &decision, &runs, &context).await?;
    // status: what was done is part of it, so it comes last; if we die before it is written, the
    // same is decided again and finds what is there.
    let old = policy.status.clone().unwrap_or_default();
    let new = status::of(policy, found, &declared, &runs, &acted, now);
    writer::apply(policy, &old, &new, &context).await?;
    act::prune(policy, &runs, &context).await?;
    if acted.refused.is_some() {
        return Ok(Action::requeue(Duration::from_secs(30)));
    }
    Ok(match decision.next {
        // A little later than the slot, so that a clock that is a little ahead does not wake us
        // before it.
        Some(next) => {
            let wait = Duration::try_from(next.duration_since(now)).unwrap_or_default();
            Action::requeue(wait + Duration::from_millis(100))
        }
        None => Action::await_change(),
    })
}

/// The runs of this policy, by schedule and by hand, oldest first.
async fn runs(
    policy: &RetentionPolicy,
    namespace: &str,
    context: &Context,
) -> Result<Vec<PurgeRun>, Error> {
    let name = policy.name_any();
    let of_policy = ListParams::default().fields(&format!("spec.policyRef.name={name}"));
    let listed = context.api::<Guarded<PurgeRun>>(namespace).list(&of_policy).await?;
    let mut runs: Vec<PurgeRun> = listed.into_iter().filter_map(|run| run.0.ok()).collect();
    runs.retain(|run| run.spec.policy_ref.name == name);
    runs.sort_by_key(|run| (run.creation_timestamp().map(|time| time.0), run.meta().name.clone()));
    Ok(runs)
}
