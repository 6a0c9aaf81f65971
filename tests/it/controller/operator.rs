//! The operator, in this process, for one namespace.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use http::Request;
use kube::Client;
use kube::client::Body;
use retention_operator::controller::{self, Settings};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use super::bed::{self, Bed};

/// Dies when it is dropped, in the middle of whatever it does.
pub struct Operator(JoinHandle<()>);

impl Drop for Operator {
    fn drop(&mut self) {
        self.0.abort();
    }
}

pub fn settings(namespace: &str) -> Settings {
    Settings {
        namespaces: vec![namespace.to_owned()],
        runner_image: "runner:test".to_owned(),
        runner_image_pull_policy: Some("Never".to_owned()),
        runner_resources: None,
        runner_role: "retention-operator-runner".to_owned(),
        listen: None,
    }
}

impl Bed {
    pub async fn operator(&self) -> Operator {
        self.operator_by(bed::client(self.cluster).await)
    }

    pub fn operator_by(&self, client: Client) -> Operator {
        let settings = settings(&self.namespace);
        Operator(tokio::spawn(async move {
            controller::start(client, settings, pending()).await.unwrap();
        }))
    }
}

/// The life of an operator, counted in requests that change something.
#[derive(Default)]
pub struct Life {
    writes: AtomicUsize,
    is_over: AtomicBool,
    pub over: Notify,
}

impl Life {
    pub fn writes(&self) -> usize {
        self.writes.load(Ordering::SeqCst)
    }

    pub fn is_over(&self) -> bool {
        self.is_over.load(Ordering::SeqCst)
    }
}

/// A client that is cut off at the write for which `is_last` holds, given its number and its path: that one reaches the
/// server, or does not, and nothing that the server says from then on arrives.
pub fn mortal(
    client: Client,
    is_last: impl Fn(usize, &str) -> bool + Clone + Send + 'static,
    last_arrives: bool,
) -> (Client, Arc<Life>) {
    let life = Arc::new(Life::default());
    let seen = Arc::clone(&life);
    let namespace = client.default_namespace().to_owned();
    let service = tower::service_fn(move |request: Request<Body>| {
        let (client, life, is_last) = (client.clone(), Arc::clone(&seen), is_last.clone());
        async move {
            if life.is_over() {
                return pending().await;
            }
            if request.method() != "GET"
                && is_last(life.writes.fetch_add(1, Ordering::SeqCst) + 1, request.uri().path())
            {
                life.is_over.store(true, Ordering::SeqCst);
                if last_arrives {
                    drop(client.send(request).await);
                }
                life.over.notify_one();
                return pending().await;
            }
            let answer = client.send(request).await;
            if life.is_over() { pending().await } else { answer }
        }
    });
    (Client::new(service, namespace), life)
}

/// A client that lists runs once and is never told of any change of them, as with a watch that lags. It counts how often
/// a Job is looked at.
pub fn blind(client: Client) -> (Client, watch::Receiver<usize>) {
    let (looked, looks) = watch::channel(0);
    let looked = Arc::new(looked);
    let namespace = client.default_namespace().to_owned();
    let service = tower::service_fn(move |request: Request<Body>| {
        let (client, looked) = (client.clone(), Arc::clone(&looked));
        async move {
            let (path, query) = (request.uri().path(), request.uri().query().unwrap_or_default());
            if path.ends_with("/purgeruns") && query.contains("watch=true") {
                return pending().await;
            }
            let is_look = request.method() == "GET" && path.contains("/jobs/");
            let answer = client.send(request).await;
            looked.send_modify(|looks| *looks += usize::from(is_look));
            answer
        }
    });
    (Client::new(service, namespace), looks)
}
