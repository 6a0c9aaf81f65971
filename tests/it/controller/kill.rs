//! The operator is killed at each of its writes: after it arrived, and before.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use futures_util::StreamExt;
use futures_util::future::{join_all, pending};
use jiff::ToSpan;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::runtime::{WatchStreamExt, watcher};
use retention_operator::api::{DatabaseConnection, PurgeRun, RetentionPolicy};
use serde_json::json;
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinHandle;

use super::bed::{self, Bed, Kind};
use super::cause;
use super::node::is_fresh;
use super::objects::{FAR_AWAY, Slot, done, run, stopped};
use super::operator::mortal;

/// What people do and what has to come of it, whoever dies. The operator begins when it is told that all is ready.
type Story = fn(Bed, Arc<Notify>) -> Pin<Box<dyn Future<Output = ()> + Send>>;

pub async fn an_operator_killed_at_any_of_its_writes_loses_no_slot_and_runs_none_twice(bed: Bed) {
    let story: Story = |bed, ready| Box::pin(a_slot(bed, ready));
    told_and_cut(bed, story, 15, true).await;
}

pub async fn an_operator_killed_while_one_run_replaces_another_lets_neither_overlap_nor_vanish(
    bed: Bed,
) {
    let story: Story = |bed, ready| Box::pin(a_replacement(bed, ready));
    told_and_cut(bed, story, 25, false).await;
}

pub async fn an_operator_killed_while_a_run_is_paused_lets_it_go_on_and_end(bed: Bed) {
    let story: Story = |bed, ready| Box::pin(a_pause(bed, ready));
    told_and_cut(bed, story, 18, false).await;
}

pub async fn a_run_that_ended_before_anybody_wrote_that_it_began_is_told_and_counted(bed: Bed) {
    bed.declared(FAR_AWAY).await;
    let of_run = |_, path: &str| path.ends_with("/purgeruns/by-hand/status");
    let (client, life) = mortal(bed::client(bed.cluster).await, of_run, false);
    let first = bed.operator_by(client);
    bed.make::<PurgeRun>(run("by-hand", "chats")).await;
    life.over.notified().await;
    drop(first);
    bed.works("by-hand", done(7), 0).await;
    let is_complete =
        |job: &Job| job.status.as_ref().is_some_and(|status| status.completion_time.is_some());
    bed.until("complete", "by-hand", is_complete).await;

    let _second = bed.operator().await;
    let (ended, _) = bed.run_says("by-hand", "Complete", "Done").await;
    let status = ended.status.unwrap();
    assert_eq!(
        (status.job.as_deref(), status.connection.as_deref()),
        (Some("by-hand"), Some("db"))
    );
    assert!(status.start_time.is_some());
    let is_told = |policy: &RetentionPolicy| {
        policy
            .status
            .as_ref()
            .is_some_and(|status| status.last_run.is_some() && status.deleted_total == Some(7))
    };
    bed.until("counted", "chats", is_told).await;
    let is_used = |db: &DatabaseConnection| {
        db.status.as_ref().is_some_and(|status| status.last_run.is_some())
    };
    bed.until("used", "db", is_used).await;
}

/// So many stories are told at a time.
const AT_ONCE: usize = 32;

/// Tells a story undisturbed, and cut at every write of it: where `lost` too, the last one arrives or does not. At least
/// `certain` writes are made in any order of things.
async fn told_and_cut(bed: Bed, story: Story, certain: usize, lost: bool) {
    let (cluster, places) = (bed.cluster, Arc::new(Semaphore::new(AT_ONCE)));
    let cut = |last: RangeInclusive<usize>| {
        let ends = last.flat_map(|last| [(last, true), (last, false)]);
        let stories = ends.filter(|(_, arrives)| *arrives || lost).map(|(last, arrives)| {
            let places = Arc::clone(&places);
            tokio::spawn(async move {
                let _place = places.acquire_owned().await.unwrap();
                let reached = told(Bed::new(cluster).await, story, last, arrives).await;
                assert!(reached == last || certain < last, "cut at {last}, made {reached}");
            })
        });
        join_all(stories.collect::<Vec<_>>())
    };
    let cut_early = cut(1..=certain);
    // The slower the machine, the more writes it takes undisturbed: how many is not known before.
    let writes = told(bed, story, usize::MAX, true).await;
    assert!((certain..200).contains(&writes), "undisturbed it takes {writes} writes");
    let cut_late = cut(certain + 1..=writes);
    for told in cut_early.await.into_iter().chain(cut_late.await) {
        told.unwrap_or_else(|error| panic!("{}", cause(error)));
    }
}

/// Under an operator that dies at its `last` write, and a second one after it: how many writes the first one made.
async fn told(bed: Bed, story: Story, last: usize, last_arrives: bool) -> usize {
    let ready = Arc::new(Notify::new());
    let (client, life) =
        mortal(bed::client(bed.cluster).await, move |at, _| at == last, last_arrives);
    let operators = async {
        ready.notified().await;
        let first = bed.operator_by(client);
        life.over.notified().await;
        drop(first);
        let _second = bed.operator().await;
        pending::<()>().await;
    };
    let what = format!("{}: killed at write {last}, which arrives: {last_arrives}", bed.namespace);
    let story = tokio::spawn(story(bed.clone(), Arc::clone(&ready)));
    tokio::select! {
        told = story => if let Err(error) = told {
            panic!("{what}: {}", cause(error));
        },
        () = operators => {}
    }
    life.writes()
}

async fn a_slot(bed: Bed, ready: Arc<Notify>) {
    let policy = bed.declared(FAR_AWAY).await;
    let long_ago = policy.creation_timestamp().unwrap().0 - 24.hours();
    bed.past("oldest", &policy, Some(long_ago), "Complete", 5).await;
    let (jobs, runs, node) = (seen::<Job>(&bed), seen::<PurgeRun>(&bed), Node::of(&bed));
    let slot = Slot::near();
    let change = json!({"spec": {"schedule": slot.schedule(), "successfulRunsHistoryLimit": 1}});
    bed.change::<RetentionPolicy>("chats", change).await;
    ready.notify_one();

    let name = slot.run_of("chats");
    bed.run_says(&name, "Complete", "Done").await;
    bed.until_gone::<PurgeRun>("oldest").await;
    settled(&bed, slot, 12).await;
    assert_eq!(
        (jobs.count(), node.attempts.count(), runs.count()),
        (1, 1, 2),
        "Jobs, attempts, runs"
    );
    assert_eq!(bed.names::<PurgeRun>().await, [name]);
}

async fn a_replacement(bed: Bed, ready: Arc<Notify>) {
    bed.declared(FAR_AWAY).await;
    let (jobs, runs, node) = (seen::<Job>(&bed), seen::<PurgeRun>(&bed), Node::of(&bed));
    bed.make::<PurgeRun>(run("by-hand", "chats")).await;
    ready.notify_one();
    is_at_work(&bed).await;
    // A policy that is edited before anybody wrote that the Job was made has it made anew.
    let is_recorded =
        |run: &PurgeRun| run.status.as_ref().is_some_and(|status| status.job.is_some());
    bed.until("recorded", "by-hand", is_recorded).await;
    let slot = Slot::near();
    let change = json!({"spec": {"schedule": slot.schedule(), "concurrencyPolicy": "Replace"}});
    bed.change::<RetentionPolicy>("chats", change).await;

    bed.run_says(&slot.run_of("chats"), "Complete", "Done").await;
    let (replaced, _) = bed.run_says("by-hand", "Failed", "Replaced").await;
    assert_eq!(replaced.status.unwrap().totals.unwrap().deleted, 2);
    settled(&bed, slot, 9).await;
    assert_eq!(
        (jobs.count(), node.attempts.count(), runs.count()),
        (2, 2, 2),
        "Jobs, attempts, runs"
    );
    assert!(!*node.overlapped.lock().unwrap(), "two pods at work");
}

async fn a_pause(bed: Bed, ready: Arc<Notify>) {
    bed.declared(FAR_AWAY).await;
    let (jobs, node) = (seen::<Job>(&bed), Node::of(&bed));
    bed.make::<PurgeRun>(run("by-hand", "chats")).await;
    ready.notify_one();
    is_at_work(&bed).await;
    bed.change::<PurgeRun>("by-hand", json!({"spec": {"suspend": true}})).await;
    bed.run_says("by-hand", "Suspended", "Suspended").await;
    bed.change::<PurgeRun>("by-hand", json!({"spec": {"suspend": false}})).await;
    bed.run_says("by-hand", "Complete", "Done").await;
    let is_told = |policy: &RetentionPolicy| {
        policy
            .status
            .as_ref()
            .is_some_and(|status| status.deleted_total == Some(7) && status.active.is_empty())
    };
    bed.until("all of it told", "chats", is_told).await;
    assert_eq!((jobs.count(), node.attempts.count()), (2, 2), "Jobs, attempts");
    assert!(!*node.overlapped.lock().unwrap(), "two pods at work");
}

async fn is_at_work(bed: &Bed) {
    let phase = |pod: &Pod| pod.status.as_ref()?.phase.clone();
    bed.until_any("a pod at work", |pod| phase(pod).as_deref() == Some("Running")).await;
}

/// The policy has told of the slot and counted its runs. Which of two it calls the last depends on when their ends were
/// seen.
async fn settled(bed: &Bed, slot: Slot, deleted_total: i64) {
    let is_told = |policy: &RetentionPolicy| {
        policy.status.as_ref().is_some_and(|status| {
            status.last_schedule_time.as_ref().is_some_and(|time| time.0 == slot.0)
                && status.deleted_total == Some(deleted_total)
                && status.missed == Some(0)
                && status.active.is_empty()
        })
    };
    bed.until("all of it told", "chats", is_told).await;
}

/// The uids that were ever seen.
struct Seen {
    uids: Arc<Mutex<BTreeSet<String>>>,
    task: JoinHandle<()>,
}

impl Seen {
    fn count(&self) -> usize {
        self.uids.lock().unwrap().len()
    }
}

impl Drop for Seen {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn seen<K: Kind>(bed: &Bed) -> Seen {
    let uids = Arc::new(Mutex::new(BTreeSet::new()));
    let (all, api) = (Arc::clone(&uids), bed.api::<K>());
    let task = tokio::spawn(async move {
        let objects = watcher(api, watcher::Config::default()).default_backoff().applied_objects();
        let mut objects = std::pin::pin!(objects);
        while let Some(object) = objects.next().await {
            all.lock().unwrap().extend(object.ok().and_then(|object| object.uid()));
        }
    });
    Seen { uids, task }
}

/// Works for every pod that comes, whether or not anybody is there to see it.
struct Node {
    attempts: Seen,
    /// A pod came while another was at work.
    overlapped: Arc<Mutex<bool>>,
}

impl Node {
    /// The first pod of the run `by-hand` works until it is told to go.
    fn of(bed: &Bed) -> Self {
        let (uids, overlapped) =
            (Arc::new(Mutex::new(BTreeSet::new())), Arc::new(Mutex::new(false)));
        let (all, flag, bed) = (Arc::clone(&uids), Arc::clone(&overlapped), bed.clone());
        let task = tokio::spawn(async move {
            let pods = watcher(bed.api::<Pod>(), watcher::Config::default())
                .default_backoff()
                .applied_objects();
            let mut pods = std::pin::pin!(pods);
            let mut at_work = BTreeSet::new();
            while let Some(pod) = pods.next().await {
                let Ok(pod) = pod else { continue };
                let (uid, name) = (pod.uid().unwrap(), pod.name_any());
                let run = pod.labels()["retention-operator.io/purgerun"].clone();
                if is_fresh(&pod) && all.lock().unwrap().insert(uid) {
                    *flag.lock().unwrap() |= !at_work.is_empty();
                    bed.begins(&name).await;
                    if run == "by-hand" && all.lock().unwrap().len() == 1 {
                        at_work.insert(name);
                    } else {
                        bed.reports(&run, done(7)).await;
                        bed.ends(&name, 0).await;
                    }
                } else if pod.metadata.deletion_timestamp.is_some() && at_work.contains(&name) {
                    bed.stops(&name, &run, stopped(2), 3).await;
                    at_work.remove(&name);
                }
            }
        });
        Self { attempts: Seen { uids, task }, overlapped }
    }
}
