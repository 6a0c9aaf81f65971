//! What is there for a run: what it names, its Job and pods, and who else is at work.

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::ListParams;
use kube::core::DeserializeGuard;

use crate::api::{DatabaseConnection, PurgeRun, RetentionPolicy};
use crate::controller::context::Context;
use crate::controller::error::Error;
use crate::controller::names;

/// As the API server has it now; no cache is asked.
#[derive(Debug, Default)]
pub struct Observed {
    pub policy: Option<RetentionPolicy>,
    pub connection: Option<DatabaseConnection>,
    pub job: Option<Job>,
    /// Of that Job.
    pub pods: Vec<Pod>,
    /// Looked for only when the run is about to start.
    pub others: Others,
}

/// Who else is in the namespace.
#[derive(Debug, Default)]
pub struct Others {
    pub runs: Vec<PurgeRun>,
    pub jobs: Vec<Job>,
}

pub async fn observe(run: &PurgeRun, context: &Context) -> Result<Observed, Error> {
    let namespace = run.namespace().ok_or(Error::Incomplete("metadata.namespace"))?;
    let name = run.name_any();
    let policy: Option<RetentionPolicy> =
        context.find(&namespace, &run.spec.policy_ref.name).await?;
    // A run that was started stays on the connection that it was started on.
    let connection_name = policy.as_ref().map(|policy| &policy.spec.connection_ref.name);
    let connection = match connection_name {
        Some(connection) => context.find(&namespace, connection).await?,
        None => None,
    };
    let job = context.api::<Job>(&namespace).get_opt(&name).await?;
    let of_run = ListParams::default().labels(&format!("{}={name}", names::RUN));
    let mut pods = context.api::<Pod>(&namespace).list(&of_run).await?.items;
    pods.sort_by_key(|pod| pod.creation_timestamp().map(|time| time.0));
    Ok(Observed { policy, connection, job, pods, others: Others::default() })
}

/// All other runs of the namespace and their Jobs.
pub async fn others(run: &PurgeRun, context: &Context) -> Result<Others, Error> {
    let namespace = run.namespace().ok_or(Error::Incomplete("metadata.namespace"))?;
    let name = run.name_any();
    let ours = ListParams::default().labels(&names::selector());
    let mut jobs = context.api::<Job>(&namespace).list(&ours).await?.items;
    jobs.retain(|job| job.name_any() != name);
    let runs = context.api::<DeserializeGuard<PurgeRun>>(&namespace);
    let runs = runs.list(&ListParams::default()).await?.into_iter();
    let runs = runs.filter_map(|run| run.0.ok()).filter(|other| other.name_any() != name);
    Ok(Others { runs: runs.collect(), jobs })
}
