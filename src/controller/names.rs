//! The names by which the operator's objects are found again.

use std::collections::BTreeMap;

use jiff::Timestamp;

/// Who writes.
pub const MANAGER: &str = "retention-operator";

/// On Jobs, pods and scheduled runs: the policy's name.
pub const POLICY: &str = "retention-operator.io/policy";

/// On Jobs and pods: the PurgeRun's name.
pub const RUN: &str = "retention-operator.io/purgerun";

/// Annotation of a scheduled run: its slot, in RFC 3339.
pub const SLOT: &str = "retention-operator.io/scheduled-at";

/// Annotation of a run that has to make way: the name of the run that takes its place.
pub const REPLACED_BY: &str = "retention-operator.io/replaced-by";

/// Annotation of a Job: the digest of what it was made as, before anybody else changed it.
pub const MADE_AS: &str = "retention-operator.io/made-as";

/// The ServiceAccount and RoleBinding of runners in each namespace.
pub const RUNNER: &str = "retention-operator-runner";

/// The run of a slot. Slots are whole minutes, so that one slot has one name.
pub fn run_of(policy: &str, slot: Timestamp) -> String {
    format!("{policy}-{}", slot.as_second() / 60)
}

/// The labels of what belongs to a policy.
pub fn labels(policy: &str) -> BTreeMap<String, String> {
    let pairs = [
        ("app.kubernetes.io/name", "retention-operator"),
        ("app.kubernetes.io/component", "runner"),
        ("app.kubernetes.io/managed-by", MANAGER),
        (POLICY, policy),
    ];
    pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}

/// Selects what the operator has made.
pub fn selector() -> String {
    format!("app.kubernetes.io/managed-by={MANAGER},app.kubernetes.io/component=runner")
}
