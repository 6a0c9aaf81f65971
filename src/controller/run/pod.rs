//! What a Job's pods are doing, and what keeps them from it. Pure.

use jiff::Timestamp;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ContainerState, ContainerStateWaiting, Pod};
use kube::{Resource, ResourceExt};

use super::stage::Why;

/// The reason of a run about which there is nothing to worry.
pub const AT_WORK: &str = "Running";

/// A pod that is not even created, or mounts nothing, says so nowhere that we may look. After so
/// many seconds we say where to look.
const PATIENCE: i64 = 60;

/// Whether a container of ours has ever run: then rows may have gone.
pub fn has_begun(pods: &[Pod]) -> bool {
    pods.iter().flat_map(states).any(|state| state.running.is_some() || state.terminated.is_some())
        || pods.iter().any(|pod| {
            let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
            matches!(phase, Some("Running" | "Succeeded" | "Failed"))
        })
}

/// Nothing of it is at work any more.
pub fn has_ended(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
}

fn states(pod: &Pod) -> Vec<ContainerState> {
    let statuses = pod.status.as_ref().and_then(|status| status.container_statuses.clone());
    let statuses = statuses.unwrap_or_default().into_iter();
    statuses.flat_map(|status| [status.state, status.last_state]).flatten().collect()
}

/// What the newest pod is doing, or what is in its way and what to do about it.
pub fn told(job: &Job, pods: &[Pod], now: Timestamp) -> Why {
    let made = job.meta().creation_timestamp.as_ref().map(|time| time.0);
    let is_old = |since: Option<Timestamp>| {
        since.is_some_and(|since| now.as_second() - since.as_second() >= PATIENCE)
    };
    let job_name = job.name_any();
    let Some(pod) = pods.last() else {
        let message = if is_old(made) {
            format!("the Job has no pod yet: see `kubectl describe job {job_name}`")
        } else {
            "its Job was made".to_owned()
        };
        return Why::new(if is_old(made) { "NoPod" } else { AT_WORK }, message);
    };
    let name = pod.name_any();
    if let Some(why) = unschedulable(pod).or_else(|| waiting(pod)) {
        return why;
    }
    let attempt = match pods.len() {
        1 => String::new(),
        attempt => format!(", attempt {attempt}"),
    };
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    if let Some(phase @ ("Failed" | "Succeeded")) = phase {
        // Its Job makes another after a while, or ends.
        let how = how_it_failed(pod).map_or_else(|| phase.to_lowercase(), |(_, how)| how);
        return Why::new(AT_WORK, format!("pod {name} has ended{attempt}: {how}"));
    }
    if !has_begun(std::slice::from_ref(pod)) {
        let created = pod.meta().creation_timestamp.as_ref().map(|time| time.0);
        if is_old(created) {
            let message = format!(
                "pod {name} has not started yet, perhaps because a volume cannot be mounted: see \
                 `kubectl describe pod {name}`"
            );
            return Why::new("PodPending", message);
        }
        return Why::new(AT_WORK, format!("pod {name} is starting{attempt}"));
    }
    Why::new(AT_WORK, format!("pod {name} is at work{attempt}"))
}

fn unschedulable(pod: &Pod) -> Option<Why> {
    let conditions = pod.status.as_ref()?.conditions.as_deref()?;
    let refused = conditions.iter().find(|c| c.type_ == "PodScheduled" && c.status == "False")?;
    let message = refused.message.clone().or_else(|| refused.reason.clone()).unwrap_or_default();
    // Of one that is missing the scheduler speaks in small letters, of one without a volume not.
    let remedy = if message.to_lowercase().contains("persistentvolumeclaim") {
        "create the claim, or correct spec.volume of the DatabaseConnection"
    } else {
        "see spec.runner of the DatabaseConnection"
    };
    Some(Why::new("Unschedulable", format!("pod {}: {message}: {remedy}", pod.name_any())))
}

/// Why the kubelet cannot start the container; it tries again by itself.
fn waiting(pod: &Pod) -> Option<Why> {
    let states = states(pod);
    let waiting = states.iter().find_map(|state| state.waiting.as_ref())?;
    let reason = waiting.reason.as_deref()?;
    let remedy = match reason {
        "ContainerCreating" | "PodInitializing" => return None,
        "ErrImagePull"
        | "ImagePullBackOff"
        | "ErrImageNeverPull"
        | "InvalidImageName"
        | "ImageInspectError"
        | "RegistryUnavailable" => {
            "correct the operator's --runner-image, or spec.runner.imagePullSecrets of the \
             DatabaseConnection"
        }
        "CreateContainerConfigError" if speaks_of_a_secret(waiting) => {
            "create the Secret and key that the DatabaseConnection names, or correct the name"
        }
        _ => "see `kubectl describe pod`",
    };
    let message = waiting.message.as_deref().unwrap_or(reason);
    Some(Why::new(reason, format!("pod {}: {message}: {remedy}", pod.name_any())))
}

fn speaks_of_a_secret(waiting: &ContainerStateWaiting) -> bool {
    waiting.message.as_ref().is_some_and(|message| message.to_lowercase().contains("secret"))
}

/// What the kubelet did to a pod says more than how its container ended.
fn how_it_failed(pod: &Pod) -> Option<(String, String)> {
    let status = pod.status.as_ref()?;
    if let Some(reason) = &status.reason {
        let message = status.message.as_deref().unwrap_or("its node says no more");
        return Some((reason.clone(), format!("{reason}: {message}")));
    }
    let terminated = states(pod).into_iter().find_map(|state| state.terminated)?;
    let reason = terminated.reason.unwrap_or_else(|| "Error".to_owned());
    let said = terminated.message.map(|message| format!(": {message}")).unwrap_or_default();
    let remedy = if reason == "OOMKilled" {
        ": raise spec.runner.resources.limits.memory of the DatabaseConnection"
    } else {
        ""
    };
    let code = terminated.exit_code;
    Some((reason, format!("the runner ended with exit code {code}{said}{remedy}")))
}

/// How a Job came to fail whose runner could not tell.
pub fn last_words(job: Option<&Job>, pods: &[Pod]) -> Why {
    let failed =
        job.and_then(|job| job.status.as_ref()?.conditions.as_ref()).and_then(|conditions| {
            conditions.iter().find(|c| c.type_ == "Failed" && c.status == "True")
        });
    let reason = failed.and_then(|failed| failed.reason.clone());
    let message = failed.and_then(|failed| failed.message.clone());
    // The pods of a Job whose time is up are killed: that is no fault of theirs.
    let is_late = reason.as_deref() == Some("DeadlineExceeded");
    if let Some((reason, how)) = pods.iter().rev().find_map(how_it_failed)
        && !is_late
    {
        return Why::new(reason, format!("{how}; the next run goes on"));
    }
    Why::new(
        reason.unwrap_or_else(|| "JobFailed".to_owned()),
        format!("{}; the next run goes on", message.as_deref().unwrap_or("its Job failed")),
    )
}

#[cfg(test)]
mod tests;
