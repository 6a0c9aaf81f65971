//! What a run is asked for: it narrows a policy, and never widens it.

use super::manifest::{Document, Manifests};
use crate::api::{PolicyRef, PurgeRunSpec, RetentionPolicySpec};

/// What the caller asks for beyond the manifests. It only narrows.
#[derive(Debug, Clone, Default)]
pub struct Narrowing {
    pub policies: Vec<String>,
    pub tenants: Vec<String>,
    pub targets: Vec<String>,
    pub dry_run: bool,
}

/// The PurgeRun that the manifests and the flags amount to; `None`: this policy is not asked for.
pub(super) fn narrowed_run(
    policy: &Document<RetentionPolicySpec>,
    manifests: &Manifests,
    narrowing: &Narrowing,
    policy_dry: bool,
) -> Option<PurgeRunSpec> {
    let name = &policy.metadata.name;
    if !narrowing.policies.is_empty() && !narrowing.policies.contains(name) {
        return None;
    }
    let mut runs = manifests.runs.iter();
    let written = runs.find(|run| run.spec.policy_ref.name == *name).map(|run| run.spec.clone());
    if written.is_none() && !manifests.runs.is_empty() {
        // Somebody ordered runs of other policies: this one was not ordered.
        return None;
    }
    let written = written.unwrap_or_else(|| PurgeRunSpec {
        policy_ref: PolicyRef { name: name.clone() },
        ..PurgeRunSpec::default()
    });
    let known: Vec<&str> = policy.spec.targets.iter().map(|target| target.name.as_str()).collect();
    let targets = narrow(&written.targets, &narrowing.targets);
    let tenants = narrow(&written.tenants, &narrowing.tenants);
    // Two narrowings that exclude each other leave nothing; an empty list would mean everything.
    let (Some(targets), Some(tenants)) = (targets, tenants) else {
        return None;
    };
    if !targets.is_empty()
        && !known.iter().any(|known| targets.iter().any(|target| target == known))
    {
        return None;
    }
    let dry_run = policy_dry || written.dry_run.unwrap_or(false) || narrowing.dry_run;
    Some(PurgeRunSpec { targets, tenants, dry_run: Some(dry_run), ..written })
}

/// Empty means all; `None` means that nothing is in both.
fn narrow(written: &[String], asked: &[String]) -> Option<Vec<String>> {
    match (written.is_empty(), asked.is_empty()) {
        (true, _) => Some(asked.to_vec()),
        (_, true) => Some(written.to_vec()),
        (false, false) => {
            let both: Vec<String> =
                written.iter().filter(|name| asked.contains(name)).cloned().collect();
            (!both.is_empty()).then_some(both)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_lists_only_ever_narrow_each_other() {
        let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(narrow(&[], &[]), Some(vec![]));
        assert_eq!(narrow(&list(&["a", "b"]), &list(&["b", "c"])), Some(list(&["b"])));
        assert_eq!(narrow(&list(&["a"]), &list(&["b"])), None, "and never everything");
    }
}
