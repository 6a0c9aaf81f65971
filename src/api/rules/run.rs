//! The rules of a PurgeRun.

use schemars::Schema;

use super::rule;

pub const NAME: &str = "size(self.metadata.name) <= 63";
pub const NAME_MESSAGE: &str =
    "metadata.name is too long, because its Job has the same name: write at most 63 characters";

/// A run is evidence of what was ordered.
pub fn spec(schema: &mut Schema) {
    let same = |field: &str| {
        format!(
            "has(self.{field}) == has(oldSelf.{field}) && (!has(self.{field}) || self.{field} == oldSelf.{field})"
        )
    };
    let fields = ["tenants", "targets", "dryRun"].map(same).join(" && ");
    rule(
        schema,
        &format!("self.policyRef == oldSelf.policyRef && {fields}"),
        "of a run nothing but suspend may change: leave it as it is, and create another PurgeRun",
    );
}
