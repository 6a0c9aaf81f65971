//! What a kubelet and a runner would do.

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use retention_operator::api::PurgeRun;
use serde_json::{Value, json};

use super::bed::{Bed, NODE, steadily};

const RUN: &str = "retention-operator.io/purgerun";

pub fn is_of(pod: &Pod, run: &str) -> bool {
    pod.labels().get(RUN).is_some_and(|name| name == run)
}

/// It has not been told to go, and has not ended.
pub fn is_fresh(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    pod.metadata.deletion_timestamp.is_none() && !matches!(phase, Some("Succeeded" | "Failed"))
}

impl Bed {
    pub async fn job_of(&self, run: &str) -> Job {
        self.until("its Job", run, |job: &Job| job.metadata.deletion_timestamp.is_none()).await
    }

    /// The pod of a run that has its end before it.
    pub async fn pod_of(&self, run: &str) -> String {
        let what = format!("a pod of {run}");
        let is_it = |pod: &Pod| is_of(pod, run) && is_fresh(pod);
        self.until_any(&what, is_it).await.name_any()
    }

    /// The pod is bound and its container runs: from now on it goes only when it is let go.
    pub async fn begins(&self, pod: &str) {
        let binding = json!({
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": pod},
            "target": {"apiVersion": "v1", "kind": "Node", "name": NODE},
        });
        let (pods, params) = (self.api::<Pod>(), PostParams::default());
        let bound = || pods.create_subresource::<_, Value>("binding", pod, &params, &binding);
        match steadily(bound).await {
            // A first answer was lost.
            Err(kube::Error::Api(status)) if status.is_conflict() => {}
            answer => drop(answer.unwrap()),
        }
        let running = json!({"running": {"startedAt": "2026-11-21T02:00:00Z"}, "waiting": null});
        self.container(pod, "Running", running).await;
    }

    /// The container cannot be started.
    pub async fn waits(&self, pod: &str, reason: &str, message: &str) {
        self.container(pod, "Pending", json!({"waiting": {"reason": reason, "message": message}}))
            .await;
    }

    pub async fn ends(&self, pod: &str, exit_code: i32) {
        let reason = match exit_code {
            0 => "Completed",
            137 => "OOMKilled",
            _ => "Error",
        };
        let terminated =
            json!({"exitCode": exit_code, "reason": reason, "finishedAt": "2026-11-21T02:01:00Z"});
        let phase = if exit_code == 0 { "Succeeded" } else { "Failed" };
        let state = json!({"terminated": terminated, "running": null, "waiting": null});
        self.container(pod, phase, state).await;
    }

    async fn container(&self, pod: &str, phase: &str, state: Value) {
        let status = json!({
            "name": "runner",
            "state": state,
            "image": "runner:test",
            "imageID": "",
            "ready": false,
            "restartCount": 0,
        });
        self.pod_status(pod, json!({"phase": phase, "containerStatuses": [status]})).await;
    }

    pub async fn pod_status(&self, pod: &str, status: Value) {
        let patch = Patch::Strategic(json!({"status": status}));
        let (pods, params) = (self.api::<Pod>(), PatchParams::default());
        steadily(|| pods.patch_status(pod, &params, &patch)).await.unwrap();
    }

    /// A pod at work that was told to go ends its batch, reports, and is gone.
    pub async fn stops(&self, pod: &str, run: &str, report: Value, exit_code: i32) {
        self.told_to_go(pod).await;
        self.reports(run, report).await;
        self.ends(pod, exit_code).await;
        self.leaves(pod).await;
    }

    pub async fn told_to_go(&self, pod: &str) {
        let is_so = |pod: &Pod| pod.metadata.deletion_timestamp.is_some();
        self.until("told to go", pod, is_so).await;
    }

    pub async fn leaves(&self, pod: &str) {
        let at_once = DeleteParams::default().grace_period(0);
        self.api::<Pod>().delete(pod, &at_once).await.unwrap();
    }

    /// As `run --report` writes it.
    pub async fn reports(&self, run: &str, report: Value) {
        let status = json!({
            "apiVersion": "retention-operator.io/v1alpha1",
            "kind": "PurgeRun",
            "metadata": {"name": run},
            "status": report,
        });
        let runner = PatchParams::apply("retention-operator-runner").force();
        let (runs, status) = (self.api::<PurgeRun>(), Patch::Apply(status));
        steadily(|| runs.patch_status(run, &runner, &status)).await.unwrap();
    }

    /// The next attempt of a run, from its beginning to its end.
    pub async fn works(&self, run: &str, report: Value, exit_code: i32) {
        let pod = self.pod_of(run).await;
        self.begins(&pod).await;
        self.reports(run, report).await;
        self.ends(&pod, exit_code).await;
    }
}
