//! A run that is paused.

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt;
use retention_operator::api::PurgeRun;
use serde_json::json;

use super::bed::Bed;
use super::objects::{FAR_AWAY, conditions_of_run, done, run, stopped, types};

pub async fn a_suspended_run_loses_its_job_and_gets_another_when_it_goes_on(bed: Bed) {
    let _operator = bed.operator().await;
    bed.declared(FAR_AWAY).await;
    bed.make::<PurgeRun>(run("by-hand", "chats")).await;
    let first = bed.job_of("by-hand").await;
    let pod = bed.pod_of("by-hand").await;
    bed.begins(&pod).await;

    bed.change::<PurgeRun>("by-hand", json!({"spec": {"suspend": true}})).await;
    bed.run_says("by-hand", "Reconciling", "Suspended").await;
    bed.told_to_go(&pod).await;
    assert!(bed.get::<Job>("by-hand").await.is_some(), "it is there until its pod is gone");
    bed.stops(&pod, "by-hand", stopped(3), 1).await;
    let (suspended, _) = bed.run_says("by-hand", "Suspended", "Suspended").await;
    assert_eq!(types(conditions_of_run(&suspended)), ["Suspended"]);
    let status = suspended.status.unwrap();
    assert_eq!((status.job, status.totals.unwrap().deleted), (None, 3), "the report stays");
    assert!(bed.get::<Job>("by-hand").await.is_none());

    bed.change::<PurgeRun>("by-hand", json!({"spec": {"suspend": false}})).await;
    let second = bed.job_of("by-hand").await;
    assert_ne!(first.uid(), second.uid());
    bed.works("by-hand", done(9), 0).await;
    let (ended, _) = bed.run_says("by-hand", "Complete", "Done").await;
    assert_eq!(types(conditions_of_run(&ended)), ["Complete"]);
    // Nothing that it is ordered to do has changed, so it goes by the same orders, or by equal ones.
    let orders = bed.api::<ConfigMap>().list(&kube::api::ListParams::default()).await.unwrap();
    let of_run = orders.items.into_iter().filter(|map| map.name_any().starts_with("by-hand"));
    let data: Vec<_> = of_run.map(|map| map.data).collect();
    assert!(data.windows(2).all(|pair| pair[0] == pair[1]), "{data:#?}");
}

pub async fn a_run_that_was_done_before_it_could_be_stopped_is_complete(bed: Bed) {
    let _operator = bed.operator().await;
    bed.declared(FAR_AWAY).await;
    bed.make::<PurgeRun>(run("by-hand", "chats")).await;
    let pod = bed.pod_of("by-hand").await;
    bed.begins(&pod).await;
    bed.run_says("by-hand", "Reconciling", "Running").await;
    bed.change::<PurgeRun>("by-hand", json!({"spec": {"suspend": true}})).await;
    bed.run_says("by-hand", "Reconciling", "Suspended").await;
    bed.stops(&pod, "by-hand", done(9), 0).await;
    let (ended, _) = bed.run_says("by-hand", "Complete", "Done").await;
    assert_eq!(types(conditions_of_run(&ended)), ["Complete"]);
}
