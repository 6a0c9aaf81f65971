//! Sees runs that are deleted while they are at work: their record is gone, and the policy is told.

use std::future::Future;

use futures_util::StreamExt;
use k8s_openapi::api::core::v1::ObjectReference;
use kube::core::DeserializeGuard;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Resource, ResourceExt};

use super::context::Context;
use super::events::Note;
use super::{facts, scoped};
use crate::api::{PurgeRun, RetentionPolicy};

/// Watches the runs of a scope until `shutdown`.
pub async fn watch(context: &Context, scope: Option<&str>, shutdown: impl Future<Output = ()>) {
    let runs = scoped::<DeserializeGuard<PurgeRun>>(context, scope);
    let events = watcher(runs, watcher::Config::default()).default_backoff();
    let witnessed = events.for_each(|event| async {
        if let Ok(watcher::Event::Delete(DeserializeGuard(Ok(run)))) = event
            && let Some((policy, note)) = obituary(&run)
        {
            context.events.tell_of(&policy, &note).await;
        }
    });
    tokio::select! {
        () = witnessed => {}
        () = shutdown => {}
    }
}

/// `None`: the run had ended, or had not begun.
fn obituary(run: &PurgeRun) -> Option<(ObjectReference, Note)> {
    let status = run.status.as_ref()?;
    if facts::ended(run).is_some() || status.job.is_none() {
        return None;
    }
    let policy = ObjectReference {
        api_version: Some(RetentionPolicy::api_version(&()).into_owned()),
        kind: Some(RetentionPolicy::kind(&()).into_owned()),
        name: Some(run.spec.policy_ref.name.clone()),
        namespace: run.namespace(),
        uid: status.policy.as_ref().and_then(|policy| policy.uid.clone()),
        ..ObjectReference::default()
    };
    let totals = status.totals.clone().unwrap_or_default();
    let message = format!(
        "PurgeRun {} was deleted while it was at work, and its record with it; when it last \
         reported, {} rows were deleted and {} updated. Its pod ends its batch and writes the whole \
         report to its log",
        run.name_any(),
        totals.deleted,
        totals.updated
    );
    Some((policy, Note::warning("PurgeRunDeleted", message)))
}
