//! How runs fail.

use jiff::ToSpan;
use kube::ResourceExt;
use retention_operator::api::{PurgeRun, RetentionPolicy};
use serde_json::json;

use super::bed::Bed;
use super::objects::{FAR_AWAY, SLOT, Slot, conditions_of_run, done, run, types};

pub async fn a_run_that_fell_short_says_which_target_and_why(bed: Bed) {
    let _operator = bed.operator().await;
    bed.declared(FAR_AWAY).await;
    bed.make::<PurgeRun>(run("by-hand", "chats")).await;
    let mut report = done(2);
    report["exitCode"] = json!(1);
    report["targets"][0]["outcome"] = json!("Failed");
    report["targets"][0]["reason"] = json!("LockTimeout");
    report["targets"][0]["message"] = json!("somebody held the database");
    bed.works("by-hand", report, 1).await;
    let (failed, message) = bed.run_says("by-hand", "Failed", "LockTimeout").await;
    assert_eq!(message, "chats: somebody held the database; deleted 2 rows");
    assert_eq!(types(conditions_of_run(&failed)), ["Failed", "Stalled"]);
    let note = bed.told("by-hand", "RunFailed").await;
    assert!(note.contains("LockTimeout"), "{note}");
    // It was made by hand: the schedule is as well as it was.
    bed.policy_is("chats", "True", "Scheduled").await;
}

pub async fn a_run_that_was_refused_says_what_to_write(bed: Bed) {
    let _operator = bed.operator().await;
    bed.declared(FAR_AWAY).await;
    bed.make::<PurgeRun>(run("by-hand", "chats")).await;
    let refusal = json!({
        "object": "RetentionPolicy/chats",
        "field": "spec.targets[chats].table",
        "reason": "NotFound",
        "message": "there is no table chats",
        "write": "one that is there",
    });
    bed.works("by-hand", json!({"exitCode": 2, "refusals": [refusal]}), 2).await;
    let (_, message) = bed.run_says("by-hand", "Failed", "NotFound").await;
    assert!(message.contains("there is no table chats: one that is there"), "{message}");
}

pub async fn a_database_that_cannot_be_reached_is_tried_three_times(bed: Bed) {
    let _operator = bed.operator().await;
    bed.declared(FAR_AWAY).await;
    bed.make::<PurgeRun>(run("by-hand", "chats")).await;
    for attempt in 1..=3 {
        let report = json!({"unreachable": format!("no answer, attempt {attempt}")});
        bed.works("by-hand", report, 3).await;
    }
    let (_, message) = bed.run_says("by-hand", "Failed", "Unreachable").await;
    assert!(message.contains("no answer, attempt 3"), "{message}");
}

pub async fn a_runner_without_memory_is_told_with_a_remedy(bed: Bed) {
    let _operator = bed.operator().await;
    bed.declared(FAR_AWAY).await;
    bed.make::<PurgeRun>(run("by-hand", "chats")).await;
    let mut report = done(3);
    report.as_object_mut().unwrap().remove("exitCode");
    for _ in 1..=3 {
        bed.works("by-hand", report.clone(), 137).await;
    }
    let (failed, message) = bed.run_says("by-hand", "Failed", "OOMKilled").await;
    assert!(message.contains("spec.runner.resources.limits.memory"), "{message}");
    assert_eq!(failed.status.unwrap().totals.unwrap().deleted, 3);
}

pub async fn a_failed_scheduled_run_makes_a_policy_unready_until_the_next_good_one(bed: Bed) {
    let _operator = bed.operator().await;
    let policy = bed.declared(FAR_AWAY).await;
    let mut scheduled = run("earlier", "chats");
    let earlier = policy.creation_timestamp().unwrap().0 - 1.hour();
    scheduled["metadata"]["annotations"] = json!({SLOT: earlier.to_string()});
    bed.make::<PurgeRun>(scheduled).await;
    let mut report = done(2);
    report["exitCode"] = json!(1);
    report["targets"][0]["outcome"] = json!("Failed");
    report["targets"][0]["reason"] = json!("LockTimeout");
    report["targets"][0]["message"] = json!("somebody held the database");
    bed.works("earlier", report, 1).await;
    let (failed, message) = bed.policy_is("chats", "False", "RunFailed").await;
    assert!(message.contains("earlier") && message.contains("LockTimeout"), "{message}");
    assert_eq!(failed.status.unwrap().last_successful_time, None);

    bed.make::<PurgeRun>(run("by-hand", "chats")).await;
    bed.works("by-hand", done(0), 0).await;
    bed.run_says("by-hand", "Complete", "Done").await;
    bed.policy_is("chats", "False", "RunFailed").await;

    let slot = Slot::near();
    bed.change::<RetentionPolicy>("chats", json!({"spec": {"schedule": slot.schedule()}})).await;
    bed.works(&slot.run_of("chats"), done(5), 0).await;
    let (policy, _) = bed.policy_is("chats", "True", "Scheduled").await;
    let status = policy.status.unwrap();
    assert_eq!((status.deleted_total, status.last_successful_time.is_some()), (Some(7), true));
}
