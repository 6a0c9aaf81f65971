use proptest::prelude::*;

use super::*;
use crate::api::Outcome;
use crate::controller::fixtures::{
    at, at_work, by_hand, condition, connection, ended, policy, scheduled, with,
};

const NOW: &str = "2026-11-21T05:10:00Z";

fn status_of(
    policy: &RetentionPolicy,
    runs: &[PurgeRun],
    dealt_with: Option<DealtWith>,
) -> RetentionPolicyStatus {
    let declared = declared::policy(policy, Some(&connection()), None);
    let acted = Acted { dealt_with, refused: None };
    of(policy, true, &declared, runs, &acted, at(NOW))
}

/// The policy after one reconcile that saw `runs`.
fn after(policy: &RetentionPolicy, runs: &[PurgeRun]) -> RetentionPolicy {
    let mut after = policy.clone();
    after.status = Some(status_of(policy, runs, None));
    after
}

fn status(policy: &RetentionPolicy) -> &RetentionPolicyStatus {
    policy.status.as_ref().unwrap()
}

fn hour(hour: u32, type_: &str, deleted: i64, overdue: i64) -> PurgeRun {
    let run = scheduled(&format!("2026-11-21T{hour:02}:00:00Z"));
    ended(&run, type_, &format!("2026-11-21T{hour:02}:00:30Z"), deleted, overdue)
}

fn ready(status: &RetentionPolicyStatus) -> (String, String) {
    let ready = conditions::find(&status.conditions, "Ready").expect("Ready is always there");
    (ready.status.clone(), ready.reason.clone())
}

fn is(status: &str, reason: &str) -> (String, String) {
    (status.to_owned(), reason.to_owned())
}

#[test]
fn a_new_policy_is_ready_and_says_when_it_runs() {
    let status = status_of(&policy(), &[], None);
    assert_eq!(ready(&status), is("True", "Scheduled"));
    assert_eq!(status.next_schedule_time.as_deref(), Some("2026-11-21T06:00:00Z"));
    assert!(status.conditions[0].message.contains("2026-11-21T06:00:00Z"));
    assert_eq!(status.observed_generation, Some(3));
    assert_eq!(status.conditions[0].observed_generation, Some(3));
    assert_eq!((status.deleted_total, status.missed, status.last_run), (None, None, None));
}

#[test]
fn a_run_that_cannot_be_made_or_waits_makes_its_policy_unready() {
    let policy = policy();
    let declared = declared::policy(&policy, Some(&connection()), None);
    let acted = Acted { dealt_with: None, refused: Some("quota exceeded".to_owned()) };
    let status = of(&policy, true, &declared, &[], &acted, at(NOW));
    assert_eq!(ready(&status), is("False", "RunNotCreated"));
    assert_eq!(status.last_schedule_time, None, "the slot is tried again");

    let reconciling = condition("Reconciling", "NotStarted");
    let waiting = with(&by_hand("look"), &format!("status: {{conditions: [{reconciling}]}}"));
    let of_runs = |run: &PurgeRun| ready(&status_of(&policy, std::slice::from_ref(run), None));
    assert_eq!(of_runs(&waiting), is("False", "RunWaiting"));
    assert_eq!(of_runs(&with(&waiting, "spec: {suspend: true}")), is("True", "Scheduled"));
    let queued = condition("Queued", "MaxConcurrentRuns");
    let queued = with(&waiting, &format!("status: {{conditions: [{queued}, {reconciling}]}}"));
    assert_eq!(of_runs(&queued), is("True", "Scheduled"));
    assert_eq!(of_runs(&at_work(&by_hand("look"))), is("True", "Scheduled"));
}

#[test]
fn what_is_missing_or_wrong_is_stalled_only_while_it_is() {
    let policy = policy();
    let declared = declared::policy(&policy, None, None);
    let missing = of(&policy, false, &declared, &[], &Acted::default(), at(NOW));
    assert_eq!(ready(&missing), is("False", "ConnectionNotFound"));
    assert!(conditions::is_true(&missing.conditions, "Stalled"));
    assert_eq!(missing.next_schedule_time, None);
    let wrong = with(&policy, "spec: {schedule: 61 * * * *}");
    let wrong = after(&wrong, &[]);
    assert_eq!(ready(status(&wrong)), is("False", "InvalidValue"));
    let message = &conditions::find(&status(&wrong).conditions, "Stalled").unwrap().message;
    assert!(message.contains("RetentionPolicy/chats: spec.schedule"), "{message}");
    let mended = after(&with(&wrong, "spec: {schedule: 1 * * * *}"), &[]);
    assert_eq!(ready(status(&mended)), is("True", "Scheduled"));
    assert_eq!(status(&mended).conditions.len(), 1, "Stalled is gone");
}

#[test]
fn a_suspended_policy_is_ready_and_has_no_next_slot() {
    let status = status_of(&with(&policy(), "spec: {suspend: true}"), &[], None);
    assert_eq!(ready(&status), is("True", "Suspended"));
    assert_eq!(status.next_schedule_time, None);
    assert_eq!(status.conditions.len(), 1);
}

#[test]
fn the_last_scheduled_run_decides_whether_it_is_ready_and_runs_by_hand_do_not() {
    let failed = after(&policy(), &[hour(1, "Complete", 1, 0), hour(2, "Failed", 1, 0)]);
    assert_eq!(ready(status(&failed)), is("False", "RunFailed"));
    assert!(!conditions::is_true(&status(&failed).conditions, "Stalled"), "the next run may do");
    let by_hand_after = ended(&by_hand("look"), "Complete", "2026-11-21T02:30:00Z", 0, 0);
    let runs = [hour(1, "Complete", 1, 0), hour(2, "Failed", 1, 0), by_hand_after];
    assert_eq!(ready(&status_of(&failed, &runs, None)), is("False", "RunFailed"));
    let mended = [hour(2, "Failed", 1, 0), hour(3, "Complete", 1, 0)];
    assert_eq!(ready(&status_of(&failed, &mended, None)), is("True", "Scheduled"));
    let bad_look = ended(&by_hand("look"), "Failed", "2026-11-21T03:30:00Z", 0, 0);
    let runs = [hour(3, "Complete", 1, 0), bad_look];
    assert_eq!(ready(&status_of(&policy(), &runs, None)), is("True", "Scheduled"));
}

#[test]
fn a_failed_run_that_was_removed_is_not_forgotten() {
    let policy = with(&policy(), "spec: {failedRunsHistoryLimit: 0}");
    let good = hour(1, "Complete", 3, 0);
    let seen = after(&policy, &[good.clone(), hour(2, "Failed", 5, 7)]);
    let pruned = after(&seen, std::slice::from_ref(&good));
    assert_eq!(status(&pruned), status(&seen), "nothing is known that was not before");
    assert_eq!(ready(status(&pruned)), is("False", "RunFailed"));
    assert_eq!(status(&pruned).overdue.as_ref().unwrap().rows, 7);
    let later = after(&pruned, &[good, hour(3, "Complete", 1, 0)]);
    assert_eq!(ready(status(&later)), is("True", "Scheduled"));
    assert_eq!(status(&later).deleted_total, Some(9));
}

#[test]
fn the_last_run_never_goes_back_to_an_older_one() {
    let (first, second) = (hour(1, "Complete", 1, 0), hour(2, "Complete", 2, 0));
    let both = after(&policy(), &[first.clone(), second]);
    let one = after(&both, &[first]);
    assert_eq!(status(&one).last_run, status(&both).last_run);
    assert_eq!(status(&one).last_successful_time, status(&both).last_successful_time);
    let none = after(&one, &[]);
    assert_eq!(status(&none).last_run, status(&both).last_run);
    assert_eq!(status(&none).deleted_total, Some(3));
}

#[test]
fn the_last_run_says_how_it_ended() {
    let seen = after(&policy(), &[hour(2, "Failed", 5, 7)]);
    let last = status(&seen).last_run.as_ref().unwrap();
    assert_eq!(last.outcome, Some(Outcome::Failed));
    assert_eq!(last.totals.as_ref().unwrap().deleted, 5);
    assert_eq!(last.completion_time, Some(Time(at("2026-11-21T02:00:30Z"))));
    assert_eq!(status(&seen).last_successful_time, None);
}

#[test]
fn only_a_scheduled_run_that_ended_well_is_the_last_success() {
    let look = ended(&by_hand("look"), "Complete", "2026-11-21T04:30:00Z", 0, 0);
    let runs = [hour(1, "Complete", 1, 0), hour(2, "Failed", 1, 0), look];
    let seen = after(&policy(), &runs);
    assert_eq!(status(&seen).last_successful_time, Some(Time(at("2026-11-21T01:00:30Z"))));
}

#[test]
fn slots_without_a_run_are_counted_until_one_has_one() {
    let slot = at("2026-11-21T05:00:00Z");
    let skipped = DealtWith { slot, passed: 3, ran: false };
    let once = with(&policy(), "status: {missed: 2}");
    let status = status_of(&once, &[], Some(skipped));
    assert_eq!((status.missed, status.last_schedule_time), (Some(5), Some(Time(slot))));
    let status = status_of(&policy(), &[], Some(skipped));
    assert_eq!(status.missed, Some(3));
    let status = status_of(&once, &[], Some(DealtWith { ran: true, ..skipped }));
    assert_eq!((status.missed, status.last_schedule_time), (Some(0), Some(Time(slot))));
    let status = status_of(&once, &[], None);
    assert_eq!((status.missed, status.last_schedule_time), (Some(2), None));
}

#[test]
fn all_that_have_not_ended_are_active() {
    let runs = [
        at_work(&by_hand("busy")),
        hour(1, "Complete", 1, 0),
        by_hand("new"),
        with(&by_hand("paused"), "spec: {suspend: true}"),
    ];
    assert_eq!(status_of(&policy(), &runs, None).active, ["busy", "new", "paused"]);
}

#[test]
fn overdue_is_told_by_whole_reports_of_whole_runs_that_were_not_dry() {
    let left = after(&policy(), &[hour(1, "Failed", 1, 7)]);
    for blind in [
        "spec: {tenants: [acme]}",
        "spec: {targets: [chats]}",
        "status: {dryRun: true}",
        "status: {dryRun: null}",
        "status: {totals: null}",
        // What a runner that was killed had counted so far.
        "status: {exitCode: null}",
        "status: {exitCode: 2}",
    ] {
        let run = with(&hour(2, "Complete", 1, 0), blind);
        let runs = [hour(1, "Failed", 1, 7), run];
        assert_eq!(status_of(&left, &runs, None).overdue, status(&left).overdue, "{blind}");
        assert_eq!(status_of(&policy(), &runs[1..], None).overdue, None, "{blind}");
    }
    let runs = [hour(1, "Failed", 1, 7), hour(2, "Complete", 1, 0)];
    assert_eq!(status_of(&left, &runs, None).overdue, Some(PolicyOverdue::default()));
}

#[test]
fn overdue_begins_anew_after_a_run_that_left_nothing() {
    let since = |status: &RetentionPolicyStatus| status.overdue.as_ref().unwrap().since.clone();
    let first = hour(1, "Failed", 1, 7);
    let left = after(&policy(), std::slice::from_ref(&first));
    assert_eq!(since(status(&left)), Some(Time(at("2026-11-21T01:00:30Z"))));
    let still = [first.clone(), hour(2, "Failed", 1, 9)];
    let still = status_of(&left, &still, None);
    assert_eq!(
        (since(&still), still.overdue.unwrap().rows),
        (Some(Time(at("2026-11-21T01:00:30Z"))), 9)
    );
    // Both ended between two looks.
    let again = [first, hour(2, "Complete", 1, 0), hour(3, "Failed", 1, 4)];
    assert_eq!(since(&status_of(&left, &again, None)), Some(Time(at("2026-11-21T03:00:30Z"))));
}

#[test]
fn the_oldest_of_all_targets_is_how_long_overdue() {
    let run = with(
        &hour(1, "Failed", 1, 7),
        "status: {targets: [{name: a, overdue: {rows: 3, oldestSeconds: 60}}, {name: b, overdue: {rows: 4, oldestSeconds: 90}}, {name: c}]}",
    );
    let overdue = status_of(&policy(), &[run], None).overdue.unwrap();
    assert_eq!((overdue.rows, overdue.oldest_seconds), (7, Some(90)));
}

#[test]
fn a_policy_of_the_same_name_starts_from_nothing() {
    let run = with(&hour(1, "Failed", 5, 7), "status: {policy: {uid: policy-0}}");
    let status = status_of(&policy(), &[run], None);
    assert_eq!(ready(&status), is("True", "Scheduled"));
    assert_eq!((status.deleted_total, status.overdue, status.last_run), (None, None, None));
}

#[test]
fn a_second_look_changes_nothing() {
    let runs = [hour(1, "Complete", 3, 0), hour(2, "Failed", 5, 7), at_work(&by_hand("busy"))];
    let once = after(&policy(), &runs);
    assert_eq!(status(&after(&once, &runs)), status(&once));
    let dry =
        with(&policy(), &format!("status: {{conditions: [{}]}}", condition("Stalled", "Old")));
    assert_eq!(status_of(&dry, &[], None).conditions.len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Runs end one after the other, as completion times are made; looks come at any moment, and
    /// after each of them some of the runs that it saw are removed.
    #[test]
    fn what_was_deleted_is_counted_once_whatever_is_seen_when(
        steps in prop::collection::vec(
            (0i64..1000, any::<bool>(), any::<bool>(), any::<bool>(), any::<u8>(), 0usize..4),
            1..40,
        ),
    ) {
        let mut policy = policy();
        let mut runs: Vec<PurgeRun> = Vec::new();
        let mut sum = 0;
        for (number, (deleted, is_dry, is_scheduled, looks, name, removed)) in steps.into_iter().enumerate() {
            let time = Timestamp::from_second(at("2026-11-21T00:00:00Z").as_second() + i64::try_from(number).unwrap()).unwrap();
            let mut run = by_hand(&format!("run-{name:03}-{number}"));
            if is_scheduled {
                run = with(&run, "metadata: {annotations: {retention-operator.io/scheduled-at: '2026-11-21T00:00:00Z'}}");
            }
            let type_ = if deleted % 3 == 0 { "Failed" } else { "Complete" };
            let run = ended(&run, type_, &time.to_string(), deleted, 0);
            runs.push(with(&run, &format!("status: {{dryRun: {is_dry}}}")));
            sum += if is_dry { 0 } else { deleted };
            if looks {
                policy = after(&policy, &runs);
                prop_assert_eq!(status(&policy).deleted_total, Some(sum));
                let keep = runs.len().saturating_sub(removed);
                if name % 2 == 0 { runs.truncate(keep) } else { runs.drain(..runs.len() - keep).for_each(drop) }
            }
        }
        let policy = after(&policy, &runs);
        prop_assert_eq!(status(&policy).deleted_total, Some(sum));
    }
}
