//! Makes the run of a slot, and removes runs that history no longer needs.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use kube::{Resource, ResourceExt};
use serde_json::json;

use super::decide::{Decision, Slot, Then};
use super::history;
use crate::api::{PolicyRef, PurgeRun, PurgeRunSpec, RetentionPolicy, WhenDeleted};
use crate::controller::context::Context;
use crate::controller::error::Error;
use crate::controller::events::Note;
use crate::controller::facts;
use crate::controller::names::{self, MANAGER};

/// What came of a slot, if one had come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Acted {
    pub dealt_with: Option<DealtWith>,
    /// Its run could not be made: the API server's words. It is tried again.
    pub refused: Option<String>,
}

/// A slot that needs no second look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DealtWith {
    pub slot: Timestamp,
    /// How many slots have come since the one before it, this one among them.
    pub passed: i64,
    /// A run was made for it, by us, now or before we died.
    pub ran: bool,
}

/// Does what was decided about a slot, if one has come.
pub async fn act(
    policy: &RetentionPolicy,
    decision: &Decision,
    runs: &[PurgeRun],
    context: &Context,
) -> Result<Acted, Error> {
    own(policy, runs, context).await?;
    let Some(Slot { at, passed, then }) = &decision.slot else {
        return Ok(Acted::default());
    };
    let note = match then {
        Then::Run { replaced } => {
            make_way(policy, *at, replaced, runs, context).await?;
            match create(policy, *at, context).await {
                Ok(note) => note,
                Err(error) => {
                    let words = error.refusal().map(str::to_owned).ok_or(error)?;
                    return Ok(Acted { dealt_with: None, refused: Some(words) });
                }
            }
        }
        Then::TooLate => Note::warning(
            "SlotMissed",
            format!("the slot {at} is past startingDeadlineSeconds: it is skipped"),
        ),
        Then::Forbidden { active } => Note::warning(
            "SlotSkipped",
            format!(
                "the slot {at} is skipped, because PurgeRun {active} has not ended and \
                 concurrencyPolicy is Forbid"
            ),
        ),
    };
    let ran = note.reason == CREATED;
    context.events.tell(policy, &note).await;
    let dealt_with = Some(DealtWith { slot: *at, passed: *passed, ran });
    Ok(Acted { dealt_with, refused: None })
}

const CREATED: &str = "PurgeRunCreated";

/// Creating is the lock: of two who try, one is told that the run is there. If we die here, the
/// slot is due again, and the run is found and adopted.
async fn create(
    policy: &RetentionPolicy,
    slot: Timestamp,
    context: &Context,
) -> Result<Note, Error> {
    let wanted = scheduled(policy, slot);
    let name = wanted.name_any();
    let created = Note::normal(CREATED, format!("PurgeRun {name} for the slot {slot}"));
    let namespace = policy.namespace().ok_or(Error::Incomplete("metadata.namespace"))?;
    let api = context.api::<PurgeRun>(&namespace);
    match api.create(&PostParams::default(), &wanted).await.map_err(Error::from) {
        Ok(_) => Ok(created),
        Err(error) if error.is_already_there() => {
            let found = context.find::<PurgeRun>(&namespace, &name).await?;
            // Whoever may make runs can make one of this name that does less. Labels and owners
            // prove nothing: only a run that asks for what we would have asked for is ours.
            if let Some(found) = found.filter(|found| asks_the_same(&found.spec, &wanted.spec)) {
                adopt(&found, &wanted, context).await?;
                return Ok(created);
            }
            Ok(Note::warning(
                "PurgeRunCollision",
                format!(
                    "the slot {slot} is skipped: a PurgeRun {name} is there that this policy's \
                     schedule did not make: delete it"
                ),
            ))
        }
        Err(error) => Err(error),
    }
}

/// Made by another hand it lacks what makes it a run of the schedule: without that its failure would
/// not be the policy's, and nobody would ever remove it.
async fn adopt(found: &PurgeRun, wanted: &PurgeRun, context: &Context) -> Result<(), Error> {
    if facts::slot(found) == facts::slot(wanted) {
        return Ok(());
    }
    let ours = json!({ "labels": wanted.labels(), "annotations": wanted.annotations() });
    patch(found, &ours, context).await
}

fn asks_the_same(found: &PurgeRunSpec, wanted: &PurgeRunSpec) -> bool {
    // Destructured whole, so that a new field is compared too.
    let PurgeRunSpec { policy_ref, tenants, targets, dry_run, suspend } = found;
    *policy_ref == wanted.policy_ref
        && *tenants == wanted.tenants
        && *targets == wanted.targets
        && dry_run.unwrap_or(false) == wanted.dry_run.unwrap_or(false)
        && suspend.unwrap_or(false) == wanted.suspend.unwrap_or(false)
}

fn scheduled(policy: &RetentionPolicy, slot: Timestamp) -> PurgeRun {
    let name = policy.name_any();
    let spec =
        PurgeRunSpec { policy_ref: PolicyRef { name: name.clone() }, ..PurgeRunSpec::default() };
    let mut run = PurgeRun::new(&names::run_of(&name, slot), spec);
    run.metadata.labels = Some(names::labels(&name));
    run.annotations_mut().insert(names::SLOT.to_owned(), slot.to_string());
    run.metadata.owner_references = owners(policy);
    run
}

/// Runs outlive their policy, as evidence, unless it says otherwise.
fn owners(policy: &RetentionPolicy) -> Option<Vec<OwnerReference>> {
    if policy.spec.when_deleted != Some(WhenDeleted::DeleteRuns) {
        return None;
    }
    policy.owner_ref(&()).map(|owner| vec![owner])
}

/// `whenDeleted` may have changed since a run was made, and runs by hand never had an owner.
async fn own(policy: &RetentionPolicy, runs: &[PurgeRun], context: &Context) -> Result<(), Error> {
    let uid = policy.uid();
    let wanted = owners(policy);
    for run in runs.iter().filter(|run| !history::is_of_another(policy, run)) {
        let owned = run.owner_references().iter().any(|owner| Some(&owner.uid) == uid.as_ref());
        if owned == wanted.is_some() {
            continue;
        }
        let mut owners = run.owner_references().to_vec();
        owners.retain(|owner| Some(&owner.uid) != uid.as_ref());
        owners.extend(wanted.iter().flatten().cloned());
        patch(run, &json!({ "ownerReferences": owners }), context).await?;
    }
    Ok(())
}

/// The run that is at work is told before the new one is made: should we die in between, the slot
/// is due again, and the new one waits until the old one's Job is gone.
async fn make_way(
    policy: &RetentionPolicy,
    slot: Timestamp,
    replaced: &[String],
    runs: &[PurgeRun],
    context: &Context,
) -> Result<(), Error> {
    let by = names::run_of(&policy.name_any(), slot);
    for run in runs.iter().filter(|run| replaced.contains(&run.name_any())) {
        if facts::replaced_by(run).is_none() {
            let annotation = json!({ "annotations": { names::REPLACED_BY: by } });
            patch(run, &annotation, context).await?;
        }
    }
    Ok(())
}

/// Changes the metadata of a run that is still as we saw it.
async fn patch(
    run: &PurgeRun,
    metadata: &serde_json::Value,
    context: &Context,
) -> Result<(), Error> {
    let namespace = run.namespace().ok_or(Error::Incomplete("metadata.namespace"))?;
    let mut metadata = metadata.clone();
    metadata["resourceVersion"] = json!(run.resource_version());
    let patch = Patch::Merge(json!({ "metadata": metadata }));
    let params = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
    let api = context.api::<kube::core::DeserializeGuard<PurgeRun>>(&namespace);
    api.patch(&run.name_any(), &params, &patch).await?;
    Ok(())
}

/// Removes the oldest scheduled runs beyond the limits. Comes after the status, which has counted
/// them.
pub async fn prune(
    policy: &RetentionPolicy,
    runs: &[PurgeRun],
    context: &Context,
) -> Result<(), Error> {
    let namespace = policy.namespace().ok_or(Error::Incomplete("metadata.namespace"))?;
    let api = context.api::<PurgeRun>(&namespace);
    for run in history::superfluous(policy, runs) {
        let preconditions =
            Preconditions { uid: run.uid(), resource_version: run.resource_version() };
        let params =
            DeleteParams { preconditions: Some(preconditions), ..DeleteParams::background() };
        match api.delete(&run.name_any(), &params).await.map_err(Error::from) {
            Err(error) if error.is_conflict() || error.refusal().is_some() => {
                tracing::warn!("PurgeRun {} is not removed: {error}", run.name_any());
            }
            other => drop(other?),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::fixtures::{at, policy, with};

    #[test]
    fn a_scheduled_run_names_its_policy_its_slot_and_nothing_else() {
        let slot = at("2026-11-21T02:00:00Z");
        let run = scheduled(&policy(), slot);
        assert_eq!(run.name_any(), "chats-29920440");
        assert_eq!(facts::slot(&run), Some(slot));
        assert_eq!(run.labels()[names::POLICY], "chats");
        assert_eq!(
            run.spec,
            PurgeRunSpec {
                policy_ref: PolicyRef { name: "chats".to_owned() },
                ..PurgeRunSpec::default()
            }
        );
        assert!(run.owner_references().is_empty(), "evidence outlives its policy");
    }

    #[test]
    fn runs_go_with_a_policy_that_says_so() {
        let policy = with(&policy(), "spec: {whenDeleted: DeleteRuns}");
        let owners = scheduled(&policy, at("2026-11-21T02:00:00Z")).owner_references().to_vec();
        assert_eq!(owners.len(), 1);
        assert_eq!((owners[0].uid.as_str(), owners[0].block_owner_deletion), ("policy-1", None));
        let kept = with(&policy, "spec: {whenDeleted: RetainRuns}");
        assert_eq!(super::owners(&kept), None);
    }

    #[test]
    fn only_a_run_that_asks_for_the_same_is_adopted() {
        let wanted = scheduled(&policy(), at("2026-11-21T02:00:00Z"));
        assert!(asks_the_same(&wanted.spec, &wanted.spec));
        let said = with(&wanted, "spec: {dryRun: false, suspend: false}");
        assert!(asks_the_same(&said.spec, &wanted.spec));
        for less in [
            "policyRef: {name: other}",
            "tenants: [acme]",
            "targets: [chats]",
            "dryRun: true",
            "suspend: true",
        ] {
            let found = with(&wanted, &format!("spec: {{{less}}}"));
            assert!(!asks_the_same(&found.spec, &wanted.spec), "{less}");
        }
    }
}
