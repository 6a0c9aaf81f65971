//! A namespace of one test, and what is looked at and waited for in it.

use std::fmt::Debug;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use futures_util::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::{Namespace, Node};
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::api::rbac::v1::ClusterRole;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::NamespaceResourceScope;
use kube::runtime::wait::await_condition;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, Config, Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::cluster::Cluster;

/// The node that pods are bound to. Nobody stands behind it.
pub const NODE: &str = "nowhere";

/// A case that runs beside thirty others on a busy machine may take its time.
const PATIENCE: Duration = Duration::from_mins(10);

pub trait Kind:
    Resource<Scope = NamespaceResourceScope, DynamicType = ()>
    + Clone
    + Debug
    + DeserializeOwned
    + Serialize
    + Send
    + Sync
    + 'static
{
}

impl<K> Kind for K where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + Debug
        + DeserializeOwned
        + Serialize
        + Send
        + Sync
        + 'static
{
}

#[derive(Clone)]
pub struct Bed {
    pub cluster: &'static Cluster,
    pub client: Client,
    pub namespace: String,
}

pub async fn client(cluster: &Cluster) -> Client {
    let kubeconfig = Kubeconfig::read_from(cluster.kubeconfig()).unwrap();
    let options = KubeConfigOptions::default();
    let config = Config::from_custom_kubeconfig(kubeconfig, &options).await.unwrap();
    Client::try_from(config).unwrap()
}

/// What is the same for all namespaces: the role of runners, and a node.
pub async fn furnish(cluster: &Cluster) {
    let client = client(cluster).await;
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "retention-operator-runner"},
        "rules": [
            {"apiGroups": ["retention-operator.io"], "resources": ["purgeruns"], "verbs": ["get"]},
            {"apiGroups": ["retention-operator.io"], "resources": ["purgeruns/status"], "verbs": ["patch"]},
        ],
    });
    let apply = PatchParams::apply("test").force();
    let roles: Api<ClusterRole> = Api::all(client.clone());
    roles.patch("retention-operator-runner", &apply, &Patch::Apply(role)).await.unwrap();
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE}});
    Api::<Node>::all(client).patch(NODE, &apply, &Patch::Apply(node)).await.unwrap();
}

/// Asks again while the server, which has much to do, does not answer or says that it cannot.
pub async fn steadily<T, F>(mut request: impl FnMut() -> F) -> kube::Result<T>
where
    F: Future<Output = kube::Result<T>>,
{
    let deadline = Instant::now() + PATIENCE;
    loop {
        match request().await {
            Err(error) if Instant::now() < deadline && is_passing(&error) => {
                tokio::time::sleep(Duration::from_millis(250)).await;
            }
            answer => return answer,
        }
    }
}

fn is_passing(error: &kube::Error) -> bool {
    match error {
        kube::Error::Api(status) => status.code == 429 || status.code >= 500,
        kube::Error::HyperError(_) | kube::Error::Service(_) => true,
        _ => false,
    }
}

/// `None`: it was there, perhaps by a request whose answer was lost.
fn created<K>(answer: kube::Result<K>) -> kube::Result<Option<K>> {
    match answer {
        Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(None),
        answer => answer.map(Some),
    }
}

impl Bed {
    pub async fn new(cluster: &'static Cluster) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(1);
        let namespace = format!("controller-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let client = client(cluster).await;
        let object = json!({"metadata": {"name": namespace}});
        let object: Namespace = serde_json::from_value(object).unwrap();
        let all = Api::all(client.clone());
        steadily(|| async { created(all.create(&PostParams::default(), &object).await) })
            .await
            .unwrap();
        Self { cluster, client, namespace }
    }

    pub fn api<K: Kind>(&self) -> Api<K> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Creates what the manifest says.
    pub async fn make<K: Kind>(&self, manifest: Value) -> K {
        let object: K = serde_json::from_value(manifest).unwrap();
        let (api, params) = (self.api(), PostParams::default());
        match steadily(|| async { created(api.create(&params, &object).await) }).await.unwrap() {
            Some(object) => object,
            None => self.get(&object.name_any()).await.unwrap(),
        }
    }

    /// A merge patch, as `kubectl patch --type merge` sends it.
    pub async fn change<K: Kind>(&self, name: &str, change: Value) -> K {
        let (api, params, change) = (self.api(), PatchParams::default(), Patch::Merge(change));
        steadily(|| api.patch(name, &params, &change)).await.unwrap()
    }

    pub async fn get<K: Kind>(&self, name: &str) -> Option<K> {
        let api = self.api();
        steadily(|| api.get_opt(name)).await.unwrap()
    }

    pub async fn names<K: Kind>(&self) -> Vec<String> {
        let (api, params) = (self.api::<K>(), ListParams::default());
        let listed = steadily(|| api.list(&params)).await.unwrap();
        listed.into_iter().map(|object| object.name_any()).collect()
    }

    pub async fn delete<K: Kind>(&self, name: &str) {
        self.api::<K>().delete(name, &DeleteParams::background()).await.unwrap();
    }

    /// Watches an object until it is so; a watch that breaks off is begun again.
    async fn seen<K: Kind>(
        &self,
        name: &str,
        is_so: &(impl Fn(Option<&K>) -> bool + Send + Sync),
    ) -> Option<Option<K>> {
        let watched = async {
            loop {
                if let Ok(found) = await_condition(self.api(), name, is_so).await {
                    return found;
                }
                tokio::time::sleep(Duration::from_millis(250)).await;
            }
        };
        tokio::time::timeout(PATIENCE, watched).await.ok()
    }

    /// Waits until the object of that name is so, and gives it.
    pub async fn until<K: Kind>(
        &self,
        what: &str,
        name: &str,
        is_so: impl Fn(&K) -> bool + Send + Sync,
    ) -> K {
        let condition = |object: Option<&K>| object.is_some_and(&is_so);
        match self.seen(name, &condition).await {
            Some(found) => found.unwrap(),
            None => {
                let found = serde_json::to_string_pretty(&self.get::<K>(name).await).unwrap();
                panic!("{}: never: {what}: {name} is {found}", self.namespace)
            }
        }
    }

    pub async fn until_gone<K: Kind>(&self, name: &str) {
        let is_gone = |object: Option<&K>| object.is_none();
        assert!(
            self.seen(name, &is_gone).await.is_some(),
            "{}: never gone: {name}: {:?}",
            self.namespace,
            self.get::<K>(name).await
        );
    }

    /// Waits until any object of the kind is so, and gives it.
    pub async fn until_any<K: Kind>(&self, what: &str, is_so: impl Fn(&K) -> bool + Send) -> K {
        let seen = watcher(self.api::<K>(), watcher::Config::default()).default_backoff();
        let mut seen = std::pin::pin!(
            seen.applied_objects().try_filter(|object| std::future::ready(is_so(object)))
        );
        let waited = tokio::time::timeout(PATIENCE, async {
            loop {
                if let Ok(object) = seen.next().await.unwrap() {
                    return object;
                }
            }
        });
        match waited.await {
            Ok(object) => object,
            Err(_) => {
                let all = self.api::<K>().list(&ListParams::default()).await.unwrap().items;
                panic!(
                    "{}: never: {what}: {}",
                    self.namespace,
                    serde_json::to_string_pretty(&all).unwrap()
                )
            }
        }
    }

    /// Waits for an event about an object of that name, and gives its text.
    pub async fn told(&self, name: &str, reason: &str) -> String {
        let is_it = |event: &Event| {
            event.reason.as_deref() == Some(reason)
                && event.regarding.as_ref().is_some_and(|about| about.name.as_deref() == Some(name))
        };
        self.until_any(&format!("the event {reason} about {name}"), is_it)
            .await
            .note
            .unwrap_or_default()
    }
}
