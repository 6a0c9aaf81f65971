use serde_json::json;

use super::*;

fn target(value: serde_json::Value) -> TargetReport {
    serde_json::from_value(value).expect("a target's report")
}

fn of(targets: serde_json::Value, dry_run: bool) -> Earlier {
    let status = json!({
        "clock": "2026-11-21T02:00:00Z", "dryRun": dry_run, "targets": targets,
        "startTime": "2026-11-21T01:59:50Z",
    });
    Earlier::of(&serde_json::from_value(status).expect("a status")).expect("a clock")
}

fn first(outcome: Option<&str>) -> serde_json::Value {
    let mut first = json!({
        "name": "chats",
        "access": {"path": "Index", "why": "then"},
        "rows": {"examined": 10, "selected": 8, "deleted": 5, "updated": 0},
        "kept": {"held": {"pinned": 3}, "failed": 1},
        "dependents": [{"name": "messages", "deleted": 50, "updated": 0}],
        "overdue": {"rows": 9, "atLeast": true},
        "work": {"batches": 2, "longestBatchMillis": 30, "throttledSeconds": {"DutyCycle": 1.5}},
        "tenants": [
            {"name": "acme", "window": "30d", "deleted": 3, "updated": 0, "overdue": 9},
            {"name": "gone", "window": "7d", "deleted": 2, "updated": 0, "overdue": 0},
        ],
        "tenantsOmitted": 4,
    });
    if let Some(outcome) = outcome {
        first["outcome"] = json!(outcome);
    }
    first
}

fn second() -> TargetReport {
    target(json!({
        "name": "chats", "outcome": "Done",
        "access": {"path": "Sweep", "why": "now"},
        "rows": {"examined": 4, "selected": 4, "deleted": 2, "updated": 0},
        "kept": {"held": {"pinned": 2}, "failed": 0},
        "dependents": [{"name": "messages", "deleted": 20, "updated": 0}],
        "overdue": {"rows": 0},
        "work": {"batches": 1, "longestBatchMillis": 20, "throttledSeconds": {"DutyCycle": 0.5}},
        "tenants": [{"name": "acme", "window": "30d", "deleted": 2, "updated": 0, "overdue": 0}],
    }))
}

#[test]
fn what_went_is_added_and_what_stayed_is_as_it_was_met_last() {
    let expected = target(json!({
        "name": "chats", "outcome": "Done",
        "access": {"path": "Sweep", "why": "now"},
        "rows": {"examined": 14, "selected": 9, "deleted": 7, "updated": 0},
        "kept": {"held": {"pinned": 2}, "failed": 0},
        "dependents": [{"name": "messages", "deleted": 70, "updated": 0}],
        "overdue": {"rows": 0},
        "work": {"batches": 3, "longestBatchMillis": 30, "throttledSeconds": {"DutyCycle": 2.0}},
        "tenants": [
            {"name": "acme", "window": "30d", "deleted": 5, "updated": 0, "overdue": 0},
            {"name": "gone", "window": "7d", "deleted": 2, "updated": 0, "overdue": 0},
        ],
        "tenantsOmitted": 4,
    }));
    let earlier = of(json!([first(Some("Stopped"))]), false);
    assert_eq!(earlier.add_to(second()), expected);
    assert_eq!(earlier.gone("chats"), 5);
    assert_eq!(earlier.gone("others"), 0);
}

#[test]
fn a_pod_that_ended_without_its_report_makes_its_counts_the_least_for_good() {
    let is_least = |target: &TargetReport| target.rows.at_least == Some(true);
    let sum = |earlier: &Earlier| earlier.add_to(second());
    assert!(!is_least(&sum(&of(json!([first(Some("Stopped"))]), false))));
    assert!(is_least(&sum(&of(json!([first(None)]), false))), "it was at work");
    assert!(is_least(&sum(&of(json!([{"name": "chats"}]), false))), "it may have begun");
    let then = sum(&of(json!([first(None)]), false));
    let after = sum(&of(json!([then]), false));
    assert!(is_least(&after));
    let notes = after.access.expect("was looked at").notes;
    assert_eq!(notes, [UNTOLD], "told once, whoever comes after");
    assert!(!is_least(&sum(&Earlier::default())), "there was nobody before");
    let unasked = json!({"name": "chats", "outcome": "Stopped", "reason": "Stopped"});
    assert!(is_least(&of(json!([first(None)]), false).add_to(target(unasked))));
}

#[test]
fn a_batch_of_which_nobody_could_tell_is_told_by_whoever_comes_after() {
    let note = format!("{UNSETTLED}: up to 3 rows");
    let mut unsettled = first(Some("Failed"));
    unsettled["rows"]["atLeast"] = json!(true);
    unsettled["access"]["notes"] = json!([note, "a caution"]);
    let sum = of(json!([unsettled]), false).add_to(second());
    assert_eq!(sum.rows.at_least, Some(true));
    assert_eq!(sum.access.expect("was looked at").notes, [note]);
}

#[test]
fn targets_that_are_to_be_done_again_are_at_work_for_whoever_finds_them() {
    let told = of(json!([first(Some("Failed"))]), false).rest(&["chats", "more"], &[]);
    let names: Vec<_> = told.iter().map(|target| target.name.as_str()).collect();
    assert_eq!(names, ["chats", "more"]);
    assert_eq!((told[0].outcome, told[0].rows.deleted), (None, 5));
}

#[test]
fn a_target_that_is_stopped_before_it_is_looked_at_keeps_what_was_told() {
    let stopped = json!({"name": "chats", "outcome": "Stopped", "reason": "Stopped"});
    let sum = of(json!([first(Some("Failed"))]), false).add_to(target(stopped));
    let mut expected = first(Some("Stopped"));
    expected["reason"] = json!("Stopped");
    assert_eq!(sum, target(expected));
}

#[test]
fn a_dry_run_begins_to_count_anew_and_never_mixes_with_a_run() {
    let dry = of(json!([first(None)]), true);
    assert_eq!(dry.add_to(second()), second());
    assert!(dry.refuse(true).is_none());
    assert!(dry.refuse(false).is_some());
    assert!(of(json!([]), false).refuse(true).is_some());
    assert!(Earlier::default().refuse(true).is_none());
}

#[test]
fn targets_that_are_not_begun_again_stay_as_they_were_left() {
    let earlier = of(json!([first(Some("Done")), {"name": "later"}]), false);
    let names = |told: &[TargetReport]| {
        let rest = earlier.rest(&["chats", "later"], told);
        rest.into_iter().map(|target| target.name).collect::<Vec<_>>()
    };
    assert_eq!(names(&[]), ["chats", "later"]);
    assert_eq!(names(&[second()]), ["later"]);
    assert_eq!(earlier.status().totals.expect("there are targets").deleted, 5);
}

#[test]
fn time_runs_from_the_runs_beginning_and_a_clock_ahead_takes_none_away() {
    let started = Instant::now();
    let seconds = |now: &str, allowed| {
        let now = now.parse().expect("an instant");
        let earlier = of(json!([]), false);
        let deadline = earlier.deadline(Duration::from_secs(allowed), started, now);
        deadline.expect("no overflow").duration_since(started).as_secs()
    };
    assert_eq!(seconds("2026-11-21T02:00:00Z", 60), 50);
    assert_eq!(seconds("2026-11-21T03:00:00Z", 60), 0);
    assert_eq!(seconds("2026-11-21T01:00:00Z", 60), 60);
}

#[test]
fn a_clock_that_cannot_be_read_is_no_leave_to_take_another() {
    let status = PurgeRunStatus { clock: Some("today".into()), ..PurgeRunStatus::default() };
    assert!(Earlier::of(&status).is_err());
}
