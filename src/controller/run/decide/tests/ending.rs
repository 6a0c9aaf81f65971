//! Every way in which a run can end, and what is said of it.

use super::*;

fn report(text: &str) -> PurgeRun {
    with(&at_work(&by_hand("look")), &format!("status: {text}"))
}

const TOTALS: &str =
    "totals: {deleted: 5, updated: 0, dependents: 8, files: 0, held: 2, overdue: 1}";

fn job_ended(type_: &str) -> Observed {
    world_with(with_end(&job_of(&by_hand("look")), type_, "PodFailurePolicy"))
}

fn why(run: &PurgeRun, observed: &Observed) -> (&'static str, String, String) {
    match told(decided(run, observed)) {
        Stage::Complete(why) => ("Complete", why.reason, why.message),
        Stage::Failed(why) => ("Failed", why.reason, why.message),
        other => panic!("{other:?}"),
    }
}

fn verdict(text: &str, job: &str) -> (&'static str, String) {
    let (type_, reason, _) = why(&report(text), &job_ended(job));
    (type_, reason)
}

#[test]
fn a_whole_report_decides_whatever_became_of_the_pod() {
    for job in ["Complete", "Failed"] {
        let done = format!("{{exitCode: 0, {TOTALS}, targets: [{{name: a, outcome: Done}}]}}");
        assert_eq!(verdict(&done, job), is("Complete", "Done"));
        let capped = format!(
            "{{exitCode: 0, {TOTALS}, targets: [{{name: a, outcome: CapReached}}, {{name: b, outcome: Done}}]}}"
        );
        assert_eq!(verdict(&capped, job), is("Complete", "CapReached"));
        let short = format!(
            "{{exitCode: 1, {TOTALS}, targets: [{{name: a, outcome: DeadlineExceeded, reason: DeadlineExceeded, message: late}}]}}"
        );
        assert_eq!(verdict(&short, job), is("Failed", "DeadlineExceeded"));
        let refused = "{exitCode: 2, refusals: [{object: RetentionPolicy/chats, field: spec, reason: NotAllowed, message: no, write: this}]}";
        assert_eq!(verdict(refused, job), is("Failed", "NotAllowed"));
        assert_eq!(verdict("{exitCode: 2}", job), is("Failed", "Refused"));
    }
}

#[test]
fn a_job_that_succeeded_without_a_report_is_no_success() {
    assert_eq!(verdict("{}", "Complete"), is("Failed", "NoReport"));
    assert_eq!(verdict(&format!("{{{TOTALS}}}"), "Complete"), is("Failed", "NoReport"));
}

#[test]
fn a_database_that_was_not_reached_is_told_as_that() {
    for text in ["{unreachable: no answer}", "{exitCode: 3, unreachable: no answer}"] {
        let (type_, reason, message) = why(&report(text), &job_ended("Failed"));
        assert_eq!(
            (type_, reason.as_str(), message.as_str()),
            ("Failed", "Unreachable", "no answer")
        );
    }
}

#[test]
fn without_a_report_the_pod_has_the_last_word_and_then_the_job() {
    assert_eq!(verdict("{}", "Failed"), is("Failed", "PodFailurePolicy"));
    let killed = pod(
        "look-a",
        "{phase: Failed, containerStatuses: [{name: runner, image: i, imageID: i, ready: false, restartCount: 0, state: {terminated: {exitCode: 137, reason: OOMKilled}}}]}",
    );
    let observed = Observed { pods: vec![killed], ..job_ended("Failed") };
    let (_, reason, message) = why(&report("{}"), &observed);
    assert_eq!(reason, "OOMKilled");
    assert!(message.contains("limits.memory"), "{message}");
}

#[test]
fn a_run_that_ended_by_itself_is_not_told_as_stopped() {
    let text = format!(
        "{{exitCode: 1, {TOTALS}, targets: [{{name: a, outcome: Failed, reason: NotActed, message: see}}]}}"
    );
    let run = report(&text);
    for run in [suspended(&run), replaced(&run)] {
        assert_eq!(why(&run, &job_ended("Failed")).1, "NotActed");
    }
    let observed = Observed { policy: None, ..job_ended("Failed") };
    assert_eq!(why(&run, &observed).1, "NotActed");
}

#[test]
fn what_was_stopped_on_purpose_says_so_once_its_job_is_gone() {
    let cut_short = report(&format!("{{{TOTALS}}}"));
    assert_eq!(why(&replaced(&cut_short), &world()).1, "Replaced");
    assert_eq!(why(&cut_short, &deleted_and_made_anew()).1, "PolicyDeleted");
    assert_eq!(why(&cut_short, &world()).1, "JobDeleted");
    assert_eq!(words(told(decided(&suspended(&cut_short), &world()))).0, "Suspended");
    let told_stopped = with(&cut_short, "status: {exitCode: 1}");
    assert_eq!(why(&replaced(&told_stopped), &world()).1, "Replaced");
}

#[test]
fn a_whole_report_is_the_end_even_when_nobody_saw_the_job() {
    let done = report(
        "{exitCode: 0, totals: {deleted: 1, updated: 0, dependents: 0, files: 0, held: 0, overdue: 0}}",
    );
    let failed = with(&done, "status: {exitCode: 1}");
    let unrecorded = |run: &PurgeRun| with(run, "status: {job: null}");
    for run in [done.clone(), suspended(&done), replaced(&done), unrecorded(&done)] {
        assert_eq!(why(&run, &world()).0, "Complete");
        assert_eq!(why(&run, &deleted_and_made_anew()).0, "Complete");
    }
    for run in [failed.clone(), suspended(&failed), unrecorded(&failed)] {
        assert_eq!(why(&run, &world()).0, "Failed");
    }
    // We died after making the Job; it did its work by orders that are no longer today's.
    let newer = with(&policy(), "metadata: {generation: 4}");
    let observed = Observed { policy: Some(newer), ..job_ended("Complete") };
    assert_eq!(why(&unrecorded(&done), &observed).0, "Complete");
}

#[test]
fn what_fell_short_is_told_by_the_first_target_that_has_something_to_tell() {
    let unknown =
        "unknownTenants: [{name: acme, source: usage, reason: SourceFailed, message: no answer}]";
    let failure = "failures: [{key: 'sha256:1', reason: Constraint, message: still needed}]";
    for (targets, reason, begins) in [
        (format!("{{name: b, outcome: Done, {unknown}}}"), "SourceFailed", "b: acme kept whole: usage: no answer; "),
        (format!("{{name: b, outcome: Done, {failure}}}"), "Constraint", "b: row sha256:1: still needed; "),
        (format!("{{name: b, outcome: CapReached, {unknown}, {failure}}}"), "SourceFailed", "b: acme kept whole"),
        ("{name: b, outcome: Failed, reason: NotActed, message: triggers}".to_owned(), "NotActed", "b: triggers; "),
        (format!("{{name: b, outcome: Failed, reason: TooManyFailures, message: given up, {failure}}}"), "TooManyFailures", "b: given up; "),
        ("{name: b, outcome: Failed, message: odd}".to_owned(), "Failed", "b: odd; "),
        ("{name: b, outcome: Failed, reason: NotActed}".to_owned(), "NotActed", "b: NotActed; "),
        ("{name: b, outcome: Stopped, reason: Stopped, message: evicted}, {name: c, outcome: Failed, message: x}".to_owned(), "Stopped", "b: evicted; "),
        ("{name: b}".to_owned(), "Failed", "b; "),
        ("{name: b, outcome: Done}".to_owned(), "Failed", "deleted 5 rows"),
    ] {
        let text = format!("{{exitCode: 1, {TOTALS}, targets: [{{name: a, outcome: Done}}, {targets}]}}");
        let (type_, told, message) = why(&report(&text), &job_ended("Failed"));
        assert_eq!((type_, told.as_str()), ("Failed", reason), "{targets}");
        assert!(message.starts_with(begins), "{message}");
        assert!(message.contains("deleted 5 rows, 8 dependents, 2 held, 1 overdue"), "{message}");
    }
    let nameless =
        "unknownTenants: [{name: '', source: usage, reason: SourceFailed, message: no answer}]";
    let text = format!("{{exitCode: 1, targets: [{{name: b, outcome: Done, {nameless}}}]}}");
    let (_, _, message) = why(&report(&text), &job_ended("Failed"));
    assert_eq!(message, "b: all tenants kept whole: usage: no answer; nothing was counted");
}

#[test]
fn a_dry_run_says_that_it_was_one() {
    let text = format!("{{exitCode: 0, dryRun: true, {TOTALS}}}");
    let (_, _, message) = why(&report(&text), &job_ended("Complete"));
    assert!(message.starts_with("a dry run, would have deleted 5 rows"), "{message}");
}

#[test]
fn refusals_are_told_by_the_first_and_counted() {
    let one = "{object: RetentionPolicy/chats, field: spec.x, reason: NotAllowed, message: no, write: this}";
    let text = format!("{{exitCode: 2, refusals: [{one}, {one}, {one}]}}");
    let (_, _, message) = why(&report(&text), &job_ended("Failed"));
    assert_eq!(
        message,
        "refused, nothing was touched: RetentionPolicy/chats: spec.x: no: this (and 2 more in status.refusals)"
    );
}
