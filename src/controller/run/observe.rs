//! What is there for a run: what it names, its Job and pods, and who else is at work.

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::ListParams;
use kube::core::DeserializeGuard;
use kube::runtime::reflector::Store;

use crate::api::{DatabaseConnection, PurgeRun, RetentionPolicy};
use crate::controller::context::Context;
use crate::controller::error::Error;
use crate::controller::{facts, names};

/// As the API server has it now; what may be old says so.
#[derive(Debug, Default)]
pub struct Observed {
    pub policy: Option<RetentionPolicy>,
    /// The uid of a policy that is there, and is not one that this version can read.
    pub unreadable_policy: Option<String>,
    pub connection: Option<DatabaseConnection>,
    pub job: Option<Job>,
    /// Of that Job.
    pub pods: Vec<Pod>,
    /// The other runs of the namespace that have not ended. Those with a Job at work are as they are
    /// now. Who waits may be a moment old: it costs a place in the queue at most. They and their Jobs
    /// are looked for only where the run has no Job.
    pub others: Vec<PurgeRun>,
    /// The Jobs of the other runs.
    pub others_jobs: Vec<Job>,
}

pub async fn observe(
    run: &PurgeRun,
    known: &Store<DeserializeGuard<PurgeRun>>,
    context: &Context,
) -> Result<Observed, Error> {
    let namespace = run.namespace().ok_or(Error::Incomplete("metadata.namespace"))?;
    let name = run.name_any();
    let policies = context.api::<DeserializeGuard<RetentionPolicy>>(&namespace);
    let found = policies.get_opt(&run.spec.policy_ref.name).await?;
    let is_there = found.as_ref().and_then(ResourceExt::uid);
    let policy = found.and_then(|policy| policy.0.ok());
    let unreadable_policy = is_there.filter(|_| policy.is_none());
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
    let found =
        Observed { policy, unreadable_policy, connection, job, pods, ..Observed::default() };
    if found.job.is_some() {
        return Ok(found);
    }
    let ours = ListParams::default().labels(&names::selector());
    let mut others_jobs = context.api::<Job>(&namespace).list(&ours).await?.items;
    others_jobs.retain(|job| job.name_any() != name);
    // Reading all runs anew for each that waits costs megabytes where many have ended.
    let mut others: Vec<PurgeRun> = known.state().iter().filter_map(|run| waiting(run)).collect();
    others
        .retain(|other| other.namespace().as_ref() == Some(&namespace) && other.name_any() != name);
    for job in others_jobs.iter().filter(|job| facts::job_ended(job).is_none()) {
        let now = context.find::<PurgeRun>(&namespace, &job.name_any()).await?;
        others.retain(|other| other.name_any() != job.name_any());
        others.extend(now);
    }
    Ok(Observed { others, others_jobs, ..found })
}

fn waiting(run: &DeserializeGuard<PurgeRun>) -> Option<PurgeRun> {
    let run = run.0.as_ref().ok()?;
    facts::ended(run).is_none().then(|| run.clone())
}
