//! A PurgeRun on a real API server, its orders as a ConfigMap's mount has them, and a runner with the rights it gets.

<<<<<<< HEAD
use std::fmt::Debug;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams};
use kube::config::KubeConfigOptions;
use kube::core::NamespaceResourceScope;
use kube::{Client, Config, CustomResourceExt, Resource, ResourceExt};
use retention_operator::api::{
    DatabaseConnection, PolicyRef, PurgeRun, PurgeRunSpec, RetentionPolicy,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use crate::bed::{Bed, block_on, elsewhere};

/// The run's name on every stage; each has a namespace of its own.
pub const NAME: &str = "chats-29659440";

/// One control plane for all tests of this process; it ends when its standard input closes, with us.
struct Plane {
    kubeconfig: PathBuf,
    _lifeline: ChildStdin,
}

fn plane() -> Option<&'static Plane> {
    static PLANE: OnceLock<Option<Plane>> = OnceLock::new();
    PLANE
        .get_or_init(|| {
            let folder = std::env::temp_dir().join(format!("reported-{}", std::process::id()));
            let up = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cluster/up");
            let mut up = Command::new(up)
                .args(["--with-stdin", "control-plane"])
                .arg(&folder)
                .stdin(Stdio::piped())
                .spawn()
                .unwrap();
            let lifeline = up.stdin.take().unwrap();
            let status = up.wait().unwrap();
            if status.code() == Some(4) {
                assert!(std::env::var_os("RETENTION_OPERATOR_REQUIRE_ALL").is_none());
                eprintln!("SKIPPED: no control plane here: tests/run sets one up");
                return None;
            }
            assert!(status.success(), "the control plane did not come up");
            let plane = Plane { kubeconfig: folder.join("kubeconfig"), _lifeline: lifeline };
            block_on(define(&plane.kubeconfig));
            Some(plane)
        })
        .as_ref()
}

async fn admin(kubeconfig: &Path) -> Client {
    let kubeconfig = kube::config::Kubeconfig::read_from(kubeconfig).unwrap();
    let config =
        Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    Client::try_from(config).unwrap()
}

async fn define(kubeconfig: &Path) {
    let api = Api::all(admin(kubeconfig).await);
    for crd in [DatabaseConnection::crd(), RetentionPolicy::crd(), PurgeRun::crd()] {
        let name = crd.name_any();
        api.create(&PostParams::default(), &crd).await.unwrap();
        let established = kube::runtime::conditions::is_crd_established();
        kube::runtime::wait::await_condition(api.clone(), &name, established).await.unwrap();
    }
}

fn here<K>(client: &Client, namespace: &str) -> Api<K>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
{
    Api::namespaced(client.clone(), namespace)
}

fn named(mut object: Json) -> Json {
    object["metadata"] = json!({"name": "runner"});
    object
}

async fn create<K>(api: Api<K>, object: Json)
where
    K: Clone + Debug + DeserializeOwned + Serialize,
{
    let object = serde_json::from_value(object).unwrap();
    api.create(&PostParams::default(), &object).await.unwrap();
}

pub struct Stage {
    pub bed: Bed,
    namespace: String,
    admin: PathBuf,
=======
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
>>>>>>> runner
    orders: tempfile::TempDir,
    pub digest: String,
}

impl Stage {
    /// `None`: there is no control plane here.
    pub fn new(bed: Bed) -> Option<Self> {
<<<<<<< HEAD
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let admin = plane()?.kubeconfig.clone();
        let namespace = format!("stage-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let orders = tempfile::tempdir().unwrap();
        let mut stage = Self { bed, namespace, admin, orders, digest: String::new() };
        block_on(stage.set_up());
=======
        let cluster = defined()?;
        let namespace = cluster.namespace("reported");
        let orders = tempfile::tempdir().unwrap();
        let mut stage = Self { bed, cluster, namespace, orders, digest: String::new() };
        stage.give_rights();
        stage.create();
>>>>>>> runner
        stage.mount();
        Some(stage)
    }

<<<<<<< HEAD
    async fn set_up(&self) {
        let client = admin(&self.admin).await;
        let namespace = &self.namespace;
        let rules = json!([
            {"apiGroups": ["retention-operator.io"], "resources": ["purgeruns"], "verbs": ["get"]},
            {"apiGroups": ["retention-operator.io"], "resources": ["purgeruns/status"], "verbs": ["patch"]},
        ]);
        let subject = json!({"kind": "ServiceAccount", "name": "runner", "namespace": namespace});
        let role =
            json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "runner"});
        create::<Namespace>(Api::all(client.clone()), json!({"metadata": {"name": namespace}}))
            .await;
        create::<ServiceAccount>(here(&client, namespace), named(json!({}))).await;
        create::<Role>(here(&client, namespace), named(json!({"rules": rules}))).await;
        let binding = named(json!({"roleRef": role, "subjects": [subject]}));
        create::<RoleBinding>(here(&client, namespace), binding).await;
        self.create().await;
    }

    async fn create(&self) {
        let spec = PurgeRunSpec {
            policy_ref: PolicyRef { name: "chats".into() },
            ..PurgeRunSpec::default()
        };
        self.api().await.create(&PostParams::default(), &PurgeRun::new(NAME, spec)).await.unwrap();
    }

    async fn api(&self) -> Api<PurgeRun> {
        Api::namespaced(admin(&self.admin).await, &self.namespace)
=======
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
>>>>>>> runner
    }

    /// As the kubelet mounts a ConfigMap: hidden folders, and links that show what is in them.
    fn mount(&mut self) {
<<<<<<< HEAD
        let manifest = std::fs::read_to_string(self.bed.folder().join("manifest.yaml")).unwrap();
        let (connection, policy) = manifest.split_once("---").unwrap();
        let run = self.get();
        let run = json!({
            "apiVersion": "retention-operator.io/v1alpha1",
            "kind": "PurgeRun",
            "metadata": {
                "name": NAME, "namespace": self.namespace,
                "uid": run.metadata.uid, "generation": run.metadata.generation,
            },
            "spec": run.spec,
=======
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
>>>>>>> runner
        });
        let files = [
            ("connection.yaml", connection.to_owned()),
            ("policy.yaml", policy.to_owned()),
            ("run.yaml", run.to_string()),
        ];
        let folder = self.orders.path();
<<<<<<< HEAD
        std::fs::create_dir(folder.join("..2026_11_21")).unwrap();
=======
        fs::create_dir(folder.join("..2026_11_21")).unwrap();
>>>>>>> runner
        symlink("..2026_11_21", folder.join("..data")).unwrap();
        let mut digest = Sha256::new();
        for (name, text) in files {
            digest.update(format!("{name}\n{}\n{text}", text.len()));
<<<<<<< HEAD
            std::fs::write(folder.join("..data").join(name), text).unwrap();
=======
            fs::write(folder.join("..data").join(name), text).unwrap();
>>>>>>> runner
            symlink(Path::new("..data").join(name), folder.join(name)).unwrap();
        }
        let hex: String = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        self.digest = format!("sha256:{hex}");
    }

    /// Where the API server listens.
    pub fn server(&self) -> String {
<<<<<<< HEAD
        let text = std::fs::read_to_string(&self.admin).unwrap();
=======
        let text = fs::read_to_string(self.cluster.kubeconfig()).unwrap();
>>>>>>> runner
        text.split("https://").nth(1).unwrap().lines().next().unwrap().to_owned()
    }

    /// The runner as its ServiceAccount, asking a server at an address.
    pub fn runner_at(&self, server: &str) -> Command {
<<<<<<< HEAD
        let token = block_on(async {
            let accounts: Api<ServiceAccount> =
                Api::namespaced(admin(&self.admin).await, &self.namespace);
            let spec = TokenRequestSpec { audiences: Vec::new(), ..TokenRequestSpec::default() };
            let request = TokenRequest { spec, ..TokenRequest::default() };
            let parameters = PostParams::default();
            let answer = accounts.create_token_request("runner", &parameters, &request).await;
            answer.unwrap().status.unwrap().token
        });
        let text = std::fs::read_to_string(&self.admin).unwrap();
        let (cluster, _) = text.split_once("users:").unwrap();
        let text = format!("{cluster}users:\n- name: admin\n  user: {{token: \"{token}\"}}\n");
        let kubeconfig = self.bed.folder().join("kubeconfig");
        // A pod's own namespace is what its client takes where nobody names one.
        let text =
            text.replace("user: admin}", &format!("user: admin, namespace: {}}}", self.namespace));
        std::fs::write(&kubeconfig, text.replace(&self.server(), server)).unwrap();
=======
        let token = self.kubectl(&["create", "token", "runner"]);
        let text = fs::read_to_string(self.cluster.kubeconfig()).unwrap();
        let (cluster, _) = text.split_once("users:").unwrap();
        // A pod's own namespace is what its client takes where nobody names one.
        let context = format!("user: runner, namespace: {}}}", self.namespace);
        let text = cluster.replace("user: admin}", &context).replace(&self.server(), server)
            + &format!("users:\n- name: runner\n  user: {{token: \"{}\"}}\n", token.trim());
        let kubeconfig = self.bed.folder().join(server.replace(':', "-"));
        fs::write(&kubeconfig, text).unwrap();
>>>>>>> runner
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

<<<<<<< HEAD
    pub fn get(&self) -> PurgeRun {
        block_on(async { self.api().await.get(NAME).await.unwrap() })
    }

    /// The status as anybody sees it.
    pub fn status(&self) -> Json {
        serde_json::to_value(self.get().status).unwrap()
    }

    pub fn patch(&self, patch: Json) {
        block_on(async {
            let patch = Patch::Merge(patch);
            self.api().await.patch(NAME, &PatchParams::default(), &patch).await.unwrap();
        });
    }

    /// Writes a status as somebody else, or as an earlier runner.
    pub fn apply_status(&self, manager: &str, status: Json) {
        let patch = json!({
            "apiVersion": "retention-operator.io/v1alpha1", "kind": "PurgeRun", "status": status,
        });
        block_on(async {
            let parameters = PatchParams::apply(manager).force();
            let api = self.api().await;
            api.patch_status(NAME, &parameters, &Patch::Apply(patch)).await.unwrap();
        });
    }

    pub fn delete(&self) {
        block_on(async { self.api().await.delete(NAME, &DeleteParams::default()).await.unwrap() });
    }

    pub fn create_again(&self) {
        block_on(self.create());
    }

    /// Without the right to write the status.
    pub fn take_right_to_report(&self) {
        block_on(async {
            let roles: Api<Role> = here(&admin(&self.admin).await, &self.namespace);
            let patch = Patch::Json::<()>(
                serde_json::from_value(json!([{"op": "remove", "path": "/rules/1"}])).unwrap(),
            );
            roles.patch("runner", &PatchParams::default(), &patch).await.unwrap();
        });
=======
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
>>>>>>> runner
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
