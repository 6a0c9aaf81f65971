//! The one way in which a status is written.

use kube::api::{Patch, PatchParams};
use kube::core::NamespaceResourceScope;
use kube::{Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::context::Context;
use super::error::Error;
use super::names::MANAGER;

/// Applies `status` if it differs from `old`, which is our part of what we saw. The object must
/// still be the one that we saw: what was decided from an old state is not written over a new one.
pub async fn apply<K, S>(object: &K, old: &S, status: &S, context: &Context) -> Result<(), Error>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + std::fmt::Debug
        + DeserializeOwned,
    S: Serialize + PartialEq,
{
    if old == status {
        return Ok(());
    }
    let namespace = object.namespace().ok_or(Error::Incomplete("metadata.namespace"))?;
    let name = object.name_any();
    let patch = json!({
        "apiVersion": K::api_version(&()),
        "kind": K::kind(&()),
        "metadata": {
            "name": name,
            // Not the uid: on the subresource the server ignores it, and one version belongs to one object.
            "resourceVersion": object.resource_version(),
        },
        "status": status,
    });
    let params = PatchParams::apply(MANAGER).force();
    let api: kube::Api<kube::core::DeserializeGuard<K>> = context.api(&namespace);
    api.patch_status(&name, &params, &Patch::Apply(&patch)).await?;
    Ok(())
}
