//! Manifests, and what is asked of statuses.

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::ResourceExt;
use retention_operator::api::{DatabaseConnection, PurgeRun, RetentionPolicy};
use serde_json::{Value, json};

use super::bed::Bed;

/// Nothing in a test is due by this schedule.
pub const FAR_AWAY: &str = "0 0 1 1 *";

pub const SLOT: &str = "retention-operator.io/scheduled-at";

/// A slot of a single minute, near enough to wait for, and its schedule.
#[derive(Clone, Copy)]
pub struct Slot(pub Timestamp);

impl Slot {
    /// What has to be there before it comes has some seconds' time.
    pub fn near() -> Self {
        let second = Timestamp::now().as_second() + 12;
        Self(Timestamp::from_second(second - second.rem_euclid(60) + 60).unwrap())
    }

    pub fn schedule(self) -> String {
        let civil = self.0.to_zoned(TimeZone::UTC);
        format!("{} {} {} {} *", civil.minute(), civil.hour(), civil.day(), civil.month())
    }

    pub fn run_of(self, policy: &str) -> String {
        format!("{policy}-{}", self.0.as_second() / 60)
    }
}

pub fn connection(name: &str) -> Value {
    json!({
        "apiVersion": "retention-operator.io/v1alpha1",
        "kind": "DatabaseConnection",
        "metadata": {"name": name},
        "spec": {
            "sqlite": {"path": "app.db"},
            "volume": {"persistentVolumeClaim": {"claimName": "data"}},
            "allow": [{"tables": ["chats", "logs"], "actions": ["Delete"]}],
        },
    })
}

pub fn policy(name: &str, connection: &str, schedule: &str) -> Value {
    let target = |table: &str| {
        json!({
            "name": table,
            "table": table,
            "action": "Delete",
            "tenant": {"column": "org_id"},
            "age": {"column": "updated_at", "encoding": "Text", "timeZone": "Etc/UTC"},
        })
    };
    json!({
        "apiVersion": "retention-operator.io/v1alpha1",
        "kind": "RetentionPolicy",
        "metadata": {"name": name},
        "spec": {
            "connectionRef": {"name": connection},
            "schedule": schedule,
            "window": {"default": "7d"},
            "targets": [target("chats"), target("logs")],
        },
    })
}

pub fn run(name: &str, policy: &str) -> Value {
    json!({
        "apiVersion": "retention-operator.io/v1alpha1",
        "kind": "PurgeRun",
        "metadata": {"name": name},
        "spec": {"policyRef": {"name": policy}},
    })
}

/// As a runner tells the end of a run in which all went well.
pub fn done(deleted: i64) -> Value {
    json!({
        "clock": "2026-11-21T02:00:00Z",
        "dryRun": false,
        "totals": {"deleted": deleted, "updated": 0, "dependents": 0, "files": 0, "held": 0, "overdue": 0},
        "exitCode": 0,
        "targets": [{"name": "chats", "outcome": "Done", "rows": {"examined": 9, "selected": 9, "deleted": deleted, "updated": 0}}],
    })
}

/// As a runner tells that it was asked to stop.
pub fn stopped(deleted: i64) -> Value {
    let mut report = done(deleted);
    report["exitCode"] = json!(1);
    report["targets"][0]["outcome"] = json!("Stopped");
    report["targets"][0]["reason"] = json!("Stopped");
    report["targets"][0]["message"] = json!("the run was asked to stop");
    report
}

impl Bed {
    /// A connection `db` and a policy `chats` on it.
    pub async fn declared(&self, schedule: &str) -> RetentionPolicy {
        self.make::<DatabaseConnection>(connection("db")).await;
        self.make(policy("chats", "db", schedule)).await
    }

    /// A run of the past, and how it ended.
    pub async fn past(
        &self,
        name: &str,
        of: &RetentionPolicy,
        slot: Option<Timestamp>,
        ended: &str,
        deleted: i64,
    ) {
        let mut object = run(name, &of.name_any());
        if let Some(slot) = slot {
            object["metadata"]["annotations"] = json!({SLOT: slot.to_string()});
        }
        let made: PurgeRun = self.make(object).await;
        let then = slot.unwrap_or(made.creation_timestamp().unwrap().0 - 1.hour());
        let mut status = done(deleted);
        status["policy"] = json!({"name": of.name_any(), "uid": of.uid(), "generation": 1});
        status["completionTime"] = json!(then.to_string());
        let since = then.to_string();
        status["conditions"] = json!([{"type": ended, "status": "True", "reason": "Done", "message": "", "lastTransitionTime": since}]);
        let patch = kube::api::Patch::Merge(json!({"status": status}));
        self.api::<PurgeRun>()
            .patch_status(name, &kube::api::PatchParams::default(), &patch)
            .await
            .unwrap();
    }

    /// Waits until a condition of the run is True for that reason, and gives the run and the condition's text.
    pub async fn run_says(&self, name: &str, type_: &str, reason: &str) -> (PurgeRun, String) {
        let what = format!("{type_} for {reason}");
        let run: PurgeRun = self
            .until(&what, name, |run: &PurgeRun| {
                condition(conditions_of_run(run), type_)
                    .is_some_and(|c| c.status == "True" && c.reason == reason)
            })
            .await;
        let message = condition(conditions_of_run(&run), type_).unwrap().message.clone();
        (run, message)
    }

    /// Waits until the policy's `Ready` is that, and gives the policy and the condition's text.
    pub async fn policy_is(
        &self,
        name: &str,
        ready: &str,
        reason: &str,
    ) -> (RetentionPolicy, String) {
        let what = format!("Ready {ready} for {reason}");
        let policy: RetentionPolicy = self
            .until(&what, name, |policy: &RetentionPolicy| {
                condition(conditions_of_policy(policy), "Ready")
                    .is_some_and(|c| c.status == ready && c.reason == reason)
            })
            .await;
        let message = condition(conditions_of_policy(&policy), "Ready").unwrap().message.clone();
        (policy, message)
    }
}

pub fn conditions_of_run(run: &PurgeRun) -> &[Condition] {
    run.status.as_ref().map(|status| &status.conditions[..]).unwrap_or_default()
}

pub fn conditions_of_policy(policy: &RetentionPolicy) -> &[Condition] {
    policy.status.as_ref().map(|status| &status.conditions[..]).unwrap_or_default()
}

pub fn condition<'a>(conditions: &'a [Condition], type_: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.type_ == type_)
}

/// The types of the conditions that are there.
pub fn types(conditions: &[Condition]) -> Vec<&str> {
    conditions.iter().map(|condition| condition.type_.as_str()).collect()
}
