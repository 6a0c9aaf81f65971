//! The PurgeRun in the API: the record of a run. It is asked before the run and told of it.

use std::fmt::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use jiff::fmt::rfc2822;
use jiff::{SignedDuration, Timestamp};
use kube::api::{Api, ApiResource, DynamicObject, GetParams, Patch, PatchParams, Request};
use kube::client::Body;
use kube::{Client, Config, ResourceExt};
use serde_json::json;

use crate::api::{GROUP, PurgeRun, PurgeRunStatus, VERSION};
use crate::declare::Metadata;

/// Who owns the fields that a runner writes.
const MANAGER: &str = "retention-operator-runner";
/// A run that was replaced carries the name of its successor here.
const REPLACED_BY: &str = "retention-operator.io/replaced-by";
/// How long one answer is waited for.
const ANSWER: Duration = Duration::from_secs(3);
/// How long the API is tried. A pod that was told to end has half a minute in all.
const PATIENCE: Duration = Duration::from_secs(15);
const PATIENCE_WHEN_STOPPED: Duration = Duration::from_secs(3);

/// One PurgeRun.
#[derive(Clone)]
pub struct Record {
    api: Api<DynamicObject>,
    name: String,
    uid: Option<String>,
}

/// Why the record could not be read or written.
#[derive(Debug, PartialEq)]
pub enum Fault {
    /// It is not there any more; another of its name may be.
    Gone(String),
    /// Worth trying again.
    Unreachable(String),
}

/// Why a run must not go on.
#[derive(Debug)]
pub enum Halt {
    /// Until somebody says otherwise.
    Suspended,
    /// For good.
    ReplacedBy(String),
}

/// What a run has to know of its record.
#[derive(Debug)]
pub struct Found {
    pub halt: Option<Halt>,
    pub status: PurgeRunStatus,
}

impl Record {
    /// In the manifest's namespace, or else in the one that a Kubernetes client would take.
    pub async fn of(name: &str, metadata: Option<&Metadata>) -> Result<Self, Fault> {
        let unreachable =
            |error: String| Fault::Unreachable(format!("the Kubernetes API: {error}"));
        let config = Config::infer().await.map_err(|error| unreachable(error.to_string()))?;
        let own = config.default_namespace.clone();
        let client = Client::try_from(config).map_err(|error| unreachable(words(&error)))?;
        let namespace = metadata.and_then(|metadata| metadata.namespace.as_ref()).unwrap_or(&own);
        let resource = ApiResource::erase::<PurgeRun>(&());
        Ok(Self {
            api: Api::namespaced_with(client, namespace, &resource),
            name: name.to_owned(),
            uid: metadata.and_then(|metadata| metadata.uid.clone()),
        })
    }

    pub async fn find(&self) -> Result<Found, Fault> {
        let found = self.answer(self.api.get(&self.name)).await?;
        self.read(found)
    }

    /// One attempt. All fields that the runner owns: what is left out here is removed there.
    pub async fn write(&self, status: &PurgeRunStatus) -> Result<(), Fault> {
        // Another of the same name must not get this one's report, and a status is written to
        // whoever has the name, whatever uid is sent along.
        self.find().await?;
        let record = json!({
            "apiVersion": format!("{GROUP}/{VERSION}"),
            "kind": "PurgeRun",
            "metadata": {"name": self.name},
            "status": status,
        });
        let apply = PatchParams::apply(MANAGER).force();
        let patch = Patch::Apply(&record);
        self.answer(self.api.patch_status(&self.name, &apply, &patch)).await.map(drop)
    }

    /// How far this machine's clock is ahead of the API server's; `None`: its answers bear no date.
    pub async fn ahead(&self) -> Result<Option<SignedDuration>, Fault> {
        let url = self.api.resource_url();
        let request =
            Request::new(url).get(&self.name, &GetParams::default()).map_err(|error| {
                Fault::Unreachable(format!("PurgeRun/{}: the Kubernetes API: {error}", self.name))
            })?;
        let client = self.api.clone().into_client();
        let answer = self.answer(client.send(request.map(Body::from))).await?;
        let date = answer.headers().get("date").and_then(|date| date.to_str().ok());
        let theirs = date.and_then(|date| rfc2822::parse(date).ok());
        Ok(theirs.map(|theirs| Timestamp::now().duration_since(theirs.timestamp())))
    }

    async fn answer<T>(&self, answer: impl Future<Output = kube::Result<T>>) -> Result<T, Fault> {
        let unreachable = |error: &str| {
            Fault::Unreachable(format!("PurgeRun/{}: the Kubernetes API: {error}", self.name))
        };
        match tokio::time::timeout(ANSWER, answer).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(kube::Error::Api(status))) if status.code == 404 => Err(self.gone()),
            Ok(Err(error)) => Err(unreachable(&words(&error))),
            Err(_) => Err(unreachable(&format!("no answer within {} s", ANSWER.as_secs()))),
        }
    }

    fn gone(&self) -> Fault {
        Fault::Gone(format!("PurgeRun/{} is not there any more", self.name))
    }

    fn read(&self, found: DynamicObject) -> Result<Found, Fault> {
        let same = self.uid.is_none() || self.uid == found.metadata.uid;
        if !same || found.metadata.deletion_timestamp.is_some() {
            return Err(self.gone());
        }
        let halt = if found.data["spec"]["suspend"] == true {
            Some(Halt::Suspended)
        } else {
            found.annotations().get(REPLACED_BY).cloned().map(Halt::ReplacedBy)
        };
        let status = match found.data.get("status") {
            Some(status) => serde_json::from_value(status.clone()),
            None => Ok(PurgeRunStatus::default()),
        };
        let status = status.map_err(|error| {
            Fault::Unreachable(format!("PurgeRun/{}: status: {error}", self.name))
        })?;
        Ok(Found { halt, status })
    }
}

/// Tries until there is an answer or patience ends.
pub async fn insist<T>(
    stop: &AtomicBool,
    attempt: impl AsyncFn() -> Result<T, Fault>,
) -> Result<T, Fault> {
    let started = Instant::now();
    let mut pause = Duration::from_millis(200);
    loop {
        let fault = match attempt().await {
            Err(fault @ Fault::Unreachable(_)) => fault,
            answered => return answered,
        };
        let patience = if stop.load(Ordering::Relaxed) { PATIENCE_WHEN_STOPPED } else { PATIENCE };
        if started.elapsed() + pause > patience {
            return Err(fault);
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(2));
    }
}

/// An error with its causes, on one line.
fn words(error: &kube::Error) -> String {
    if let kube::Error::Api(status) = error {
        return format!("{} ({})", status.message, status.code);
    }
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            let _ = write!(text, ": {more}");
        }
        cause = error.source();
    }
    text
}
