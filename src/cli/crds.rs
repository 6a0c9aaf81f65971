//! The definitions of the kinds, for `kubectl apply --server-side -f -`.

use crate::api;

/// One YAML document for each kind.
pub(super) fn yaml() -> Result<String, String> {
    let crds = api::crds().map_err(|error| error.to_string())?;
    let documents =
        crds.iter().map(|crd| serde_yaml::to_string(crd).map_err(|error| error.to_string()));
    Ok(documents.collect::<Result<Vec<_>, _>>()?.join("---\n"))
}
