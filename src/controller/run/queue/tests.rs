use k8s_openapi::api::batch::v1::Job;
use proptest::prelude::*;

use super::*;
use crate::controller::fixtures::{by_hand, condition, connection, ended, with, yaml};

/// A run of a policy on `agents`, made at a second.
fn run(name: &str, policy: &str, second: u32) -> PurgeRun {
    let text = format!(
        "
        metadata: {{creationTimestamp: 2026-11-21T02:00:{second:02}Z}}
        spec: {{policyRef: {{name: {policy}}}}}
        "
    );
    with(&by_hand(name), &text)
}

fn recorded(run: &PurgeRun, connection: &str) -> PurgeRun {
    with(run, &format!("status: {{connection: {connection}, job: {}}}", run.name_any()))
}

fn queued(run: &PurgeRun, reason: &str) -> PurgeRun {
    with(
        run,
        &format!("status: {{connection: agents, conditions: [{}]}}", condition("Queued", reason)),
    )
}

fn job(run: &PurgeRun) -> Job {
    yaml(&format!(
        "metadata: {{name: {}, labels: {{retention-operator.io/policy: {}}}}}",
        run.name_any(),
        run.spec.policy_ref.name
    ))
}

fn at_most(runs: i32) -> DatabaseConnection {
    with(&connection(), &format!("spec: {{limits: {{maxConcurrentRuns: {runs}}}}}"))
}

fn why(
    run: &PurgeRun,
    most: i32,
    others: &[PurgeRun],
    at_work: &[&PurgeRun],
) -> Option<&'static str> {
    let jobs = at_work.iter().map(|run| job(run)).collect();
    let others = Others { runs: others.to_vec(), jobs, ..Others::default() };
    blocked(run, &at_most(most), &others).map(|(reason, _)| reason)
}

#[test]
fn one_works_at_a_time_unless_the_connection_says_more() {
    let (mine, other) = (run("b", "logs", 2), recorded(&run("a", "chats", 1), "agents"));
    let others = std::slice::from_ref(&other);
    let there = Others { runs: others.to_vec(), jobs: vec![job(&other)], ..Others::default() };
    let (reason, message) = blocked(&mine, &connection(), &there).unwrap();
    assert_eq!(reason, LIMIT);
    assert!(message.contains("PurgeRun a") && message.contains("lets 1 work"), "{message}");
    assert_eq!(why(&mine, 2, others, &[&other]), None);
    assert_eq!(why(&mine, 1, others, &[]), None, "its Job is gone");
}

#[test]
fn a_pod_that_outlives_its_deleted_run_is_still_at_work() {
    let pod = with(
        &crate::controller::fixtures::pod("gone-x", "{phase: Running}"),
        "metadata: {labels: {retention-operator.io/purgerun: gone, retention-operator.io/policy: chats}}",
    );
    let others = Others { pods: vec![pod], ..Others::default() };
    let why = |policy: &str| {
        blocked(&run("b", policy, 2), &connection(), &others).map(|(reason, _)| reason)
    };
    assert_eq!((why("chats"), why("logs")), (Some(POLICY), Some(LIMIT)));
}

#[test]
fn a_job_that_ended_takes_no_place() {
    let other = recorded(&run("a", "chats", 1), "agents");
    for type_ in ["Complete", "Failed"] {
        let job = crate::controller::fixtures::with_end(&job(&other), type_, "Any");
        let others = Others { runs: vec![other.clone()], jobs: vec![job], ..Others::default() };
        assert_eq!(blocked(&run("b", "chats", 2), &connection(), &others), None);
    }
}

#[test]
fn two_runs_of_a_policy_never_work_together_wherever_they_work() {
    let (mine, other) = (run("b", "chats", 2), recorded(&run("a", "chats", 1), "elsewhere"));
    assert_eq!(why(&mine, 9, std::slice::from_ref(&other), &[&other]), Some(POLICY));
    assert_eq!(why(&mine, 9, &[], &[&other]), Some(POLICY), "and its run was deleted");
}

#[test]
fn other_databases_are_others_business() {
    let other = recorded(&run("a", "logs", 1), "elsewhere");
    assert_eq!(why(&run("b", "chats", 2), 1, std::slice::from_ref(&other), &[&other]), None);
}

#[test]
fn a_job_that_nobody_has_recorded_counts_wherever_it_works() {
    let mine = run("b", "chats", 2);
    let unseen = run("a", "logs", 1);
    let moved = with(&unseen, "status: {connection: elsewhere}");
    for other in [unseen, moved] {
        assert_eq!(why(&mine, 1, std::slice::from_ref(&other), &[&other]), Some(LIMIT));
    }
    assert_eq!(why(&mine, 1, &[], &[&run("a", "logs", 1)]), Some(LIMIT), "its run was deleted");
}

#[test]
fn who_came_first_and_waits_for_the_same_goes_first() {
    let mine = run("b", "chats", 2);
    let first = queued(&run("z", "logs", 1), LIMIT);
    assert_eq!(why(&mine, 1, std::slice::from_ref(&first), &[]), Some(LIMIT));
    assert_eq!(why(&mine, 2, std::slice::from_ref(&first), &[]), None, "there is room for both");
    let passes = [
        queued(&run("z", "logs", 3), LIMIT),
        queued(&run("c", "logs", 2), LIMIT),
        queued(&run("z", "logs", 1), POLICY),
        run("z", "logs", 1),
        with(&first, "spec: {suspend: true}"),
        with(&first, "metadata: {annotations: {retention-operator.io/replaced-by: x}}"),
        with(&first, "metadata: {deletionTimestamp: 2026-11-21T02:00:05Z}"),
        with(&first, "status: {connection: elsewhere}"),
        ended(&first, "Failed", "2026-11-21T02:00:05Z", 0, 0),
    ];
    for other in passes {
        assert_eq!(why(&mine, 1, std::slice::from_ref(&other), &[]), None, "{other:?}");
    }
    let same_second = queued(&run("a", "logs", 2), LIMIT);
    assert_eq!(why(&mine, 1, &[same_second], &[]), Some(LIMIT));
}

/// What stands of a run in the cluster.
#[derive(Clone)]
struct There {
    run: PurgeRun,
    has_job: bool,
    is_over: bool,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Runs are looked at in any order; now and then we die between a Job and its record, or a Job
    /// ends.
    #[test]
    fn never_do_more_work_than_may_and_all_have_their_turn(
        policies in prop::collection::vec(0usize..4, 1..9),
        most in 1i32..4,
        moves in prop::collection::vec((any::<prop::sample::Index>(), 0u8..6), 0..60),
    ) {
        let mut there: Vec<There> = policies.iter().enumerate().map(|(at, policy)| {
            let run = run(&format!("run-{}", 9 - at), &format!("policy-{policy}"), at as u32);
            There { run, has_job: false, is_over: false }
        }).collect();
        let look = |there: &mut Vec<There>, at: usize, dies: bool| {
            if there[at].is_over { return }
            let others: Vec<&There> = there.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, other)| other).collect();
            let others = Others {
                runs: others.iter().map(|other| other.run.clone()).collect(),
                jobs: others.iter().filter(|other| other.has_job).map(|other| job(&other.run)).collect(),
                ..Others::default()
            };
            if there[at].has_job {
                there[at].run = recorded(&with(&there[at].run, "status: {conditions: []}"), "agents");
                return;
            }
            match blocked(&there[at].run, &at_most(most), &others) {
                Some((reason, _)) => there[at].run = queued(&there[at].run, reason),
                None => {
                    there[at].has_job = true;
                    if !dies {
                        there[at].run = recorded(&with(&there[at].run, "status: {conditions: []}"), "agents");
                    }
                }
            }
        };
        let finish = |there: &mut Vec<There>, at: usize| {
            if there[at].has_job {
                there[at].has_job = false;
                there[at].is_over = true;
                there[at].run = ended(&there[at].run, "Complete", "2026-11-21T03:00:00Z", 0, 0);
            }
        };
        let check = |there: &[There]| {
            let at_work: Vec<&str> = there.iter().filter(|run| run.has_job).map(|run| run.run.spec.policy_ref.name.as_str()).collect();
            let mut of_each = at_work.clone();
            of_each.sort_unstable();
            of_each.dedup();
            at_work.len() <= most as usize && of_each.len() == at_work.len()
        };
        for (index, what) in moves {
            let at = index.index(there.len());
            match what {
                0 | 1 => finish(&mut there, at),
                2 => look(&mut there, at, true),
                _ => look(&mut there, at, false),
            }
            prop_assert!(check(&there));
        }
        for _ in 0..3 * there.len() {
            for at in (0..there.len()).rev() {
                look(&mut there, at, false);
                prop_assert!(check(&there));
            }
            for at in 0..there.len() { finish(&mut there, at) }
        }
        prop_assert!(there.iter().all(|run| run.is_over), "somebody waits for ever");
    }
}
