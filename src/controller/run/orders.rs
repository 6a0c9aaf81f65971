//! A run's frozen orders: an immutable ConfigMap with policy, connection and run as they were when
//! the run was started, and evidence of them afterwards. Pure.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::NamespaceResourceScope;
use kube::{Resource, ResourceExt};
use serde::Serialize;

use super::job::owner;
use crate::api::{DatabaseConnection, PurgeRun, RetentionPolicy};
use crate::controller::error::Error;
use crate::controller::names;
use crate::model::orders::digest;

/// The manifests, and the digest by which the runner knows that it got these and no others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Orders {
    pub files: BTreeMap<String, String>,
    pub digest: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest<'a, S> {
    api_version: String,
    kind: String,
    metadata: Metadata,
    spec: &'a S,
}

#[derive(Serialize)]
struct Metadata {
    name: String,
    namespace: Option<String>,
    uid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    generation: Option<i64>,
}

/// What the run is ordered to do, from things as they are now.
pub fn freeze(
    run: &PurgeRun,
    policy: &RetentionPolicy,
    connection: &DatabaseConnection,
) -> Result<Orders, Error> {
    // A run that went on after a pause has had other values of `suspend`; they are no order.
    let mut run_spec = run.spec.clone();
    run_spec.suspend = None;
    let files: BTreeMap<String, String> = [
        ("connection.yaml", manifest(connection, &connection.spec, true)?),
        ("policy.yaml", manifest(policy, &policy.spec, true)?),
        ("run.yaml", manifest(run, &run_spec, false)?),
    ]
    .map(|(name, text)| (name.to_owned(), text))
    .into();
    let digest = digest(files.iter().map(|(name, text)| (name.as_str(), text.as_str())));
    Ok(Orders { files, digest })
}

fn manifest<K, S>(object: &K, spec: &S, with_generation: bool) -> Result<String, Error>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    S: Serialize,
{
    let manifest = Manifest {
        api_version: K::api_version(&()).into_owned(),
        kind: K::kind(&()).into_owned(),
        metadata: Metadata {
            name: object.name_any(),
            namespace: object.namespace(),
            uid: object.uid(),
            generation: object.meta().generation.filter(|_| with_generation),
        },
        spec,
    };
    serde_yaml::to_string(&manifest).map_err(|error| Error::Serialize(error.to_string()))
}

/// The ConfigMap of a run. The operator has no right to read ConfigMaps, so one that is there
/// already cannot be compared: `second` names another.
pub fn config_map(
    run: &PurgeRun,
    policy: &RetentionPolicy,
    orders: &Orders,
    second: bool,
) -> ConfigMap {
    ConfigMap {
        metadata: ObjectMeta {
            name: Some(if second { second_name(run, orders) } else { run.name_any() }),
            namespace: run.namespace(),
            labels: Some(names::labels(&policy.name_any())),
            owner_references: Some(vec![owner(run)]),
            ..ObjectMeta::default()
        },
        immutable: Some(true),
        data: Some(orders.files.clone()),
        binary_data: None,
    }
}

fn second_name(run: &PurgeRun, orders: &Orders) -> String {
    let hex = orders.digest.rsplit(':').next().unwrap_or_default();
    format!("{}-{}", run.name_any(), hex.get(..10).unwrap_or(hex))
}
