//! What is there for a run: what it names, its Job and pods, and who else is at work.

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::ListParams;
use kube::core::DeserializeGuard;
use kube::runtime::reflector::Store;

use super::pod;
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
    /// Looked for only when the run is about to start, or has ended.
    pub others: Others,
}

/// Who else is in the namespace.
#[derive(Debug, Default)]
pub struct Others {
    /// All of the same policy, and all with a Job at work, as they are now. Who else waits may be a
    /// moment old: it costs a place in the queue at most.
    pub runs: Vec<PurgeRun>,
    pub jobs: Vec<Job>,
    /// Not ended yet. One may outlive its Job: its run was deleted, and it has time to end its batch.
    pub pods: Vec<Pod>,
}

pub async fn observe(run: &PurgeRun, context: &Context) -> Result<Observed, Error> {
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
    Ok(Observed { policy, unreadable_policy, connection, job, pods, others: Others::default() })
}

/// The others that matter to a run. Reading all runs anew would cost megabytes where many have ended.
pub async fn others(
    run: &PurgeRun,
    known: &Store<DeserializeGuard<PurgeRun>>,
    context: &Context,
) -> Result<Others, Error> {
    let namespace = run.namespace().ok_or(Error::Incomplete("metadata.namespace"))?;
    let name = run.name_any();
    let ours = ListParams::default().labels(&names::selector());
    let mut jobs = context.api::<Job>(&namespace).list(&ours).await?.items;
    jobs.retain(|job| job.name_any() != name);
    let mut pods = context.api::<Pod>(&namespace).list(&ours).await?.items;
    pods.retain(|pod| !pod::has_ended(pod) && pod.labels().get(names::RUN) != Some(&name));
    let of_policy = format!("spec.policyRef.name={}", run.spec.policy_ref.name);
    let of_policy = ListParams::default().fields(&of_policy);
    let listed = context.api::<DeserializeGuard<PurgeRun>>(&namespace).list(&of_policy).await?;
    let mut runs: Vec<PurgeRun> = listed.into_iter().filter_map(|run| run.0.ok()).collect();
    for job in jobs.iter().filter(|job| facts::job_ended(job).is_none()) {
        if !runs.iter().any(|run| run.name_any() == job.name_any()) {
            runs.extend(context.find::<PurgeRun>(&namespace, &job.name_any()).await?);
        }
    }
    for waiting in known.state().iter().filter_map(|run| waiting(run, &namespace)) {
        if !runs.iter().any(|run| run.name_any() == waiting.name_any()) {
            runs.push(waiting);
        }
    }
    runs.retain(|other| other.name_any() != name);
    Ok(Others { runs, jobs, pods })
}

fn waiting(run: &DeserializeGuard<PurgeRun>, namespace: &str) -> Option<PurgeRun> {
    let run = run.0.as_ref().ok()?;
    let is_near = run.namespace().as_deref() == Some(namespace);
    (is_near && facts::ended(run).is_none()).then(|| run.clone())
}
