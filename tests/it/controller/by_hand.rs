//! Runs that a person makes, and what history keeps.

use jiff::ToSpan;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt;
use retention_operator::api::{PurgeRun, RetentionPolicy};
use serde_json::json;

use super::bed::Bed;
use super::objects::{FAR_AWAY, done, run};

pub async fn a_run_by_hand_is_ordered_to_do_what_it_says_and_no_more(bed: Bed) {
    let _operator = bed.operator().await;
    bed.declared(FAR_AWAY).await;
    let mut narrow = run("by-hand", "chats");
    narrow["spec"]["tenants"] = json!(["acme"]);
    narrow["spec"]["targets"] = json!(["logs"]);
    narrow["spec"]["dryRun"] = json!(true);
    bed.make::<PurgeRun>(narrow).await;
    bed.job_of("by-hand").await;
    let orders: ConfigMap = bed.get("by-hand").await.unwrap();
    let order: serde_json::Value = serde_yaml::from_str(&orders.data.unwrap()["run.yaml"]).unwrap();
    assert_eq!(
        order["spec"],
        json!({"policyRef": {"name": "chats"}, "tenants": ["acme"], "targets": ["logs"], "dryRun": true})
    );

    let mut report = done(5);
    report["dryRun"] = json!(true);
    bed.works("by-hand", report, 0).await;
    let (_, message) = bed.run_says("by-hand", "Complete", "Done").await;
    assert_eq!(message, "a dry run, would have deleted 5 rows");
    let is_told = |policy: &RetentionPolicy| {
        policy.status.as_ref().is_some_and(|status| status.last_run.is_some())
    };
    let policy = bed.until("lastRun", "chats", is_told).await;
    let status = policy.status.unwrap();
    assert_eq!(
        (status.deleted_total, status.last_successful_time),
        (Some(0), None),
        "nothing went, by no slot"
    );
}

pub async fn history_limits_remove_scheduled_runs_and_none_by_hand(bed: Bed) {
    let policy = bed.declared(FAR_AWAY).await;
    let limits = json!({"spec": {"successfulRunsHistoryLimit": 1, "failedRunsHistoryLimit": 0}});
    bed.change::<RetentionPolicy>("chats", limits).await;
    let now = policy.creation_timestamp().unwrap().0;
    for hours in 1..=3 {
        let slot = Some(now - (10 - hours).hours());
        bed.past(&format!("well-{hours}"), &policy, slot, "Complete", 10).await;
        bed.past(&format!("failed-{hours}"), &policy, slot, "Failed", 1).await;
        bed.past(&format!("by-hand-{hours}"), &policy, None, "Complete", 100).await;
    }
    let _operator = bed.operator().await;
    for gone in ["well-1", "well-2", "failed-1", "failed-2", "failed-3"] {
        bed.until_gone::<PurgeRun>(gone).await;
    }
    let policy: RetentionPolicy = bed.get("chats").await.unwrap();
    assert_eq!(policy.status.unwrap().deleted_total, Some(333), "counted before they go");
    // Whatever is done last is done after all that came before.
    bed.make::<PurgeRun>(run("last", "chats")).await;
    bed.works("last", done(0), 0).await;
    bed.run_says("last", "Complete", "Done").await;
    let is_told = |policy: &RetentionPolicy| {
        policy
            .status
            .as_ref()
            .and_then(|status| status.last_run.as_ref())
            .is_some_and(|run| run.name == "last")
    };
    bed.until("lastRun", "chats", is_told).await;
    let mut left = bed.names::<PurgeRun>().await;
    left.sort();
    assert_eq!(left, ["by-hand-1", "by-hand-2", "by-hand-3", "last", "well-3"]);
}
