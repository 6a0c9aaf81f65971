//! What becomes of runs when something is deleted.

use k8s_openapi::api::batch::v1::Job;
use kube::ResourceExt;
use retention_operator::api::{PurgeRun, RetentionPolicy};
use serde_json::json;

use super::bed::Bed;
use super::objects::{FAR_AWAY, policy, run, stopped};

pub async fn runs_stay_or_go_with_their_policy_as_it_last_said(bed: Bed) {
    let _operator = bed.operator().await;
    let chats = bed.declared(FAR_AWAY).await;
    let other: RetentionPolicy = bed.make(policy("other", "db", FAR_AWAY)).await;
    bed.past("goes", &chats, None, "Complete", 1).await;
    bed.past("goes-too", &chats, Some(jiff::Timestamp::UNIX_EPOCH), "Failed", 1).await;
    bed.past("stays", &other, None, "Complete", 1).await;
    let is_owned = |run: &PurgeRun| !run.owner_references().is_empty();
    let is_free = |run: &PurgeRun| run.owner_references().is_empty();
    for (policy, run) in [("chats", "goes"), ("chats", "goes-too"), ("other", "stays")] {
        bed.change::<RetentionPolicy>(policy, json!({"spec": {"whenDeleted": "DeleteRuns"}})).await;
        bed.until("owned by its policy", run, is_owned).await;
    }
    bed.change::<RetentionPolicy>("other", json!({"spec": {"whenDeleted": "RetainRuns"}})).await;
    bed.until("owned by nobody", "stays", is_free).await;
    bed.delete::<RetentionPolicy>("other").await;
    bed.delete::<RetentionPolicy>("chats").await;
    bed.until_gone::<PurgeRun>("goes").await;
    bed.until_gone::<PurgeRun>("goes-too").await;
    assert_eq!(bed.names::<PurgeRun>().await, ["stays"]);
}

pub async fn a_policy_that_is_deleted_ends_its_run_and_the_record_stays(bed: Bed) {
    let _operator = bed.operator().await;
    bed.declared(FAR_AWAY).await;
    bed.make::<PurgeRun>(run("by-hand", "chats")).await;
    let pod = bed.pod_of("by-hand").await;
    bed.begins(&pod).await;
    bed.run_says("by-hand", "Reconciling", "Running").await;
    bed.delete::<RetentionPolicy>("chats").await;
    bed.run_says("by-hand", "Reconciling", "PolicyDeleted").await;
    // One of the same name is another policy.
    bed.make::<RetentionPolicy>(policy("chats", "db", FAR_AWAY)).await;
    bed.stops(&pod, "by-hand", stopped(2), 1).await;
    let (run, _) = bed.run_says("by-hand", "Failed", "PolicyDeleted").await;
    assert_eq!(run.status.unwrap().totals.unwrap().deleted, 2);
    bed.until_gone::<Job>("by-hand").await;
}

pub async fn a_run_that_is_deleted_at_work_is_told_to_its_policy(bed: Bed) {
    let _operator = bed.operator().await;
    bed.declared(FAR_AWAY).await;
    bed.make::<PurgeRun>(run("by-hand", "chats")).await;
    let pod = bed.pod_of("by-hand").await;
    bed.begins(&pod).await;
    bed.reports("by-hand", stopped(6)).await;
    bed.run_says("by-hand", "Reconciling", "Running").await;
    bed.delete::<PurgeRun>("by-hand").await;
    let note = bed.told("chats", "PurgeRunDeleted").await;
    assert!(note.contains("by-hand") && note.contains("6 rows"), "{note}");
    let is_over = |policy: &RetentionPolicy| {
        policy.status.as_ref().is_some_and(|status| status.active.is_empty())
    };
    bed.until("nothing active", "chats", is_over).await;
    bed.told_to_go(&pod).await;
    bed.leaves(&pod).await;
    bed.until_gone::<Job>("by-hand").await;
}
