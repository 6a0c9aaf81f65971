//! An object that another version of the operator has written.

use k8s_openapi::api::batch::v1::Job;
use kube::ResourceExt;
use kube::api::{Patch, PatchParams};
use retention_operator::api::PurgeRun;
use serde_json::{Value, json};

use super::bed::Bed;
use super::objects::{FAR_AWAY, done, run};

pub async fn a_run_that_this_version_cannot_read_keeps_its_record_and_is_not_run_again(bed: Bed) {
    let _operator = bed.operator().await;
    bed.declared(FAR_AWAY).await;
    bed.make::<PurgeRun>(run("by-hand", "chats")).await;
    bed.works("by-hand", done(7), 0).await;
    let (ended, _) = bed.run_says("by-hand", "Complete", "Done").await;
    let job = bed.get::<Job>("by-hand").await.unwrap();

    // Later than any instant that can be read here, and well-formed for the server.
    let odd = json!({
        "type": "Odd", "status": "True", "reason": "Odd", "message": "",
        "lastTransitionTime": "9999-12-31T23:59:59Z",
    });
    patch(&bed, json!([{"op": "add", "path": "/status/conditions/-", "value": odd}])).await;
    let raw =
        until(&bed, "it is told", |raw| reason(raw, "Ready").as_deref() == Some("Malformed")).await;
    assert_eq!(reason(&raw, "Complete").as_deref(), Some("Done"), "{raw:#}");
    assert_eq!(raw["status"]["job"], "by-hand", "{raw:#}");

    let conditions = raw["status"]["conditions"].as_array().unwrap();
    let at = conditions.iter().position(|condition| condition["type"] == "Odd").unwrap();
    patch(&bed, json!([{"op": "remove", "path": format!("/status/conditions/{at}")}])).await;
    let raw = until(&bed, "it is taken back", |raw| reason(raw, "Ready").is_none()).await;
    let after: PurgeRun = serde_json::from_value(raw).unwrap();
    assert_eq!(after.status, ended.status, "the record is what it was");
    assert_eq!(bed.get::<Job>("by-hand").await.unwrap().uid(), job.uid());
}

async fn patch(bed: &Bed, patch: Value) {
    let patch = Patch::<()>::Json(serde_json::from_value(patch).unwrap());
    dynamic(bed).patch_status("by-hand", &PatchParams::default(), &patch).await.unwrap();
}

fn dynamic(bed: &Bed) -> kube::Api<kube::core::DynamicObject> {
    let kind = kube::core::ApiResource::erase::<PurgeRun>(&());
    kube::Api::namespaced_with(bed.client.clone(), &bed.namespace, &kind)
}

fn reason(raw: &Value, type_: &str) -> Option<String> {
    let conditions = raw["status"]["conditions"].as_array()?;
    let found = conditions.iter().find(|condition| condition["type"] == type_)?;
    found["reason"].as_str().map(str::to_owned)
}

/// As the server has it, whether or not it can be read as what it is.
async fn until(bed: &Bed, what: &str, holds: impl Fn(&Value) -> bool + Send + Sync) -> Value {
    let is_so = |object: Option<&kube::core::DynamicObject>| {
        object.is_some_and(|object| holds(&serde_json::to_value(object).unwrap()))
    };
    let seen = kube::runtime::wait::await_condition(dynamic(bed), "by-hand", is_so);
    let seen = tokio::time::timeout(std::time::Duration::from_mins(2), seen).await;
    let object = seen.unwrap_or_else(|_| panic!("not within two minutes: {what}")).unwrap();
    serde_json::to_value(object.unwrap()).unwrap()
}
