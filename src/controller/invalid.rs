//! Objects that this version cannot read: a newer version's field, or an older definition of the
//! kind. They must not stop the others, and somebody has to be told.

use jiff::Timestamp;
use kube::api::{Patch, PatchParams};
use kube::core::{DeserializeGuard, NamespaceResourceScope, error_boundary::InvalidObject};
use kube::{Api, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use serde_json::json;

use super::conditions::{Wanted, merged};
use super::context::Context;
use super::error::Error;
use crate::api::PurgeRun;

/// Not who writes statuses: what that one leaves out goes, and with it that a run has ended. It
/// would be run again by a version that can read it.
const MANAGER: &str = "retention-operator-unreadable";

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
        "status": { "conditions": conditions },
    });
    apply::<K>(namespace, name, &patch, context).await
}

/// Takes it back, where nobody else says `Ready`.
pub async fn untell(run: &PurgeRun, context: &Context) -> Result<(), Error> {
    let namespace = run.namespace().ok_or(Error::Incomplete("metadata.namespace"))?;
    let patch = json!({
        "apiVersion": PurgeRun::api_version(&()),
        "kind": PurgeRun::kind(&()),
        "metadata": { "name": run.name_any(), "resourceVersion": run.resource_version() },
    });
    apply::<PurgeRun>(&namespace, &run.name_any(), &patch, context).await
}

async fn apply<K>(
    namespace: &str,
    name: &str,
    patch: &serde_json::Value,
    context: &Context,
) -> Result<(), Error>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + std::fmt::Debug
        + DeserializeOwned,
{
    let api: Api<DeserializeGuard<K>> = context.api(namespace);
    let params = PatchParams::apply(MANAGER).force();
    api.patch_status(name, &params, &Patch::Apply(patch)).await?;
    Ok(())
}
