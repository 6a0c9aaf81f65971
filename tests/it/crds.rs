//! The definitions in `crds/`: what they hold, and what a real API server makes of them.
//!
//! - `tests/crds/accepted`: manifests that use every field.
//! - Every folder of `tests/crds/refused` is named after one fault. `manifest.yaml` has it, `expected.txt` is what
//!   kubectl says of it, `fixed.yaml` is the manifest after the remedy. Where there is a `created.yaml`, that is in the
//!   server already, and the others are its changes.
//! - `tests/crds/beside`: what stands beside a manifest for `validate`, which wants a policy and its connection.
//!
//! `UPDATE_EXPECTED=1` rewrites `crds/` and `expected.txt`: read each line that changes as the person who gets to see it.

mod schema;
mod server;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files in a folder below the root, by name.
fn files(folder: &str) -> BTreeSet<PathBuf> {
    fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// The documents of a file.
fn documents(text: &str) -> Vec<Value> {
    serde_yaml::Deserializer::from_str(text)
        .map(|document| serde::Deserialize::deserialize(document).unwrap())
        .collect()
}

fn crds() -> [Value; 3] {
    retention_operator::api::crds().unwrap()
}

fn schema_of(crd: &Value) -> &Value {
    &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
}
