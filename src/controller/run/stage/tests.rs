use super::*;
use crate::controller::conditions::is_true;
use crate::controller::fixtures::{at, at_work, by_hand, connection, ended, policy, with};
use crate::controller::run::observe::Others;

const NOW: &str = "2026-11-21T02:05:00.7Z";

fn world() -> Observed {
    Observed { policy: Some(policy()), connection: Some(connection()), ..Observed::default() }
}

fn why() -> Why {
    Why::new("Because", "of something")
}

fn all() -> Vec<Stage> {
    vec![
        Stage::Waiting(why()),
        Stage::Queued(why()),
        Stage::Suspended,
        Stage::Stopping(why()),
        Stage::Started,
        Stage::Running(why()),
        Stage::Restarting(why()),
        Stage::Complete(why()),
        Stage::Failed(why()),
    ]
}

fn status(stage: &Stage, run: &PurgeRun) -> Ours {
    stage.status(run, &world(), at(NOW))
}

#[test]
fn conditions_are_there_only_while_they_are_true() {
    let types = |stage: &Stage| {
        let conditions = status(stage, &at_work(&by_hand("look"))).conditions;
        assert!(conditions.iter().all(|c| c.status == "True" && !c.reason.is_empty()));
        assert!(conditions.iter().all(|c| c.observed_generation == Some(1)));
        conditions.into_iter().map(|c| c.type_).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(
        all().iter().map(types).collect::<Vec<_>>(),
        [
            "Reconciling",
            "Queued Reconciling",
            "Suspended",
            "Reconciling",
            "Reconciling",
            "Reconciling",
            "Reconciling",
            "Complete",
            "Failed Stalled",
        ]
    );
}

#[test]
fn a_run_has_one_end_and_tools_that_wait_see_one() {
    for stage in all() {
        let conditions = status(&stage, &by_hand("look")).conditions;
        let ended = matches!(stage, Stage::Complete(_) | Stage::Failed(_));
        let says = |type_| is_true(&conditions, type_);
        assert_eq!(says("Complete") || says("Failed"), ended, "{stage:?}");
        assert!(!(says("Complete") && says("Failed")));
        assert_eq!(says("Stalled"), matches!(stage, Stage::Failed(_)));
        assert!(!(ended && says("Reconciling")));
    }
}

#[test]
fn times_are_set_once_and_the_end_only_at_the_end() {
    let now = Some(Time(at("2026-11-21T02:05:00Z")));
    let began = Some(Time(at("2026-11-21T02:00:02Z")));
    for stage in all() {
        let (new, old) =
            (status(&stage, &by_hand("look")), status(&stage, &at_work(&by_hand("look"))));
        let starts = matches!(stage, Stage::Started | Stage::Running(_) | Stage::Stopping(_));
        assert_eq!(new.start_time, starts.then(|| now.clone()).flatten(), "{stage:?}");
        let again = matches!(stage, Stage::Started);
        assert_eq!(old.start_time, if again { now.clone() } else { began.clone() }, "{stage:?}");
        let ended = matches!(stage, Stage::Complete(_) | Stage::Failed(_));
        assert_eq!(old.completion_time, ended.then(|| now.clone()).flatten(), "{stage:?}");
    }
}

#[test]
fn a_job_is_recorded_while_a_new_one_must_not_be_made() {
    for stage in all() {
        let recorded = matches!(
            stage,
            Stage::Started
                | Stage::Running(_)
                | Stage::Stopping(_)
                | Stage::Complete(_)
                | Stage::Failed(_)
        );
        let job = status(&stage, &at_work(&by_hand("look"))).job;
        assert_eq!(job, recorded.then(|| "look".to_owned()), "{stage:?}");
    }
    let stopping = Stage::Stopping(Why::new(SUSPENDED, ""));
    assert_eq!(status(&stopping, &at_work(&by_hand("look"))).job, None, "it may go on");
    assert_eq!(status(&Stage::Failed(why()), &by_hand("look")).job, None, "there was none");
}

#[test]
fn whose_run_it_is_stays_what_it_was_once_there_is_a_job() {
    let other = "{metadata: {uid: policy-2, generation: 9}, spec: {connectionRef: {name: other}}}";
    let moved = Observed { policy: Some(with(&policy(), other)), ..world() };
    let of = |stage: &Stage, run: &PurgeRun| {
        let Ours { policy, connection, .. } = stage.status(run, &moved, at(NOW));
        (policy.and_then(|policy| policy.uid), connection)
    };
    let said = |uid: &str, connection: &str| (Some(uid.to_owned()), Some(connection.to_owned()));
    let recorded = at_work(&by_hand("look"));
    let waiting = with(&recorded, "status: {job: null}");
    for stage in all() {
        assert_eq!(of(&stage, &recorded), said("policy-1", "agents"), "{stage:?}");
        let settled = matches!(
            stage,
            Stage::Stopping(_) | Stage::Restarting(_) | Stage::Complete(_) | Stage::Failed(_)
        );
        let expected = if settled { said("policy-1", "agents") } else { said("policy-2", "other") };
        assert_eq!(of(&stage, &waiting), expected, "{stage:?}");
    }
}

#[test]
fn no_two_runs_of_a_policy_end_at_one_time() {
    let end = |run: &PurgeRun, observed: &Observed| {
        Stage::Complete(why()).status(run, observed, at(NOW)).completion_time.unwrap().0.to_string()
    };
    let other = |time: &str| ended(&by_hand("zzz"), "Complete", time, 1, 0);
    let after = |runs: Vec<PurgeRun>| {
        let others = Others { runs, ..Others::default() };
        end(&by_hand("look"), &Observed { others, ..world() })
    };
    assert_eq!(after(vec![]), "2026-11-21T02:05:00Z");
    assert_eq!(after(vec![other("2026-11-21T02:04:59Z")]), "2026-11-21T02:05:00Z");
    assert_eq!(after(vec![other("2026-11-21T02:05:00Z")]), "2026-11-21T02:05:01Z");
    // Another replica's clock was ahead.
    assert_eq!(
        after(vec![other("2026-11-21T02:06:00Z"), other("2026-11-21T01:00:00Z")]),
        "2026-11-21T02:06:01Z"
    );
    let of_another = with(&other("2026-11-21T02:05:00Z"), "spec: {policyRef: {name: logs}}");
    assert_eq!(after(vec![of_another]), "2026-11-21T02:05:00Z");
    let counted =
        with(&policy(), "status: {lastRun: {name: gone, completionTime: 2026-11-21T02:05:00Z}}");
    let observed = Observed { policy: Some(counted), ..world() };
    assert_eq!(end(&by_hand("look"), &observed), "2026-11-21T02:05:01Z");
}

#[test]
fn what_did_not_change_is_not_written_again_and_its_time_stays() {
    for stage in all() {
        let run = at_work(&by_hand("look"));
        let first = status(&stage, &run);
        let text = serde_json::to_string(&first).unwrap();
        let run =
            with(&with(&run, "status: {job: null, conditions: []}"), &format!("status: {text}"));
        let mut second = stage.status(&run, &world(), at("2026-11-21T03:00:00Z"));
        second.completion_time.clone_from(&first.completion_time);
        if !matches!(stage, Stage::Started) {
            assert_eq!(second, first, "{stage:?}");
        }
        assert_eq!(second.conditions, first.conditions, "{stage:?}");
    }
}

#[test]
fn what_is_told_is_told_once() {
    let run = by_hand("look");
    for stage in all() {
        let text = serde_json::to_string(&status(&stage, &run)).unwrap();
        let there = with(&run, &format!("status: {text}"));
        let (first, again) = (stage.note(&run), stage.note(&there));
        assert_eq!(first.is_some(), stage != Stage::Suspended, "{stage:?}");
        let repeats = matches!(
            stage,
            Stage::Started | Stage::Complete(_) | Stage::Failed(_) | Stage::Restarting(_)
        );
        assert_eq!(again.is_some(), repeats, "{stage:?}");
    }
    let at_work = Stage::Running(Why::new(super::super::pod::AT_WORK, "fine"));
    assert_eq!(at_work.note(&run), None);
}
