//! A run's Job. Pure.

mod secrets;
mod volumes;

use std::collections::BTreeMap;

use k8s_openapi::api::batch::v1::{
    Job, JobSpec, PodFailurePolicy, PodFailurePolicyOnExitCodesRequirement,
    PodFailurePolicyOnPodConditionsPattern, PodFailurePolicyRule,
};
use k8s_openapi::api::core::v1::{
    Capabilities, Container, PodSecurityContext, PodSpec, PodTemplateSpec, SeccompProfile,
    SecurityContext,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::{Resource, ResourceExt};

use super::decide::Start;
use crate::api::{PurgeRun, Runner};
use crate::controller::Settings;
use crate::controller::names::{self, RUNNER};
use crate::model::orders::digest;
use volumes::{CONFIG_MAPS, MANIFESTS, VOLUME, config_maps, volumes};

const CONTAINER: &str = "runner";

/// The image's own user, and the group of the volume's files where the connection says nothing.
const NOBODY: i64 = 65532;

/// The runner watches the policy's deadline itself and ends in order; the Job's own deadline only
/// ends a runner that cannot.
const GRACE_SECONDS: i64 = 60;

/// Never with `blockOwnerDeletion`: it asks for a right on the owner that nobody needs to have.
pub fn owner(run: &PurgeRun) -> OwnerReference {
    OwnerReference {
        api_version: PurgeRun::api_version(&()).into_owned(),
        kind: PurgeRun::kind(&()).into_owned(),
        name: run.name_any(),
        uid: run.uid().unwrap_or_default(),
        controller: Some(true),
        block_owner_deletion: None,
    }
}

/// The Job of a run whose orders are in the ConfigMap of the run's name.
pub fn job(run: &PurgeRun, start: &Start, settings: &Settings) -> Job {
    let policy = &start.policy;
    let mut labels = names::labels(&policy.name_any());
    labels.insert(names::RUN.to_owned(), run.name_any());
    let spec = JobSpec {
        backoff_limit: Some(2),
        ttl_seconds_after_finished: Some(86_400),
        active_deadline_seconds: policy
            .spec
            .active_deadline_seconds
            .map(|seconds| seconds.saturating_add(GRACE_SECONDS)),
        pod_failure_policy: Some(failure_policy()),
        template: template(run, start, settings, labels.clone()),
        ..JobSpec::default()
    };
    Job {
        metadata: ObjectMeta {
            name: Some(run.name_any()),
            namespace: run.namespace(),
            labels: Some(labels),
            annotations: Some([(names::MADE_AS.to_owned(), digest_of(&spec))].into()),
            owner_references: Some(vec![owner(run)]),
            ..ObjectMeta::default()
        },
        spec: Some(spec),
        status: None,
    }
}

fn digest_of(spec: &JobSpec) -> String {
    let text = serde_json::to_string(spec).unwrap_or_default();
    digest([("job", text.as_str())])
}

/// Whether two Jobs were made as the same. What is in them cannot be compared for that: admission
/// may have changed the image, the tolerations or the resources of the one that is stored.
pub fn are_made_alike(one: &Job, other: &Job) -> bool {
    one.annotations().get(names::MADE_AS) == other.annotations().get(names::MADE_AS)
}

/// In this order: a node that was drained is nobody's failure; 1 and 2 are the same if tried again;
/// everything else, 3 among it, is tried again.
fn failure_policy() -> PodFailurePolicy {
    let disrupted = PodFailurePolicyRule {
        action: "Ignore".to_owned(),
        on_pod_conditions: Some(vec![PodFailurePolicyOnPodConditionsPattern {
            type_: "DisruptionTarget".to_owned(),
            status: "True".to_owned(),
        }]),
        on_exit_codes: None,
    };
    let final_ = PodFailurePolicyRule {
        action: "FailJob".to_owned(),
        on_exit_codes: Some(PodFailurePolicyOnExitCodesRequirement {
            container_name: Some(CONTAINER.to_owned()),
            operator: "In".to_owned(),
            values: vec![1, 2],
        }),
        on_pod_conditions: None,
    };
    PodFailurePolicy { rules: vec![disrupted, final_] }
}

fn template(
    run: &PurgeRun,
    start: &Start,
    settings: &Settings,
    mut labels: BTreeMap<String, String>,
) -> PodTemplateSpec {
    // Destructured whole, so that a new field cannot be forgotten here.
    let Runner {
        resources,
        node_selector,
        tolerations,
        affinity,
        security_context,
        image_pull_secrets,
        priority_class_name,
        service_account_name,
        pod_labels,
        pod_annotations,
    } = start.connection.spec.runner.clone().unwrap_or_default();
    // Ours win: by them the pod is found again.
    let ours = std::mem::take(&mut labels);
    labels.extend(pod_labels);
    labels.extend(ours);
    let (volumes, mounts) = volumes(run, start);
    PodTemplateSpec {
        metadata: Some(ObjectMeta {
            labels: Some(labels),
            annotations: (!pod_annotations.is_empty()).then_some(pod_annotations),
            ..ObjectMeta::default()
        }),
        spec: Some(PodSpec {
            restart_policy: Some("Never".to_owned()),
            service_account_name: Some(service_account_name.unwrap_or_else(|| RUNNER.to_owned())),
            security_context: Some(security_context.unwrap_or_else(nobody)),
            node_selector: (!node_selector.is_empty()).then_some(node_selector),
            tolerations: (!tolerations.is_empty()).then_some(tolerations),
            affinity,
            image_pull_secrets: (!image_pull_secrets.is_empty()).then_some(image_pull_secrets),
            priority_class_name,
            // The batch under way ends within 25 seconds of SIGTERM.
            termination_grace_period_seconds: Some(30),
            containers: vec![Container {
                name: CONTAINER.to_owned(),
                image: Some(settings.runner_image.clone()),
                image_pull_policy: settings.runner_image_pull_policy.clone(),
                args: Some(arguments(run, start)),
                env: secrets::variables(&start.connection.spec),
                resources: resources.or_else(|| settings.runner_resources.clone()),
                security_context: Some(restricted()),
                volume_mounts: Some(mounts),
                ..Container::default()
            }],
            volumes: Some(volumes),
            ..PodSpec::default()
        }),
    }
}

/// What a person would type to do the same by hand.
fn arguments(run: &PurgeRun, start: &Start) -> Vec<String> {
    let mut arguments = vec![
        "run".to_owned(),
        "-f".to_owned(),
        MANIFESTS.to_owned(),
        "--orders".to_owned(),
        start.orders.digest.clone(),
        "--root".to_owned(),
        VOLUME.to_owned(),
        "--report".to_owned(),
        format!("purgerun/{}", run.name_any()),
    ];
    for name in config_maps(&start.policy.spec) {
        arguments.extend(["--config-map".to_owned(), format!("{name}={CONFIG_MAPS}/{name}")]);
    }
    arguments.extend(secrets::arguments(&start.connection.spec));
    arguments
}

/// As Pod Security's `restricted` wants it.
fn nobody() -> PodSecurityContext {
    PodSecurityContext {
        run_as_non_root: Some(true),
        run_as_user: Some(NOBODY),
        run_as_group: Some(NOBODY),
        fs_group: Some(NOBODY),
        fs_group_change_policy: Some("OnRootMismatch".to_owned()),
        seccomp_profile: Some(SeccompProfile {
            type_: "RuntimeDefault".to_owned(),
            localhost_profile: None,
        }),
        ..PodSecurityContext::default()
    }
}

fn restricted() -> SecurityContext {
    SecurityContext {
        allow_privilege_escalation: Some(false),
        read_only_root_filesystem: Some(true),
        capabilities: Some(Capabilities { drop: Some(vec!["ALL".to_owned()]), add: None }),
        ..SecurityContext::default()
    }
}

#[cfg(test)]
mod tests;
