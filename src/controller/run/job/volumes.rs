//! What a run's pod mounts.

use k8s_openapi::api::core::v1::{
    ConfigMapVolumeSource, EmptyDirVolumeSource, PersistentVolumeClaimVolumeSource, Volume,
    VolumeMount,
};
use kube::ResourceExt;

use crate::api::{PurgeRun, RetentionPolicySpec};
use crate::controller::run::decide::Start;

pub const MANIFESTS: &str = "/retention/manifests";
pub const VOLUME: &str = "/retention/volume";
pub const CONFIG_MAPS: &str = "/retention/configmaps";

pub fn volumes(run: &PurgeRun, start: &Start) -> (Vec<Volume>, Vec<VolumeMount>) {
    let mount = |name: &str, path: &str, read_only: bool| VolumeMount {
        name: name.to_owned(),
        mount_path: path.to_owned(),
        read_only: read_only.then_some(true),
        ..VolumeMount::default()
    };
    let of_config_map = |volume: &str, name: String, optional: bool| Volume {
        name: volume.to_owned(),
        config_map: Some(ConfigMapVolumeSource {
            name,
            optional: optional.then_some(true),
            ..ConfigMapVolumeSource::default()
        }),
        ..Volume::default()
    };
    let mut volumes = vec![
        of_config_map("manifests", run.name_any(), false),
        // The root of the container is read-only, and SQLite sorts in files.
        Volume {
            name: "tmp".to_owned(),
            empty_dir: Some(EmptyDirVolumeSource::default()),
            ..Volume::default()
        },
    ];
    let mut mounts = vec![mount("manifests", MANIFESTS, true), mount("tmp", "/tmp", false)];
    let claim = start.connection.spec.volume.as_ref();
    if let Some(claim) = claim.and_then(|volume| volume.persistent_volume_claim.as_ref()) {
        volumes.push(Volume {
            name: "volume".to_owned(),
            persistent_volume_claim: Some(PersistentVolumeClaimVolumeSource {
                claim_name: claim.claim_name.clone(),
                read_only: None,
            }),
            ..Volume::default()
        });
        mounts.push(mount("volume", VOLUME, false));
    }
    for (at, name) in config_maps(&start.policy.spec).into_iter().enumerate() {
        // Optional: without the map the windows are unknown, which the run says, and the pod starts.
        let volume = format!("configmap-{at}");
        mounts.push(mount(&volume, &format!("{CONFIG_MAPS}/{name}"), true));
        volumes.push(of_config_map(&volume, name, true));
    }
    (volumes, mounts)
}

/// The ConfigMaps of windows that a policy names, each once.
pub fn config_maps(policy: &RetentionPolicySpec) -> Vec<String> {
    let own = policy.targets.iter().filter_map(|target| target.window.as_ref());
    let windows = policy.window.iter().chain(own);
    let sources = windows.flat_map(|window| &window.sources);
    let mut names: Vec<String> =
        sources.filter_map(|source| Some(source.config_map.as_ref()?.name.clone())).collect();
    names.sort();
    names.dedup();
    names
}
