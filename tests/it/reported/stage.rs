//! A PurgeRun on a real API server, its orders as a ConfigMap's mount has them, and a runner with the rights it gets.

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use crate::bed::{Bed, elsewhere};
use crate::cluster::Cluster;
use crate::crds::defined;

/// The run's name on every stage; each has a namespace of its own.
pub const NAME: &str = "chats-29659440";
const VERSION: &str = "retention-operator.io/v1alpha1";

pub struct Stage {
    pub bed: Bed,
    cluster: &'static Cluster,
    namespace: String,
    orders: tempfile::TempDir,
    pub digest: String,
}

impl Stage {
    /// `None`: there is no control plane here.
    pub fn new(bed: Bed) -> Option<Self> {
        let cluster = defined()?;
        let namespace = cluster.namespace("reported");
        let orders = tempfile::tempdir().unwrap();
        let mut stage = Self { bed, cluster, namespace, orders, digest: String::new() };
        stage.give_rights();
        stage.create();
        stage.mount();
        Some(stage)
    }

    fn kubectl(&self, arguments: &[&str]) -> String {
        let output = self.cluster.kubectl(&[&["--namespace", &self.namespace], arguments].concat());
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn give_rights(&self) {
        self.kubectl(&["create", "serviceaccount", "runner"]);
        self.allow(&json!([
            {"apiGroups": ["retention-operator.io"], "resources": ["purgeruns"], "verbs": ["get"]},
            {"apiGroups": ["retention-operator.io"], "resources": ["purgeruns/status"], "verbs": ["patch"]},
        ]));
        let who = format!("--serviceaccount={}:runner", self.namespace);
        self.kubectl(&["create", "rolebinding", "runner", "--role=runner", &who]);
    }

    /// The runner's rights, all of them.
    fn allow(&self, rules: &Json) {
        let role = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
            "metadata": {"name": "runner", "namespace": self.namespace}, "rules": rules,
        });
        let output = self.cluster.apply(&role.to_string());
        assert!(output.status.success(), "{output:?}");
    }

    /// Without the right to write the status.
    pub fn take_right_to_report(&self) {
        self.allow(&json!([
            {"apiGroups": ["retention-operator.io"], "resources": ["purgeruns"], "verbs": ["get"]},
        ]));
    }

    pub fn create(&self) {
        let run = json!({
            "apiVersion": VERSION, "kind": "PurgeRun",
            "metadata": {"name": NAME, "namespace": self.namespace},
            "spec": {"policyRef": {"name": "chats"}},
        });
        let output = self.cluster.apply(&run.to_string());
        assert!(output.status.success(), "{output:?}");
    }

    /// As the kubelet mounts a ConfigMap: hidden folders, and links that show what is in them.
    fn mount(&mut self) {
        let manifest = fs::read_to_string(self.bed.folder().join("manifest.yaml")).unwrap();
        let (connection, policy) = manifest.split_once("---").unwrap();
        let run = self.get();
        let metadata = &run["metadata"];
        let run = json!({
            "apiVersion": VERSION, "kind": "PurgeRun", "spec": run["spec"],
            "metadata": {
                "name": NAME, "namespace": self.namespace,
                "uid": metadata["uid"], "generation": metadata["generation"],
            },
        });
        let files = [
            ("connection.yaml", connection.to_owned()),
            ("policy.yaml", policy.to_owned()),
            ("run.yaml", run.to_string()),
        ];
        let folder = self.orders.path();
        fs::create_dir(folder.join("..2026_11_21")).unwrap();
        symlink("..2026_11_21", folder.join("..data")).unwrap();
        let mut digest = Sha256::new();
        for (name, text) in files {
            digest.update(format!("{name}\n{}\n{text}", text.len()));
            fs::write(folder.join("..data").join(name), text).unwrap();
            symlink(Path::new("..data").join(name), folder.join(name)).unwrap();
        }
        let hex: String = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        self.digest = format!("sha256:{hex}");
    }

    /// Where the API server listens.
    pub fn server(&self) -> String {
        let text = fs::read_to_string(self.cluster.kubeconfig()).unwrap();
        text.split("https://").nth(1).unwrap().lines().next().unwrap().to_owned()
    }

    /// The runner as its ServiceAccount, asking a server at an address.
    pub fn runner_at(&self, server: &str) -> Command {
        let token = self.kubectl(&["create", "token", "runner"]);
        let text = fs::read_to_string(self.cluster.kubeconfig()).unwrap();
        let (cluster, _) = text.split_once("users:").unwrap();
        // A pod's own namespace is what its client takes where nobody names one.
        let context = format!("user: runner, namespace: {}}}", self.namespace);
        let text = cluster.replace("user: admin}", &context).replace(&self.server(), server)
            + &format!("users:\n- name: runner\n  user: {{token: \"{}\"}}\n", token.trim());
        let kubeconfig = self.bed.folder().join(server.replace(':', "-"));
        fs::write(&kubeconfig, text).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_retention-operator"));
        command.env("KUBECONFIG", kubeconfig).stdin(Stdio::null()).arg("run");
        command.arg("-f").arg(self.orders.path()).arg("--root").arg(self.bed.folder());
        command.args(["--report", &format!("purgerun/{NAME}"), "--orders", &self.digest]);
        command.args(["-o", "json"]).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub fn runner(&self) -> Command {
        self.runner_at(&self.server())
    }

    pub fn run(&self) -> Output {
        self.runner().output().unwrap()
    }

    /// Null when it is not there.
    pub fn get(&self) -> Json {
        let arguments = ["purgerun", NAME, "--show-managed-fields", "--namespace", &self.namespace];
        self.cluster.get(&arguments)
    }

    pub fn status(&self) -> Json {
        self.get()["status"].take()
    }

    pub fn patch(&self, patch: &Json) {
        self.kubectl(&["patch", "purgerun", NAME, "--type=merge", "-p", &patch.to_string()]);
    }

    /// Writes a status as somebody else, or as an earlier runner.
    pub fn apply_status(&self, manager: &str, status: &Json) {
        let run = json!({
            "apiVersion": VERSION, "kind": "PurgeRun", "status": status,
            "metadata": {"name": NAME, "namespace": self.namespace},
        });
        let manager = format!("--field-manager={manager}");
        let mut kubectl = self.cluster.program("kubectl");
        kubectl.args(["apply", "--server-side", "--force-conflicts", "--subresource=status"]);
        let mut child = kubectl
            .args([&manager, "-f", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(run.to_string().as_bytes()).unwrap();
        assert!(child.wait().unwrap().success());
    }

    pub fn delete(&self) {
        self.kubectl(&["delete", "purgerun", NAME]);
    }
}

/// 508 rows that are due, one by one, with a rest of ninety-nine times as long after each.
pub fn slow() -> Bed {
    let bed = Bed::new().with("dutyCyclePercent: 100", "dutyCyclePercent: 1");
    let rows = "WITH RECURSIVE n (i) AS (SELECT 1001 UNION ALL SELECT i + 1 FROM n WHERE i < 1500)
                INSERT INTO chats (id, org, updated_at) SELECT i, 'acme', 1700000000 + i FROM n";
    elsewhere(&bed.database(), rows).unwrap();
    bed
}

pub fn start_slowly(mut command: Command) -> Child {
    command.env("RETENTION_OPERATOR_BATCH_ROWS", "1").spawn().unwrap()
}

pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while !holds() {
        assert!(Instant::now() < deadline, "{what}: not within a minute");
        std::thread::yield_now();
    }
}

pub fn signal(child: &Child, signal: &str) {
    let status = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(status.success());
}
