use super::*;
use crate::controller::declared;
use crate::controller::fixtures::{
    at, at_work, by_hand, connection, ended, policy, scheduled, with,
};

/// What is decided about `policy()` as changed by `text`.
fn decided(text: &str, runs: &[PurgeRun], now: &str) -> Decision {
    let policy = with(&policy(), text);
    let declared = declared::policy(&policy, Some(&connection()), None);
    decide(&policy, &declared, runs, at(now))
}

fn then_of(text: &str, runs: &[PurgeRun], now: &str) -> Then {
    decided(text, runs, now).slot.expect("a slot that is due").then
}

const DEALT_WITH: &str = "status: {lastScheduleTime: 2026-11-21T02:00:00Z}";

fn replacing() -> String {
    format!("spec: {{concurrencyPolicy: Replace}}\n{DEALT_WITH}")
}

#[test]
fn a_new_policy_begins_with_the_first_slot_after_it_was_made() {
    let before = decided("{}", &[], "2026-11-20T23:59:59.999Z");
    assert_eq!(before, Decision { slot: None, next: Some(at("2026-11-21T00:00:00Z")) });
    let due = decided("{}", &[], "2026-11-21T00:00:00Z");
    let slot = due.slot.unwrap();
    assert_eq!((slot.at, slot.passed), (at("2026-11-21T00:00:00Z"), 1));
    assert_eq!(slot.then, Then::Run { replaced: vec![] });
    assert_eq!(due.next, Some(at("2026-11-21T01:00:00Z")));
}

#[test]
fn a_slot_that_was_dealt_with_is_not_due_again() {
    assert_eq!(decided(DEALT_WITH, &[], "2026-11-21T02:59:59Z").slot, None);
    let slot = decided(DEALT_WITH, &[], "2026-11-21T05:10:00Z").slot.unwrap();
    assert_eq!((slot.at, slot.passed), (at("2026-11-21T05:00:00Z"), 3));
}

#[test]
fn a_policy_made_anew_does_not_make_up_for_what_its_namesake_missed() {
    let text = "
        metadata: {creationTimestamp: 2026-11-21T04:30:00Z}
        status: {lastScheduleTime: 2026-11-20T02:00:00Z}
    ";
    assert_eq!(decided(text, &[], "2026-11-21T04:59:00Z").slot, None);
}

#[test]
fn a_suspended_policy_has_no_slots_and_makes_up_for_the_latest_afterwards() {
    let suspended = format!("spec: {{suspend: true}}\n{DEALT_WITH}");
    let nothing = Decision { slot: None, next: None };
    assert_eq!(decided(&suspended, &[], "2026-11-21T05:10:00Z"), nothing);
    let resumed = format!("spec: {{suspend: false}}\n{DEALT_WITH}");
    assert!(decided(&resumed, &[], "2026-11-21T05:10:00Z").slot.is_some());
    let strict = format!("spec: {{startingDeadlineSeconds: 599}}\n{DEALT_WITH}");
    assert_eq!(then_of(&strict, &[], "2026-11-21T05:10:00Z"), Then::TooLate);
}

#[test]
fn a_policy_that_is_refused_makes_no_runs() {
    let nothing = Decision { slot: None, next: None };
    for wrong in ["spec: {schedule: 61 * * * *}", "spec: {timeZone: Mars/Olympus}"] {
        assert_eq!(decided(wrong, &[], "2026-11-21T05:10:00Z"), nothing, "{wrong}");
    }
    let policy = policy();
    let declared = declared::policy(&policy, None, None);
    assert_eq!(decide(&policy, &declared, &[], at("2026-11-21T05:10:00Z")), nothing);
}

#[test]
fn a_run_at_work_or_waiting_forbids_the_next() {
    let (busy, waiting) = (at_work(&by_hand("look")), by_hand("wait"));
    for active in [busy, waiting] {
        let name = active.name_any();
        let then = then_of(DEALT_WITH, &[active], "2026-11-21T03:00:00Z");
        assert_eq!(then, Then::Forbidden { active: name });
    }
}

#[test]
fn a_run_that_ended_or_is_suspended_forbids_nothing() {
    let done = ended(&scheduled("2026-11-21T01:00:00Z"), "Complete", "2026-11-21T01:00:09Z", 1, 0);
    let failed = ended(&scheduled("2026-11-21T02:00:00Z"), "Failed", "2026-11-21T02:00:09Z", 1, 0);
    let suspended = with(&at_work(&by_hand("look")), "spec: {suspend: true}");
    let runs = [done, failed, suspended];
    let then = then_of(DEALT_WITH, &runs, "2026-11-21T03:00:00Z");
    assert_eq!(then, Then::Run { replaced: vec![] });
    assert_eq!(
        then_of(&replacing(), &runs, "2026-11-21T03:00:00Z"),
        Then::Run { replaced: vec![] }
    );
}

#[test]
fn all_that_are_active_make_way_under_replace() {
    let runs = [at_work(&by_hand("a")), by_hand("b"), with(&by_hand("c"), "spec: {suspend: true}")];
    let then = then_of(&replacing(), &runs, "2026-11-21T03:00:00Z");
    assert_eq!(then, Then::Run { replaced: vec!["a".to_owned(), "b".to_owned()] });
}

#[test]
fn a_run_that_was_made_before_we_died_is_adopted_however_late_and_whatever_else_is_active() {
    let own = scheduled("2026-11-21T03:00:00Z");
    let runs = [at_work(&by_hand("look")), own];
    for text in [DEALT_WITH.to_owned(), replacing()] {
        let late = with(&with(&policy(), &text), "spec: {startingDeadlineSeconds: 10}");
        let declared = declared::policy(&late, Some(&connection()), None);
        let decision = decide(&late, &declared, &runs, at("2026-11-21T03:50:00Z"));
        assert_eq!(decision.slot.unwrap().then, Then::Run { replaced: vec![] });
    }
}

#[test]
fn a_slot_is_given_up_only_after_its_deadline_and_before_anybody_has_to_make_way() {
    let text =
        format!("spec: {{startingDeadlineSeconds: 60, concurrencyPolicy: Replace}}\n{DEALT_WITH}");
    let busy = [at_work(&by_hand("look"))];
    let run = Then::Run { replaced: vec!["look".to_owned()] };
    assert_eq!(then_of(&text, &busy, "2026-11-21T03:01:00Z"), run);
    assert_eq!(then_of(&text, &busy, "2026-11-21T03:01:00.5Z"), Then::TooLate);
}

#[test]
fn another_schedule_or_zone_counts_from_the_slot_that_was_dealt_with() {
    let text = format!("spec: {{schedule: 30 4 * * *, timeZone: Europe/Berlin}}\n{DEALT_WITH}");
    assert_eq!(decided(&text, &[], "2026-11-21T03:29:59Z").slot, None);
    let slot = decided(&text, &[], "2026-11-21T03:30:00Z").slot.unwrap();
    assert_eq!(slot.at, at("2026-11-21T03:30:00Z"));
}
