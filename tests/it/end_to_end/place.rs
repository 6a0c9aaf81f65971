//! The operator on the node, and places of a test's own: a namespace, a volume, databases.

use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{OnceLock, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use serde_json::{Value, json};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode};
use sqlx::{AssertSqlSafe, Connection, Row};
use tempfile::TempDir;

use crate::cluster::{self, Cluster};

/// The operator's namespace.
pub const OPERATOR: &str = "operator";

/// The application's user, who owns the files; runners are given the same.
const USER: u32 = 10_001;

/// Held by who uses the operator; whoever changes it, waits for all others.
static IN_USE: RwLock<()> = RwLock::new(());

/// The node with the operator, as `helm install` leaves it in a namespace where Pod Security is `restricted`. None, and
/// a word aloud, where there is no node.
pub fn operator() -> Option<(&'static Cluster, RwLockReadGuard<'static, ()>)> {
    let cluster = installed()?;
    Some((cluster, IN_USE.read().unwrap_or_else(std::sync::PoisonError::into_inner)))
}

/// The same, for who changes the operator and sets it right afterwards.
pub fn operator_alone() -> Option<(&'static Cluster, RwLockWriteGuard<'static, ()>)> {
    let cluster = installed()?;
    Some((cluster, IN_USE.write().unwrap_or_else(std::sync::PoisonError::into_inner)))
}

fn installed() -> Option<&'static Cluster> {
    static INSTALLED: OnceLock<()> = OnceLock::new();
    let cluster = cluster::node()?;
    INSTALLED.get_or_init(|| {
        let labels = json!({"pod-security.kubernetes.io/enforce": "restricted"});
        let metadata = json!({"name": OPERATOR, "labels": labels});
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata});
        assert!(cluster.apply(&namespace.to_string()).status.success());
        helm(cluster, &[]);
    });
    Some(cluster)
}

/// Installs or upgrades, and waits until the operator answers.
pub fn helm(cluster: &Cluster, values: &[&str]) {
    let chart = concat!(env!("CARGO_MANIFEST_DIR"), "/charts/retention-operator");
    let mut helm = cluster.program("helm");
    helm.args(["upgrade", "--install", "retention-operator", chart, "--namespace", OPERATOR]);
    let image = ["image.repository=retention-operator", "image.tag=test", "image.pullPolicy=Never"];
    for value in image.iter().chain(values) {
        helm.args(["--set", value]);
    }
    let output = helm.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    rolled_out(cluster, Duration::from_mins(2));
}

pub fn rolled_out(cluster: &Cluster, within: Duration) {
    let timeout = format!("--timeout={}s", within.as_secs());
    let wait = ["rollout", "status", "deployment", "--namespace", OPERATOR, &timeout];
    let output = cluster.kubectl(&wait);
    assert!(output.status.success(), "{output:?}");
}

/// A namespace with a claim on a folder of this machine.
pub struct Place {
    cluster: &'static Cluster,
    pub namespace: String,
    folder: PathBuf,
    /// Kept until the place is no longer needed.
    own: Option<TempDir>,
}

impl Place {
    pub fn new(cluster: &'static Cluster, prefix: &str, folder: &Path, claim: &str) -> Self {
        let namespace = cluster.namespace(prefix);
        let place = Self { cluster, namespace, folder: folder.to_owned(), own: None };
        place.hand_over();
        place.claim(claim);
        place
    }

    /// With an empty folder, claimed as `data`.
    pub fn empty(cluster: &'static Cluster, prefix: &str) -> Self {
        let own = tempfile::tempdir().unwrap();
        let mut place = Self::new(cluster, prefix, own.path(), "data");
        place.own = Some(own);
        place
    }

    /// With a database `slow.db` whose rows are all expired.
    pub fn with_rows(cluster: &'static Cluster, prefix: &str, rows: u32) -> Self {
        let place = Self::empty(cluster, prefix);
        place.database("slow.db", rows);
        place
    }

    pub fn database(&self, name: &str, rows: u32) {
        let options = SqliteConnectOptions::new()
            .filename(self.folder.join(name))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal);
        let sql = format!(
            "CREATE TABLE chats (id INTEGER PRIMARY KEY, updated_at INTEGER);
             CREATE INDEX chats_age ON chats (updated_at);
             WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
             INSERT INTO chats SELECT i, 1700000000 + i FROM n;"
        );
        block_on(async {
            let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
            sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        });
        self.hand_over();
    }

    /// How many are left.
    pub fn rows(&self, name: &str) -> u64 {
        let options = SqliteConnectOptions::new().filename(self.folder.join(name));
        let rows = block_on(async {
            let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
            let count = sqlx::query("SELECT count(*) FROM chats").fetch_one(&mut connection);
            let count: i64 = count.await.unwrap().get(0);
            connection.close().await.unwrap();
            count
        });
        u64::try_from(rows).unwrap()
    }

    /// The application's user owns its files.
    fn hand_over(&self) {
        chown(&self.folder, Some(USER), Some(USER)).unwrap();
        for file in std::fs::read_dir(&self.folder).unwrap() {
            chown(file.unwrap().path(), Some(USER), Some(USER)).unwrap();
        }
    }

    /// A claim of that name on the place's folder, bound by hand.
    pub fn claim(&self, name: &str) {
        let volume = format!("{}-{name}", self.namespace);
        let size = json!({"storage": "1Gi"});
        let modes = json!(["ReadWriteOnce"]);
        self.apply(&json!({
            "apiVersion": "v1", "kind": "List", "items": [
                {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": volume}, "spec": {
                    "capacity": size, "accessModes": modes, "storageClassName": "",
                    "hostPath": {"path": self.folder}}},
                {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": {
                    "resources": {"requests": size}, "accessModes": modes, "storageClassName": "",
                    "volumeName": volume}},
            ],
        }).to_string());
    }

    /// `spec.runner` of a connection on this place's volume.
    pub fn runner(&self) -> Value {
        json!({"securityContext": {
            "runAsNonRoot": true, "runAsUser": USER, "runAsGroup": USER, "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        }})
    }

    /// A policy and its connection, both of this name, on a database of `database`; `more` goes into the policy's spec.
    pub fn policy(&self, name: &str, database: &str, schedule: &str, more: &str) -> String {
        let window = if more.contains("window:") { "" } else { "  window: {default: 30d}\n" };
        format!(
            "apiVersion: retention-operator.io/v1alpha1
kind: DatabaseConnection
metadata: {{name: {name}}}
spec:
  sqlite: {{path: {database}}}
  volume: {{persistentVolumeClaim: {{claimName: data}}}}
  allow: [{{tables: [chats], actions: [Delete]}}]
  runner: {}
---
apiVersion: retention-operator.io/v1alpha1
kind: RetentionPolicy
metadata: {{name: {name}}}
spec:
  connectionRef: {{name: {name}}}
  schedule: {schedule}
{window}{more}  targets:
  - name: chats
    table: chats
    action: Delete
    age: {{column: updated_at, encoding: UnixSeconds}}
",
            self.runner()
        )
    }

    /// A run by hand.
    pub fn run(&self, policy: &str, name: &str) {
        self.apply(
            &json!({
                "apiVersion": "retention-operator.io/v1alpha1", "kind": "PurgeRun",
                "metadata": {"name": name}, "spec": {"policyRef": {"name": policy}},
            })
            .to_string(),
        );
    }

    fn kubectl(&self) -> Command {
        let mut kubectl = self.cluster.program("kubectl");
        kubectl.args(["--namespace", &self.namespace]);
        kubectl
    }

    /// Applied server-side, by the same hand each time.
    pub fn apply(&self, manifests: &str) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), manifests).unwrap();
        let output = self
            .kubectl()
            .args(["apply", "--server-side", "-f"])
            .arg(file.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}\n{manifests}");
    }

    /// What a command prints that has to succeed.
    pub fn said(&self, arguments: &[&str]) -> String {
        let output = self.kubectl().args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Null if it is not there.
    pub fn get(&self, arguments: &[&str]) -> Value {
        let arguments = [&["get", "--ignore-not-found", "-o", "json"], arguments].concat();
        serde_json::from_str(&self.said(&arguments)).unwrap_or_default()
    }

    pub fn until<T>(&self, what: &str, look: impl Fn(&Self) -> Option<T>) -> T {
        self.cluster.until(what, |_| look(self))
    }

    /// Waits until a condition of an object has a reason, and gives its message.
    pub fn told(&self, object: &str, condition: &str, reason: &str) -> String {
        self.cluster.until_ok(|_| {
            let found = self.get(&[object]);
            let conditions = found["status"]["conditions"].as_array().into_iter().flatten();
            let is_it = |told: &&Value| told["type"] == condition && told["reason"] == reason;
            let told = conditions.clone().find(is_it).and_then(|told| told["message"].as_str());
            told.map(str::to_owned).ok_or_else(|| {
                let status = &found["status"];
                format!("{object} is {condition} because of {reason}, it is {status:#}")
            })
        })
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}
