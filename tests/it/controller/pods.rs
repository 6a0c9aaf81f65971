//! What keeps a pod from its work.

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use retention_operator::api::{DatabaseConnection, PurgeRun, RetentionPolicy};
use serde_json::json;

use super::bed::{self, Bed};
use super::objects::{FAR_AWAY, condition, conditions_of_run, done, run, stopped, types};
use super::operator::{blind, mortal};

const NO_CLAIM: &str = "0/1 nodes are available: persistentvolumeclaim \"data\" not found.";

async fn is_unschedulable(bed: &Bed, pod: &str) {
    let refused = json!({"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": NO_CLAIM});
    bed.pod_status(pod, json!({"conditions": [refused]})).await;
}

pub async fn what_keeps_a_pod_from_starting_is_told_with_a_remedy(bed: Bed) {
    let _operator = bed.operator().await;
    bed.declared(FAR_AWAY).await;
    bed.make::<PurgeRun>(run("by-hand", "chats")).await;
    let pod = bed.pod_of("by-hand").await;
    is_unschedulable(&bed, &pod).await;
    let (told, message) = bed.run_says("by-hand", "Reconciling", "Unschedulable").await;
    assert_eq!(types(conditions_of_run(&told)), ["Reconciling"]);
    assert!(message.contains(NO_CLAIM), "{message}");
    assert!(
        message.contains("create the claim, or correct spec.volume of the DatabaseConnection"),
        "{message}"
    );
    let is_scheduled = json!({"type": "PodScheduled", "status": "True"});
    bed.pod_status(&pod, json!({"conditions": [is_scheduled]})).await;
    for (reason, said, remedy) in [
        ("ErrImageNeverPull", "Container image \"runner:test\" is not present", "--runner-image"),
        ("CreateContainerConfigError", "secret \"db\" not found", "create the Secret and key"),
    ] {
        bed.waits(&pod, reason, said).await;
        let (_, message) = bed.run_says("by-hand", "Reconciling", reason).await;
        assert!(message.contains(said) && message.contains(remedy), "{message}");
    }
    bed.told("by-hand", "PodTrouble").await;
    // The kubelet tries again by itself.
    bed.works("by-hand", done(1), 0).await;
    bed.run_says("by-hand", "Complete", "Done").await;
}

pub async fn a_job_that_never_began_is_made_anew_when_its_claim_is_corrected(bed: Bed) {
    let _operator = bed.operator().await;
    bed.declared(FAR_AWAY).await;
    bed.make::<PurgeRun>(run("by-hand", "chats")).await;
    let first = bed.job_of("by-hand").await;
    let pod = bed.pod_of("by-hand").await;
    is_unschedulable(&bed, &pod).await;
    bed.run_says("by-hand", "Reconciling", "Unschedulable").await;
    let claim = json!({"spec": {"volume": {"persistentVolumeClaim": {"claimName": "files"}}}});
    bed.change::<DatabaseConnection>("db", claim).await;
    bed.told("by-hand", "JobReplaced").await;
    let second = bed.until("another Job", "by-hand", |job: &Job| job.uid() != first.uid()).await;
    let volumes = json!(second.spec.unwrap().template.spec.unwrap().volumes);
    let claims = volumes.as_array().unwrap().iter();
    let claims: Vec<_> =
        claims.filter_map(|volume| volume["persistentVolumeClaim"]["claimName"].as_str()).collect();
    assert_eq!(claims, ["files"]);
    bed.until_gone::<Pod>(&pod).await;
    bed.works("by-hand", done(1), 0).await;
    bed.run_says("by-hand", "Complete", "Done").await;
}

/// The record that it is to be replaced is written, and nobody is there to replace it.
pub async fn a_pod_that_begins_when_its_job_was_to_be_replaced_ends_its_batch_first(bed: Bed) {
    bed.declared(FAR_AWAY).await;
    let operator = bed.operator().await;
    bed.make::<PurgeRun>(run("by-hand", "chats")).await;
    let job = bed.job_of("by-hand").await;
    let pod = bed.pod_of("by-hand").await;
    is_unschedulable(&bed, &pod).await;
    bed.run_says("by-hand", "Reconciling", "Unschedulable").await;
    drop(operator);
    let claim = json!({"spec": {"volume": {"persistentVolumeClaim": {"claimName": "files"}}}});
    bed.change::<DatabaseConnection>("db", claim).await;
    // What it writes besides is the status of the connection: one write after another, each by an operator of its own.
    loop {
        let (client, life) = mortal(bed::client(bed.cluster).await, |_, _| true, true);
        let _operator = bed.operator_by(client);
        life.over.notified().await;
        let told: PurgeRun = bed.get("by-hand").await.unwrap();
        if condition(conditions_of_run(&told), "Reconciling").unwrap().reason == "JobOutdated" {
            break;
        }
    }
    let is_scheduled = json!({"type": "PodScheduled", "status": "True"});
    bed.pod_status(&pod, json!({"conditions": [is_scheduled]})).await;
    bed.begins(&pod).await;
    let _operator = bed.operator().await;
    bed.stops(&pod, "by-hand", stopped(1), 3).await;
    bed.until("another Job", "by-hand", |other: &Job| other.uid() != job.uid()).await;
    bed.works("by-hand", done(9), 0).await;
    bed.run_says("by-hand", "Complete", "Done").await;
}

/// It knows its runs as they were before it wrote anything of them.
pub async fn an_operator_whose_watch_lags_ends_no_job_because_its_policy_was_edited(bed: Bed) {
    bed.declared(FAR_AWAY).await;
    bed.make::<PurgeRun>(run("by-hand", "chats")).await;
    let (client, mut looks) = blind(bed::client(bed.cluster).await);
    let operator = bed.operator_by(client);
    let job = bed.job_of("by-hand").await;
    let is_recorded =
        |run: &PurgeRun| run.status.as_ref().is_some_and(|status| status.job.is_some());
    bed.until("recorded", "by-hand", is_recorded).await;
    let pod = bed.pod_of("by-hand").await;
    bed.begins(&pod).await;
    // An edit is looked at after what came of the look before is done.
    for day in 2..=4 {
        let before = *looks.borrow();
        let edited = json!({"spec": {"schedule": format!("0 0 {day} 1 *")}});
        bed.change::<RetentionPolicy>("chats", edited).await;
        looks.wait_for(|looks| *looks > before).await.unwrap();
    }
    let now: Job = bed.get("by-hand").await.unwrap();
    assert_eq!((now.uid(), now.metadata.deletion_timestamp), (job.uid(), None));
    drop(operator);
    let _operator = bed.operator().await;
    bed.works("by-hand", done(7), 0).await;
    bed.run_says("by-hand", "Complete", "Done").await;
}
