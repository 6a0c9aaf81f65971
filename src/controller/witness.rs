//! Sees runs that are deleted while they are at work: their record is gone, and the policy is told.

use std::future::Future;

use futures_util::StreamExt;
use k8s_openapi::api::core::v1::ObjectReference;
use kube::core::DeserializeGuard;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Resource, ResourceExt};

use super::context::Context;
use super::events::Note;
use super::facts;
use crate::api::{PurgeRun, RetentionPolicy};

/// Watches the runs of a scope until `shutdown`.
pub async fn watch(context: &Context, scope: Option<&str>, shutdown: impl Future<Output = ()>) {
    let runs = context.api_in::<DeserializeGuard<PurgeRun>>(scope);
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

/// `None`: the run had ended, or had not begun, so that there is nothing to tell.
fn obituary(run: &PurgeRun) -> Option<(ObjectReference, Note)> {
    let status = run.status.as_ref()?;
    // One that is suspended has no Job, and may have done something before.
    if facts::ended(run).is_some() || status.job.is_none() && status.totals.is_none() {
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
    let reported = match &status.totals {
        None => "it had not reported yet".to_owned(),
        Some(totals) => format!(
            "when it last reported, {} rows {} deleted and {} updated",
            totals.deleted,
            if status.dry_run == Some(true) { "would have been" } else { "were" },
            totals.updated
        ),
    };
    let at_work = status.job.is_some();
    let message = format!(
        "PurgeRun {} was deleted {}, and its record with it; {reported}{}",
        run.name_any(),
        if at_work { "while it was at work" } else { "before it ended" },
        if at_work {
            ". Its pod ends its batch and writes the whole report to its log"
        } else {
            ""
        }
    );
    Some((policy, Note::warning("PurgeRunDeleted", message)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::fixtures::{at_work, by_hand, ended, with};

    const TOTALS: &str =
        "totals: {deleted: 5, updated: 2, dependents: 0, files: 0, held: 0, overdue: 0}";

    #[test]
    fn a_run_deleted_at_work_is_told_to_its_policy() {
        let run = at_work(&by_hand("look"));
        let (policy, note) = obituary(&run).unwrap();
        assert_eq!(
            (policy.name.as_deref(), policy.uid.as_deref()),
            (Some("chats"), Some("policy-1"))
        );
        assert_eq!(
            (policy.kind.as_deref(), policy.namespace.as_deref()),
            (Some("RetentionPolicy"), Some("team"))
        );
        assert!(note.warning && note.message.contains("had not reported yet"), "{}", note.message);
        let (_, note) = obituary(&with(&run, &format!("status: {{{TOTALS}}}"))).unwrap();
        assert!(note.message.contains("5 rows were deleted and 2 updated"), "{}", note.message);
        assert!(note.message.contains("to its log"));
        let (_, note) =
            obituary(&with(&run, &format!("status: {{dryRun: true, {TOTALS}}}"))).unwrap();
        assert!(note.message.contains("5 rows would have been deleted"), "{}", note.message);
    }

    #[test]
    fn a_run_that_was_stopped_half_way_has_something_to_tell_and_no_pod() {
        let paused = with(&at_work(&by_hand("look")), &format!("status: {{job: null, {TOTALS}}}"));
        let (_, note) = obituary(&paused).unwrap();
        assert!(
            !note.message.contains("at work") && !note.message.contains("log"),
            "{}",
            note.message
        );
    }

    #[test]
    fn of_a_run_that_ended_or_never_began_nothing_is_lost() {
        assert_eq!(obituary(&by_hand("look")), None);
        assert_eq!(obituary(&with(&at_work(&by_hand("look")), "status: {job: null}")), None);
        for type_ in ["Complete", "Failed"] {
            let run = ended(&by_hand("look"), type_, "2026-11-21T02:01:00Z", 1, 0);
            assert_eq!(obituary(&run), None);
        }
    }
}
