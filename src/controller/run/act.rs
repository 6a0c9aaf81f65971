//! Makes and ends Jobs.

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, ServiceAccount};
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::ResourceExt;
use kube::api::{DeleteParams, PostParams, Preconditions};

use super::decide::{Decision, Start};
use super::observe::Observed;
use super::stage::{Stage, Why};
use super::{access, job, orders};
use crate::api::PurgeRun;
use crate::controller::context::Context;
use crate::controller::error::Error;
use crate::controller::events::Note;
use crate::controller::names::RUNNER;

/// Where the run stands after what was done, and what is to be told besides.
pub struct Acted {
    pub stage: Stage,
    pub note: Option<Note>,
}

impl From<Stage> for Acted {
    fn from(stage: Stage) -> Self {
        Self { stage, note: None }
    }
}

pub async fn act(
    run: &PurgeRun,
    observed: &Observed,
    decision: Decision,
    context: &Context,
) -> Result<Acted, Error> {
    match decision {
        Decision::Tell(stage) => Ok(stage.into()),
        Decision::Stop(stage) => {
            if let Some(job) = &observed.job {
                stop(job, context).await?;
            }
            Ok(stage.into())
        }
        Decision::Start(start) => match begin(run, &start, context).await {
            Ok(()) => Ok(Stage::Started.into()),
            // The API server's own words: a quota, an admission policy, a right that is missing.
            Err(error) => match error.refusal() {
                Some(words) => {
                    let message = format!("the run cannot be started: {words}");
                    Ok(Stage::Waiting(Why::new("NotStarted", message)).into())
                }
                None => Err(error),
            },
        },
    }
}

/// In the foreground: the Job is there until its pods are gone, so that nobody else begins while a
/// batch is still being ended.
async fn stop(job: &Job, context: &Context) -> Result<(), Error> {
    let namespace = job.namespace().ok_or(Error::Incomplete("metadata.namespace"))?;
    let params = DeleteParams {
        preconditions: Some(Preconditions { uid: job.uid(), resource_version: None }),
        ..DeleteParams::foreground()
    };
    match context.api::<Job>(&namespace).delete(&job.name_any(), &params).await {
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        other => other.map(drop).map_err(Error::from),
    }
}

/// The Job comes last and is the lock: if we die before it, what was made is found again and
/// nothing runs; if we die after it, the Job is found and recognised.
async fn begin(run: &PurgeRun, start: &Start, context: &Context) -> Result<(), Error> {
    let namespace = run.namespace().ok_or(Error::Incomplete("metadata.namespace"))?;
    let orders = keep(run, start, &namespace, context).await?;
    let own_account = start.connection.spec.runner.as_ref();
    if own_account.is_none_or(|runner| runner.service_account_name.is_none()) {
        admit(&namespace, context).await?;
    }
    let mut job = job::job(run, start, &context.settings);
    mount(&mut job, orders);
    match context.api::<Job>(&namespace).create(&PostParams::default(), &job).await {
        // Ours from before we died, or a stranger's: it is looked at next time.
        Err(kube::Error::Api(status)) if status.is_already_exists() => {
            Err(Error::Kube(Box::new(kube::Error::Api(status))))
        }
        other => other.map(drop).map_err(Error::from),
    }
}

/// Gives the ConfigMap's name. One of the run's name that is there already is ours from before we
/// died, perhaps of an older policy, or a stranger's: we may not read it, so it is left alone. The
/// second name holds the digest of what is in it, and the runner checks the digest in any case.
async fn keep(
    run: &PurgeRun,
    start: &Start,
    namespace: &str,
    context: &Context,
) -> Result<String, Error> {
    let api = context.api::<ConfigMap>(namespace);
    for second in [false, true] {
        let map = orders::config_map(run, &start.policy, &start.orders, second);
        match api.create(&PostParams::default(), &map).await.map_err(Error::from) {
            Err(error) if error.is_already_there() && !second => {}
            Err(error) if error.is_already_there() => return Ok(map.name_any()),
            other => {
                other?;
                return Ok(map.name_any());
            }
        }
    }
    Ok(run.name_any())
}

fn mount(job: &mut Job, orders: String) {
    let volumes = job.spec.as_mut().and_then(|spec| spec.template.spec.as_mut()?.volumes.as_mut());
    let map = volumes.and_then(|volumes| volumes.first_mut()?.config_map.as_mut());
    if let Some(map) = map {
        map.name = orders;
    }
}

/// Sees to the runners' account and its binding. A binding of that name to anything else is told:
/// with it, runs would do their work and could not report.
async fn admit(namespace: &str, context: &Context) -> Result<(), Error> {
    let accounts = context.api::<ServiceAccount>(namespace);
    if accounts.get_opt(RUNNER).await?.is_none() {
        let created = accounts.create(&PostParams::default(), &access::account(namespace)).await;
        unless_there(created)?;
    }
    let bindings = context.api::<RoleBinding>(namespace);
    let wanted = access::binding(namespace, &context.settings.runner_role);
    match bindings.get_opt(RUNNER).await? {
        None => unless_there(bindings.create(&PostParams::default(), &wanted).await),
        Some(found) if access::binds_the_same(&found, &wanted) => Ok(()),
        Some(_) => Err(Error::ForeignBinding(format!(
            "RoleBinding {RUNNER} binds something other than ClusterRole {} to ServiceAccount \
             {RUNNER}: delete it",
            context.settings.runner_role
        ))),
    }
}

fn unless_there<K>(created: Result<K, kube::Error>) -> Result<(), Error> {
    match created {
        Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(()),
        other => other.map(drop).map_err(Error::from),
    }
}
