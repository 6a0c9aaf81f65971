//! The operator: policies to runs, runs to Jobs, Jobs back to status. Pure Kubernetes; it opens no
//! database and reads no Secret.
//!
//! One loop for each kind: `policy` makes a PurgeRun for each slot, `run` makes a Job for each
//! PurgeRun, `connection` tells what is known of a DatabaseConnection. A reconcile observes,
//! decides, acts and writes one status, in that order; what is decided is decided by pure functions
//! with the clock as an argument. Nothing is remembered between reconciles, so that the process may
//! be killed after any write.

mod conditions;
mod connection;
mod context;
mod declared;
mod error;
mod events;
mod facts;
mod invalid;
mod names;
mod policy;
mod run;
mod server;
mod status;
mod witness;

#[cfg(test)]
mod fixtures;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::{join_all, try_join};
use futures_util::{FutureExt, Stream, StreamExt};
use k8s_openapi::api::core::v1::ResourceRequirements;
use kube::api::ListParams;
use kube::core::DeserializeGuard;
use kube::runtime::controller::{Action, Config, Error as Failed};
use kube::runtime::watcher;
use kube::{Client, Resource};

pub use error::Error;

use crate::api::RetentionPolicy;
use context::Context;

/// So many objects of one kind are worked on at a time. Each costs a handful of requests.
const CONCURRENCY: u16 = 8;

/// How the operator was installed.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Only these namespaces; empty: all.
    pub namespaces: Vec<String>,
    /// The image of the pods that do the work.
    pub runner_image: String,
    /// `Always`, `IfNotPresent` or `Never`; `None`: what Kubernetes makes of the image's tag.
    pub runner_image_pull_policy: Option<String>,
    /// CPU and memory of a runner for whose connection nothing is said.
    pub runner_resources: Option<ResourceRequirements>,
    /// The ClusterRole that lets a runner report.
    pub runner_role: String,
    /// Where probes are answered; `None`: nowhere.
    pub listen: Option<SocketAddr>,
}

/// Works until `shutdown` comes; reconciles under way are ended first.
pub async fn start(
    client: Client,
    settings: Settings,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Error> {
    let listen = settings.listen;
    let namespaces = settings.namespaces.clone();
    let context = Arc::new(Context::new(client, settings));
    let shutdown = shutdown.boxed().shared();
    let scopes: Vec<Option<String>> = match &namespaces[..] {
        [] => vec![None],
        named => named.iter().cloned().map(Some).collect(),
    };
    let is_ready = Arc::new(AtomicBool::new(false));
    let server = server::serve(listen, Arc::clone(&is_ready), shutdown.clone());
    let work = async {
        tokio::select! {
            found = find_kinds(&context, &scopes) => found?,
            () = shutdown.clone() => return Ok(()),
        }
        is_ready.store(true, Ordering::Relaxed);
        work(&context, &scopes, &shutdown).await;
        Ok(())
    };
    try_join(work, server).await?;
    Ok(())
}

/// All loops of all scopes, to their end.
async fn work<S>(context: &Arc<Context>, scopes: &[Option<String>], shutdown: &S)
where
    S: Future<Output = ()> + Clone + Send + Sync + 'static,
{
    let loops = scopes.iter().flat_map(|scope| {
        let scope = scope.as_deref();
        [
            policy::watch(context, scope, shutdown.clone()).boxed(),
            run::watch(context, scope, shutdown.clone()).boxed(),
            connection::watch(context, scope, shutdown.clone()).boxed(),
            witness::watch(context, scope, shutdown.clone()).boxed(),
        ]
    });
    join_all(loops.collect::<Vec<_>>()).await;
}

/// An installation may bring the kinds a moment after us. Whatever else is wrong, such as a right
/// that is missing, is told at once.
async fn find_kinds(context: &Context, scopes: &[Option<String>]) -> Result<(), Error> {
    let one = ListParams::default().limit(1);
    for scope in scopes {
        let policies = context.api_in::<DeserializeGuard<RetentionPolicy>>(scope.as_deref());
        loop {
            match policies.list(&one).await {
                Ok(_) => break,
                Err(kube::Error::Api(status)) if status.is_not_found() => {
                    tracing::warn!(
                        "there is no kind RetentionPolicy yet: `retention-operator crds | kubectl \
                         apply --server-side -f -` installs it"
                    );
                    tokio::time::sleep(Duration::from_secs(2)).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(())
}

fn config() -> Config {
    // One status of a run is followed by others: a moment's wait makes one reconcile of them.
    Config::default().concurrency(CONCURRENCY).debounce(Duration::from_millis(200))
}

/// Runs a loop's reconciles to its end, and tells what failed.
async fn drain<K, E>(
    kind: &'static str,
    results: impl Stream<
        Item = Result<(kube::runtime::reflector::ObjectRef<K>, Action), Failed<E, watcher::Error>>,
    >,
) where
    K: Resource,
    K::DynamicType: std::fmt::Debug + Clone + Eq + std::hash::Hash,
    E: std::error::Error + 'static,
{
    results
        .for_each(|result| async move {
            match result {
                Ok((object, _)) => tracing::debug!("{kind} {object}: reconciled"),
                // Told where it happened, or gone before it was its turn.
                Err(Failed::ReconcilerFailed(..) | Failed::ObjectNotFound(_)) => {}
                // Among them a right to watch that is missing.
                Err(error) => tracing::warn!("{kind}: {error}"),
            }
        })
        .await;
}

/// After an error the object is looked at again: at once when somebody else was faster, which is no
/// error, otherwise a little later.
fn again<K: Resource<DynamicType = ()>>(object: &K, error: &Error) -> Action {
    let name = object.meta().name.as_deref().unwrap_or_default();
    let kind = K::kind(&());
    if error.is_conflict() {
        tracing::debug!("{kind} {name}: {error}");
        return Action::requeue(Duration::from_secs(1));
    }
    tracing::warn!("{kind} {name}: {error}");
    Action::requeue(Duration::from_secs(10))
}
