//! What lets a runner report: a ServiceAccount, and its binding to the one role of runners. Pure.

use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::{RoleBinding, RoleRef, Subject};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::controller::names::{MANAGER, RUNNER};

fn metadata(namespace: &str) -> ObjectMeta {
    let labels = [
        ("app.kubernetes.io/name", "retention-operator"),
        ("app.kubernetes.io/component", "runner"),
        ("app.kubernetes.io/managed-by", MANAGER),
    ];
    ObjectMeta {
        name: Some(RUNNER.to_owned()),
        namespace: Some(namespace.to_owned()),
        labels: Some(labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into()),
        ..ObjectMeta::default()
    }
}

/// The account of all runners of a namespace that are not given another.
pub fn account(namespace: &str) -> ServiceAccount {
    ServiceAccount { metadata: metadata(namespace), ..ServiceAccount::default() }
}

/// Its binding.
pub fn binding(namespace: &str, role: &str) -> RoleBinding {
    RoleBinding {
        metadata: metadata(namespace),
        role_ref: RoleRef {
            api_group: "rbac.authorization.k8s.io".to_owned(),
            kind: "ClusterRole".to_owned(),
            name: role.to_owned(),
        },
        subjects: Some(vec![Subject {
            kind: "ServiceAccount".to_owned(),
            name: RUNNER.to_owned(),
            namespace: Some(namespace.to_owned()),
            api_group: None,
        }]),
    }
}

/// Whether a binding of the name binds what ours would.
pub fn binds_the_same(found: &RoleBinding, wanted: &RoleBinding) -> bool {
    let subject = |binding: &RoleBinding| {
        binding
            .subjects
            .iter()
            .flatten()
            .map(|subject| (subject.kind.clone(), subject.name.clone(), subject.namespace.clone()))
            .collect::<Vec<_>>()
    };
    found.role_ref.kind == wanted.role_ref.kind
        && found.role_ref.name == wanted.role_ref.name
        && subject(found) == subject(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::fixtures::with;

    #[test]
    fn a_binding_is_ours_only_if_it_binds_that_role_to_that_account_alone() {
        let wanted = binding("team", "runner");
        assert!(binds_the_same(&wanted, &wanted));
        let labelled = with(&wanted, "metadata: {labels: {a: b}, annotations: {c: d}}");
        assert!(binds_the_same(&labelled, &wanted));
        for other in [
            "roleRef: {name: cluster-admin}",
            "roleRef: {kind: Role}",
            "subjects: []",
            "subjects: [{kind: ServiceAccount, name: default, namespace: team}]",
            "subjects: [{kind: ServiceAccount, name: retention-operator-runner, namespace: other}]",
            "subjects: [{kind: User, name: retention-operator-runner, namespace: team}]",
            "subjects: [{kind: ServiceAccount, name: retention-operator-runner, namespace: team}, \
             {kind: ServiceAccount, name: default, namespace: team}]",
        ] {
            assert!(!binds_the_same(&with(&wanted, other), &wanted), "{other}");
        }
    }
}
