//! What is done with a run and its Job. How a run ends is in `ending`.

mod ending;

use super::super::observe::Others;
use super::super::stage::SUSPENDED;
use super::*;
use crate::controller::fixtures::{
    at, at_work, by_hand, condition, connection, pod, policy, settings, stored, with, with_end,
};

const NOW: &str = "2026-11-21T02:05:00Z";

fn world() -> Observed {
    Observed { policy: Some(policy()), connection: Some(connection()), ..Observed::default() }
}

/// The Job of a run, as the API server has it.
fn job_of(run: &PurgeRun) -> Job {
    let world = world();
    stored(&job::job(run, &fresh(run, &world).unwrap(), &settings()))
}

fn world_with(job: Job) -> Observed {
    Observed { job: Some(job), ..world() }
}

fn decided(run: &PurgeRun, observed: &Observed) -> Decision {
    decide(run, observed, &settings(), at(NOW))
}

fn told(decision: Decision) -> Stage {
    match decision {
        Decision::Tell(stage) => stage,
        other => panic!("{other:?}"),
    }
}

fn stopped(decision: Decision) -> Stage {
    match decision {
        Decision::Stop(stage) => stage,
        other => panic!("{other:?}"),
    }
}

/// The word of a stage, and its reason.
fn words(stage: Stage) -> (&'static str, String) {
    match stage {
        Stage::Waiting(why) => ("Waiting", why.reason),
        Stage::Queued(why) => ("Queued", why.reason),
        Stage::Suspended => ("Suspended", String::new()),
        Stage::Stopping(why) => ("Stopping", why.reason),
        Stage::Started => ("Started", String::new()),
        Stage::Running(why) => ("Running", why.reason),
        Stage::Restarting(why) => ("Restarting", why.reason),
        Stage::Complete(why) => ("Complete", why.reason),
        Stage::Failed(why) => ("Failed", why.reason),
    }
}

fn is(stage: &'static str, reason: &str) -> (&'static str, String) {
    (stage, reason.to_owned())
}

fn suspended(run: &PurgeRun) -> PurgeRun {
    with(run, "spec: {suspend: true}")
}

fn replaced(run: &PurgeRun) -> PurgeRun {
    with(run, "metadata: {annotations: {retention-operator.io/replaced-by: chats-2}}")
}

fn being_deleted(job: &Job) -> Job {
    with(job, "metadata: {deletionTimestamp: 2026-11-21T02:04:59Z}")
}

fn deleted_and_made_anew() -> Observed {
    Observed { policy: Some(with(&policy(), "metadata: {uid: policy-2}")), ..world() }
}

#[test]
fn a_run_whose_turn_it_is_starts() {
    assert!(matches!(decided(&by_hand("look"), &world()), Decision::Start(_)));
}

#[test]
fn what_is_missing_is_waited_for() {
    let run = by_hand("look");
    let no_policy = Observed { policy: None, ..world() };
    assert_eq!(words(told(decided(&run, &no_policy))), is("Waiting", "PolicyNotFound"));
    let no_connection = Observed { connection: None, ..world() };
    assert_eq!(words(told(decided(&run, &no_connection))), is("Waiting", "ConnectionNotFound"));
    let wrong = with(&policy(), "spec: {schedule: 61 * * * *}");
    let wrong = Observed { policy: Some(wrong), ..world() };
    assert_eq!(words(told(decided(&run, &wrong))), is("Waiting", "InvalidValue"));
}

#[test]
fn a_run_that_asks_for_what_is_not_there_fails_since_its_spec_cannot_be_mended() {
    let run = with(&by_hand("look"), "spec: {targets: [nothing]}");
    assert_eq!(words(told(decided(&run, &world()))).0, "Failed");
}

#[test]
fn a_run_waits_in_the_queue_and_starts_nothing_there() {
    let other = with(&by_hand("other"), "spec: {policyRef: {name: logs}}");
    let jobs = vec![with(
        &job_of(&by_hand("other")),
        "metadata: {labels: {retention-operator.io/policy: logs}}",
    )];
    let others = Others { runs: vec![at_work(&other)], jobs, ..Others::default() };
    let busy = Observed { others, ..world() };
    assert_eq!(words(told(decided(&by_hand("look"), &busy))), is("Queued", queue::LIMIT));
}

#[test]
fn a_job_made_before_we_died_is_found_and_recorded() {
    let run = by_hand("look");
    let observed = world_with(job_of(&run));
    assert_eq!(words(told(decided(&run, &observed))).0, "Running");
}

#[test]
fn a_strangers_job_is_left_alone_and_told_whatever_became_of_it() {
    let run = by_hand("look");
    let mut job = job_of(&run);
    job.metadata.owner_references = None;
    let again = is("Waiting", "JobCollision");
    assert_eq!(words(told(decided(&run, &world_with(job.clone())))), again);
    let done = with_end(&job, "Complete", "CompletionsReached");
    assert_eq!(words(told(decided(&run, &world_with(done.clone())))), again);
    // Put in the place of ours, after ours was recorded.
    assert_eq!(words(told(decided(&at_work(&run), &world_with(done)))), again);
    // Not even a wish to stop touches it.
    assert_eq!(words(told(decided(&suspended(&run), &world_with(job)))), again);
}

#[test]
fn a_job_that_we_made_before_we_died_and_that_is_outdated_is_made_again() {
    let run = by_hand("look");
    let job = job_of(&run);
    let newer = with(&policy(), "metadata: {generation: 4}");
    let begun = vec![pod("look-a", "{phase: Running}")];
    for pods in [Vec::new(), begun] {
        let observed = Observed { policy: Some(newer.clone()), pods, ..world_with(job.clone()) };
        assert_eq!(words(stopped(decided(&run, &observed))), is("Restarting", "JobOutdated"));
    }
    let policy_gone = Observed { policy: None, ..world_with(job.clone()) };
    assert_eq!(words(stopped(decided(&run, &policy_gone))).0, "Restarting");
    let mut other_image = settings();
    other_image.runner_image = "other".to_owned();
    let decision = decide(&run, &world_with(job), &other_image, at(NOW));
    assert_eq!(words(stopped(decision)).0, "Restarting");
}

#[test]
fn a_recorded_job_goes_on_by_its_orders_whatever_changes() {
    let run = at_work(&by_hand("look"));
    let newer = with(&policy(), "metadata: {generation: 4}");
    let pods = vec![pod(
        "look-a",
        "{phase: Running, containerStatuses: [{name: runner, image: i, imageID: i, ready: true, restartCount: 0, state: {running: {}}}]}",
    )];
    let observed = Observed { policy: Some(newer), pods, ..world_with(job_of(&by_hand("look"))) };
    assert_eq!(words(told(decided(&run, &observed))), is("Running", pod::AT_WORK));
}

#[test]
fn a_pod_in_trouble_is_made_again_only_after_something_was_changed() {
    let run = at_work(&by_hand("look"));
    let job = job_of(&by_hand("look"));
    let trouble = "{phase: Pending, containerStatuses: [{name: runner, image: i, imageID: '', ready: false, restartCount: 0, state: {waiting: {reason: ErrImageNeverPull, message: no}}}]}";
    let pods = vec![pod("look-a", trouble)];
    let same = Observed { pods: pods.clone(), ..world_with(job.clone()) };
    assert_eq!(words(told(decided(&run, &same))), is("Running", "ErrImageNeverPull"));
    let mended = with(&connection(), "spec: {volume: {persistentVolumeClaim: {claimName: other}}}");
    let mended = Observed { connection: Some(mended), ..same };
    assert_eq!(words(told(decided(&run, &mended))), is("Restarting", "JobOutdated"));
    // One that has begun before may have deleted rows, and goes on by its orders.
    let begun = vec![pod("look-0", "{phase: Failed}"), pods[0].clone()];
    let begun = Observed { pods: begun, ..mended };
    assert_eq!(words(told(decided(&run, &begun))).0, "Running");
    // While the connection is missing nothing better can be made.
    let missing = Observed { pods, connection: None, ..world_with(job) };
    assert_eq!(words(told(decided(&run, &missing))), is("Running", "ErrImageNeverPull"));
}

#[test]
fn a_wish_to_stop_stops_the_job_and_is_told_until_it_is_gone() {
    let run = at_work(&by_hand("look"));
    let job = job_of(&by_hand("look"));
    let anew = || Observed { job: Some(job.clone()), ..deleted_and_made_anew() };
    let gone = || Observed { policy: None, ..world_with(job.clone()) };
    let is_stopped = |run: &PurgeRun, observed: Observed, reason: &str| {
        assert_eq!(words(stopped(decided(run, &observed))), is("Stopping", reason));
        let job = Some(being_deleted(observed.job.as_ref().unwrap()));
        let going = Observed { job, ..observed };
        assert_eq!(words(told(decided(run, &going))), is("Stopping", reason));
    };
    is_stopped(&suspended(&run), world_with(job.clone()), SUSPENDED);
    is_stopped(&replaced(&run), world_with(job.clone()), "Replaced");
    is_stopped(&suspended(&replaced(&run)), world_with(job.clone()), "Replaced");
    is_stopped(&run, anew(), "PolicyDeleted");
    is_stopped(&run, gone(), "PolicyDeleted");
    let by_somebody = world_with(being_deleted(&job));
    assert_eq!(words(told(decided(&run, &by_somebody))), is("Stopping", "Stopping"));
}

#[test]
fn a_suspended_run_without_a_job_waits_and_goes_on_when_it_is_let() {
    assert_eq!(words(told(decided(&suspended(&by_hand("look")), &world()))).0, "Suspended");
    let run = suspended(&at_work(&by_hand("look")));
    assert_eq!(words(told(decided(&run, &world()))).0, "Suspended");
    let stopped = with(
        &run,
        &format!("status: {{job: null, conditions: [{}]}}", condition("Suspended", SUSPENDED)),
    );
    let resumed = with(&stopped, "spec: {suspend: false}");
    assert!(matches!(decided(&resumed, &world()), Decision::Start(_)));
}

#[test]
fn a_run_that_is_let_go_on_before_its_job_is_gone_goes_on_afterwards() {
    let run = suspended(&at_work(&by_hand("look")));
    let observed = world_with(job_of(&by_hand("look")));
    let stage = stopped(decided(&run, &observed));
    let ours = serde_json::to_string(&stage.status(&run, &observed, at(NOW))).unwrap();
    let run = with(
        &with(&run, "status: {job: null}\nspec: {suspend: false}"),
        &format!("status: {ours}"),
    );
    assert_eq!(run.status.as_ref().unwrap().job, None, "it is no longer recorded");
    let going = world_with(being_deleted(&job_of(&by_hand("look"))));
    assert_eq!(words(told(decided(&run, &going))).0, "Stopping");
    assert!(matches!(decided(&run, &world()), Decision::Start(_)));
}

#[test]
fn a_run_that_waits_ends_when_it_is_replaced_or_its_policy_is_deleted() {
    let waiting = by_hand("look");
    let made_way = words(told(decided(&replaced(&waiting), &world())));
    assert_eq!(made_way, is("Failed", "Replaced"));
    let seen = with(&waiting, "status: {policy: {name: chats, uid: policy-1}}");
    let reason = words(told(decided(&seen, &deleted_and_made_anew())));
    assert_eq!(reason, is("Failed", "PolicyDeleted"));
    assert!(matches!(decided(&seen, &world()), Decision::Start(_)));
}
