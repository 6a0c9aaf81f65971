//! Objects that this version cannot read: a newer version's field, or an older definition of the
//! kind. They must not stop the others, and somebody has to be told.

use jiff::Timestamp;
use kube::api::{Patch, PatchParams};
use kube::core::{DeserializeGuard, NamespaceResourceScope, error_boundary::InvalidObject};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use serde_json::json;

use super::conditions::{Wanted, merged};
use super::context::Context;
use super::error::Error;
use super::names::MANAGER;

/// Writes `Ready: False` to the object, by name, since it cannot be read as what it is.
pub async fn tell<K>(invalid: &InvalidObject, context: &Context) -> Result<(), Error>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + std::fmt::Debug
        + DeserializeOwned,
{
    let metadata = &invalid.metadata;
    let name = metadata.name.as_deref().ok_or(Error::Incomplete("metadata.name"))?;
    let namespace = metadata.namespace.as_deref().ok_or(Error::Incomplete("metadata.namespace"))?;
    let message = format!(
        "this version of the operator cannot read the object: {}: install the custom resource \
         definitions of the operator's own version",
        invalid.error
    );
    let wanted = [Wanted::new("Ready", false, "Malformed", message)];
    // At a fixed instant, so that writing it again changes nothing.
    let since = metadata.creation_timestamp.as_ref().map_or(Timestamp::UNIX_EPOCH, |time| time.0);
    let conditions = merged(&[], &wanted, metadata.generation, since);
    let patch = json!({
        "apiVersion": K::api_version(&()),
        "kind": K::kind(&()),
        "metadata": { "name": name, "resourceVersion": metadata.resource_version },
        "status": { "observedGeneration": metadata.generation, "conditions": conditions },
    });
    let api: Api<DeserializeGuard<K>> = context.api(namespace);
    let params = PatchParams::apply(MANAGER).force();
    api.patch_status(name, &params, &Patch::Apply(&patch)).await?;
    Ok(())
}
