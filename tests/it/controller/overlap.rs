//! Who may work while others do.

use k8s_openapi::api::batch::v1::Job;
use retention_operator::api::{DatabaseConnection, PurgeRun, RetentionPolicy};
use serde_json::json;

use super::bed::Bed;
use super::objects::{
    FAR_AWAY, Slot, conditions_of_run, connection, done, policy, run, stopped, types,
};

/// A run by hand whose pod is at work: the pod.
async fn at_work(bed: &Bed, name: &str) -> String {
    bed.make::<PurgeRun>(run(name, "chats")).await;
    let pod = bed.pod_of(name).await;
    bed.begins(&pod).await;
    bed.run_says(name, "Reconciling", "Running").await;
    pod
}

pub async fn a_slot_that_comes_while_a_run_is_at_work_is_skipped_and_told(bed: Bed) {
    let _operator = bed.operator().await;
    bed.declared(FAR_AWAY).await;
    let pod = at_work(&bed, "by-hand").await;
    let slot = Slot::near();
    bed.change::<RetentionPolicy>("chats", json!({"spec": {"schedule": slot.schedule()}})).await;
    let note = bed.told("chats", "SlotSkipped").await;
    assert!(note.contains("by-hand") && note.contains(&slot.0.to_string()), "{note}");
    let has_missed = |policy: &RetentionPolicy| {
        policy.status.as_ref().is_some_and(|status| status.missed == Some(1))
    };
    let status = bed.until("missed", "chats", has_missed).await.status.unwrap();
    assert_eq!(status.last_schedule_time.unwrap().0, slot.0);
    assert_eq!(status.active, ["by-hand"]);
    bed.reports("by-hand", done(1)).await;
    bed.ends(&pod, 0).await;
    let is_over = |policy: &RetentionPolicy| {
        policy.status.as_ref().is_some_and(|status| status.active.is_empty())
    };
    bed.until("nothing active", "chats", is_over).await;
    assert_eq!(bed.names::<PurgeRun>().await, ["by-hand"], "it is not made up for");
}

pub async fn a_run_that_is_replaced_ends_before_the_next_begins_and_keeps_its_record(bed: Bed) {
    let _operator = bed.operator().await;
    bed.declared(FAR_AWAY).await;
    let pod = at_work(&bed, "by-hand").await;
    let slot = Slot::near();
    let next = slot.run_of("chats");
    let change = json!({"spec": {"schedule": slot.schedule(), "concurrencyPolicy": "Replace"}});
    bed.change::<RetentionPolicy>("chats", change).await;
    bed.run_says("by-hand", "Reconciling", "Replaced").await;
    bed.run_says(&next, "Queued", "PolicyActive").await;
    bed.told_to_go(&pod).await;
    assert!(bed.get::<Job>(&next).await.is_none(), "the pod of the old one is still there");
    bed.stops(&pod, "by-hand", stopped(2), 1).await;

    bed.job_of(&next).await;
    assert!(bed.get::<Job>("by-hand").await.is_none());
    let (replaced, message) = bed.run_says("by-hand", "Failed", "Replaced").await;
    assert_eq!(types(conditions_of_run(&replaced)), ["Failed", "Stalled"]);
    assert!(message.contains(&next), "{message}");
    assert_eq!(replaced.status.unwrap().totals.unwrap().deleted, 2);
    bed.works(&next, done(8), 0).await;
    bed.run_says(&next, "Complete", "Done").await;
    let sum = |policy: &RetentionPolicy| {
        policy.status.as_ref().is_some_and(|status| status.deleted_total == Some(10))
    };
    bed.until("deletedTotal 10", "chats", sum).await;
}

pub async fn two_policies_on_one_connection_take_turns(bed: Bed) {
    let _operator = bed.operator().await;
    bed.declared(FAR_AWAY).await;
    bed.make::<RetentionPolicy>(policy("other", "db", FAR_AWAY)).await;
    bed.make::<DatabaseConnection>(connection("elsewhere")).await;
    bed.make::<RetentionPolicy>(policy("third", "elsewhere", FAR_AWAY)).await;
    let pod = at_work(&bed, "first").await;
    bed.make::<PurgeRun>(run("second", "other")).await;
    let (queued, message) = bed.run_says("second", "Queued", "MaxConcurrentRuns").await;
    assert!(message.contains("first"), "{message}");
    assert_eq!(types(conditions_of_run(&queued)), ["Queued", "Reconciling"]);
    // Another database is nobody's business.
    bed.make::<PurgeRun>(run("elsewhere", "third")).await;
    bed.job_of("elsewhere").await;
    assert!(bed.get::<Job>("second").await.is_none());
    bed.reports("first", done(1)).await;
    bed.ends(&pod, 0).await;
    bed.job_of("second").await;
    bed.run_says("first", "Complete", "Done").await;
}

pub async fn two_runs_of_one_policy_never_overlap_however_many_may_work(bed: Bed) {
    let _operator = bed.operator().await;
    bed.declared(FAR_AWAY).await;
    bed.change::<DatabaseConnection>("db", json!({"spec": {"limits": {"maxConcurrentRuns": 2}}}))
        .await;
    bed.make::<RetentionPolicy>(policy("other", "db", FAR_AWAY)).await;
    let pod = at_work(&bed, "first").await;
    bed.make::<PurgeRun>(run("second", "chats")).await;
    bed.run_says("second", "Queued", "PolicyActive").await;
    bed.make::<PurgeRun>(run("third", "other")).await;
    bed.job_of("third").await;
    assert!(bed.get::<Job>("second").await.is_none(), "there is room, and its policy is at work");
    bed.works("third", done(1), 0).await;
    bed.reports("first", done(1)).await;
    bed.ends(&pod, 0).await;
    bed.works("second", done(1), 0).await;
    bed.run_says("second", "Complete", "Done").await;
}
