//! The definitions in `crds/`: what they hold, and what a real API server makes of them.
//!
//! - `tests/crds/accepted`: manifests that use every field.
//! - Every folder of `tests/crds/refused` is named after one fault. `manifest.yaml` has it, `expected.txt` is what
//!   kubectl says of it, `fixed.yaml` is the manifest after the remedy. Where there is a `created.yaml`, that is in the
//!   server already, and the others are its changes.
//! - `tests/crds/beside`: what stands beside a manifest for `validate`, which wants a policy and its connection.
//!
//! `UPDATE_EXPECTED=1` rewrites `crds/` and `expected.txt`: read each line that changes as the person who gets to see it.

mod agree;
mod schema;
mod server;
mod shown;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::OnceLock;

use serde_json::Value;

use crate::cluster::{Cluster, control_plane};

/// The control plane, when it has the definitions. None, and a word aloud, where it cannot be.
pub fn defined() -> Option<&'static Cluster> {
    static DEFINED: OnceLock<()> = OnceLock::new();
    let cluster = control_plane()?;
    DEFINED.get_or_init(|| define(cluster));
    Some(cluster)
}

/// Gives a cluster the committed definitions. The server has nothing to say against them, not even a warning.
pub fn define(cluster: &Cluster) {
    let crds = root().join("crds");
    let crds = crds.to_str().unwrap();
    for arguments in [
        &["apply", "--server-side", "-f", crds][..],
        &["wait", "--for=condition=Established", "--timeout=2m", "-f", crds],
    ] {
        let output = cluster.kubectl(arguments);
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    }
}

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

fn kubectl(server: &Cluster, arguments: &[&str], paths: &[&Path]) -> Output {
    server.program("kubectl").args(arguments).args(paths).output().unwrap()
}

fn told(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn succeeded(output: &Output) -> String {
    assert!(output.status.success(), "{}", told(output));
    String::from_utf8(output.stdout.clone()).unwrap()
}

const DRY: [&str; 4] = ["apply", "--server-side", "--dry-run=server", "-f"];
