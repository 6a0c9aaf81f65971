//! PurgeRun: one run of a policy, and the record of it.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::report::PurgeRunStatus;
use super::{merge, rules};

/// One run of a policy. It can do less than the policy says, never more. Nothing but `suspend` may change once
/// it exists.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "retention-operator.io",
    version = "v1alpha1",
    kind = "PurgeRun",
    shortname = "prun",
    category = "retention",
    namespaced,
    status = "PurgeRunStatus",
    selectable = ".spec.policyRef.name",
    validation = (rules::run::NAME, rules::run::NAME_MESSAGE),
    derive = "Default",
    derive = "PartialEq",
    doc = "A PurgeRun is one run of a RetentionPolicy - made by the schedule or by hand - and afterwards the record of what was done."
)]
#[schemars(transform = rules::run::spec)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PurgeRunSpec {
    /// Required. The RetentionPolicy to run, in this namespace.
    pub policy_ref: PolicyRef,

    /// Default: all tenants. Only these tenants are looked at. Names are text: write `"42"`, not `42`.
    #[schemars(length(min = 1, max = rules::window::TENANTS), inner(length(min = 1, max = rules::IDENTIFIER)), transform = merge::set)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tenants: Vec<String>,

    /// Default: all targets. Only the targets of these names are done, still in the policy's order.
    #[schemars(length(min = 1, max = rules::target::PARTS), inner(length(min = 1, max = rules::PART_NAME)), transform = merge::set)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<String>,

    /// Default false. With true the run only counts and changes nothing. It is a dry run if either the policy or
    /// this field says so; false here does not overrule the policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dry_run: Option<bool>,

    /// Default false. Setting it to true stops the run after its batch and leaves its report in place; setting it
    /// back to false lets the run go on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,
}

/// A RetentionPolicy by name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PolicyRef {
    /// Required. The name of a RetentionPolicy in the run's namespace.
    #[schemars(length(min = 1, max = rules::PART_NAME))]
    pub name: String,
}
