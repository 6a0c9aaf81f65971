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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::fixtures::{by_hand, connection, policy, with};

    fn digest_of(
        run: &PurgeRun,
        policy: &RetentionPolicy,
        connection: &DatabaseConnection,
    ) -> String {
        freeze(run, policy, connection).unwrap().digest
    }

    #[test]
    fn every_change_of_a_spec_changes_the_digest_and_a_status_does_not() {
        let (run, policy, connection) = (by_hand("look"), policy(), connection());
        let digest = digest_of(&run, &policy, &connection);
        let other = with(&run, "spec: {dryRun: true}");
        assert_ne!(digest_of(&other, &policy, &connection), digest);
        let other = with(&policy, "spec: {window: {default: 15d}}");
        assert_ne!(digest_of(&run, &other, &connection), digest);
        let other = with(&connection, "spec: {sqlite: {path: other.db}}");
        assert_ne!(digest_of(&run, &policy, &other), digest);
        let labelled = with(
            &policy,
            "{metadata: {resourceVersion: '9', labels: {a: b}}, status: {missed: 1}}",
        );
        assert_eq!(digest_of(&run, &labelled, &connection), digest);
    }

    #[test]
    fn a_pause_does_not_change_the_orders() {
        let (run, policy, connection) = (by_hand("look"), policy(), connection());
        let digest = digest_of(&run, &policy, &connection);
        for suspend in ["{suspend: true}", "{suspend: false}"] {
            // A change of the spec is another generation.
            let other = with(&run, &format!("{{metadata: {{generation: 2}}, spec: {suspend}}}"));
            assert_eq!(digest_of(&other, &policy, &connection), digest);
        }
    }

    #[test]
    fn the_orders_are_immutable_go_with_the_run_and_have_two_names() {
        let (run, policy) = (by_hand("look"), policy());
        let orders = freeze(&run, &policy, &connection()).unwrap();
        let first = config_map(&run, &policy, &orders, false);
        let second = config_map(&run, &policy, &orders, true);
        assert_eq!((first.immutable, second.immutable), (Some(true), Some(true)));
        assert_eq!(first.metadata.owner_references.as_ref().unwrap()[0].uid, "run-look");
        assert_eq!(first.name_any(), "look");
        assert_eq!(second.name_any(), format!("look-{}", &orders.digest["sha256:".len()..][..10]));
        assert_eq!(first.data, second.data);
    }
}
