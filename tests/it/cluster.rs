//! A real Kubernetes, as `tests/cluster/up` makes it: one of each bed for all tests of this binary, made when the first
//! of them asks, and gone with this process, however it ends. A test keeps to a namespace of its own.

mod smoke;

use std::env;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::skip::{self, aloud};

/// What `tests/cluster/up` and `tests/cluster/image` exit with where the machine cannot.
const IMPOSSIBLE: i32 = 4;

pub struct Cluster {
    folder: PathBuf,
    programs: PathBuf,
    /// The bed ends when nobody holds the other end of its stdin, and this process does.
    _lifeline: Child,
}

/// An API server with its controllers: everything but pods. None, and a word aloud, where it cannot be.
pub fn control_plane() -> Option<&'static Cluster> {
    static BED: OnceLock<Option<Cluster>> = OnceLock::new();
    let bed = BED.get_or_init(|| Cluster::up("control-plane")).as_ref();
    aloud("a control plane", bed)
}

/// The same, for a test that changes what others look at. It ends when the test lets go of it.
pub fn own_control_plane() -> Option<Cluster> {
    aloud("a control plane", Cluster::up("control-plane"))
}

/// A whole node, with the image of this checkout's binary as `retention-operator:test`. None, and a word aloud, where it
/// cannot be.
pub fn node() -> Option<&'static Cluster> {
    static BED: OnceLock<Option<Cluster>> = OnceLock::new();
    let bed = BED.get_or_init(|| {
        let node = Cluster::up("node")?;
        let binary = env!("CARGO_BIN_EXE_retention-operator");
        ran(&Command::new(script("image")).arg(&node.folder).arg(binary).output().unwrap())
            .then_some(node)
    });
    aloud("a node", bed.as_ref())
}

/// The folder of the programs that `tests/run` has built, for who needs them and no cluster.
pub fn programs() -> Option<PathBuf> {
    let programs = env::var_os("RETENTION_OPERATOR_CLUSTER_BIN");
    assert!(
        programs.is_some() || !skip::is_forbidden(),
        "RETENTION_OPERATOR_CLUSTER_BIN: run tests/run"
    );
    aloud("RETENTION_OPERATOR_CLUSTER_BIN, which tests/run sets", programs).map(PathBuf::from)
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cluster").join(name)
}

/// Whether it did what it should. If not because the machine cannot, that has to be allowed.
fn ran(output: &Output) -> bool {
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() {
        return true;
    }
    let allowed = !skip::is_forbidden() || env::var_os("RETENTION_OPERATOR_WITHOUT_NODE").is_some();
    assert!(allowed && output.status.code() == Some(IMPOSSIBLE), "{said}");
    io::stderr().write_all(said.as_bytes()).unwrap();
    false
}

impl Cluster {
    fn up(bed: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mut up = Command::new(script("up"))
            .args(["--with-stdin", bed])
            .arg(folder.path())
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lifeline = up.stdin.take(); // waiting would close it
        let mut stderr = Vec::new();
        io::copy(&mut up.stderr.take().unwrap(), &mut stderr).unwrap();
        let status = up.wait().unwrap();
        up.stdin = lifeline;
        ran(&Output { status, stdout: Vec::new(), stderr }).then(|| Self {
            folder: folder.keep(), // the bed removes it
            programs: env::var_os("RETENTION_OPERATOR_CLUSTER_BIN").unwrap().into(),
            _lifeline: up,
        })
    }

    /// The admin's. It holds all it needs, so that it can be handed on.
    pub fn kubeconfig(&self) -> PathBuf {
        self.folder.join("kubeconfig")
    }

    /// One of the folder's programs, such as `helm`, that talks to this cluster.
    pub fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        command.env("KUBECONFIG", self.kubeconfig());
        command
    }

    pub fn kubectl(&self, arguments: &[&str]) -> Output {
        self.program("kubectl").args(arguments).stdin(Stdio::null()).output().unwrap()
    }

    /// A command that reads manifests, in YAML or JSON, from its stdin.
    pub fn kubectl_of(&self, arguments: &[&str], manifests: &str) -> Output {
        let mut kubectl = self.program("kubectl");
        let kubectl = kubectl.args(arguments).args(["--filename", "-"]);
        let pipes = kubectl.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = pipes.spawn().unwrap();
        child.stdin.take().unwrap().write_all(manifests.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }

    /// `kubectl apply --server-side`.
    pub fn apply(&self, manifests: &str) -> Output {
        self.kubectl_of(&["apply", "--server-side"], manifests)
    }

    /// What `kubectl get` tells of it, and null if it is not there.
    pub fn get(&self, arguments: &[&str]) -> Value {
        let output =
            self.kubectl(&[&["get", "--ignore-not-found", "-o", "json"], arguments].concat());
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }

    /// Looks again until it is so; `what` is told when it never was.
    pub fn until<T>(&self, what: &str, look: impl Fn(&Self) -> Option<T>) -> T {
        self.until_ok(|cluster| look(cluster).ok_or_else(|| what.to_owned()))
    }

    /// The same, where each look may say what it saw instead.
    pub fn until_ok<T>(&self, look: impl Fn(&Self) -> Result<T, String>) -> T {
        let deadline = Instant::now() + Duration::from_mins(2);
        loop {
            match look(self) {
                Ok(seen) => return seen,
                Err(what) => {
                    assert!(Instant::now() < deadline, "not within two minutes: {what}");
                }
            }
        }
    }

    /// A new namespace, ready for pods: its name.
    pub fn namespace(&self, prefix: &str) -> String {
        static COUNT: AtomicU32 = AtomicU32::new(1);
        let name = format!("{prefix}-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let kind = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        let output = self.apply(&kind.to_string());
        assert!(output.status.success(), "{output:?}");
        self.until("the namespace has its ServiceAccount", |cluster| {
            let account = cluster.get(&["serviceaccount", "default", "--namespace", &name]);
            account.is_object().then_some(())
        });
        name
    }
}
