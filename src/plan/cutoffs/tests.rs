use super::*;
use crate::declare::{Manifests, Narrowing, declare, parse};
use crate::model::{CutoffRule, Unit};
use crate::observe::Answers;

impl Cutoffs {
    /// For the tests of who judges by them.
    pub fn known(fates: &[(&str, Fate)]) -> Self {
        let by_tenant = fates.iter().map(|(name, fate)| ((*name).to_owned(), *fate));
        Self {
            collation: Collation::Binary,
            by_tenant: Some(by_tenant.collect()),
            everyone: Fate::Kept,
            fates: fates.iter().map(|(_, fate)| *fate).collect(),
            all: distinct(fates.iter().map(|(_, fate)| fate)),
            windows: Vec::new(),
            unknown: Vec::new(),
            absent: Vec::new(),
        }
    }
}

fn span(amount: i64) -> Window {
    Window::Span { amount, unit: Unit::Day }
}

fn windows(tenants: &[(&str, Window)]) -> Windows {
    Windows {
        field: "spec.window".into(),
        default: span(14),
        tenants: tenants.iter().map(|(name, window)| ((*name).to_owned(), *window)).collect(),
        sources: Vec::new(),
        rule: CutoffRule::Exact,
    }
}

fn seen(answers: Vec<Answers>) -> ObservedTarget {
    ObservedTarget { answers, ..ObservedTarget::default() }
}

fn unknown() -> Answer {
    Answer::Unknown(Unknown {
        source: "s".into(),
        reason: Reason::SourceFailed,
        message: String::new(),
    })
}

#[test]
fn the_first_answer_wins_and_silence_goes_on() {
    let ask = |answers| window("a", "a", Collation::Binary, &windows(&[]), &seen(answers));
    assert_eq!(ask(vec![]), Ok(span(14)));
    assert_eq!(
        ask(vec![Answers::ForAll(Answer::Silent), Answers::ForAll(Answer::Set(span(3)))]),
        Ok(span(3))
    );
    assert_eq!(
        ask(vec![Answers::ForAll(Answer::Set(span(5))), Answers::ForAll(unknown())]),
        Ok(span(5))
    );
}

#[test]
fn unknown_never_falls_through() {
    let answers = vec![Answers::ForAll(unknown()), Answers::ForAll(Answer::Set(span(3)))];
    assert!(window("a", "a", Collation::Binary, &windows(&[]), &seen(answers)).is_err());
}

#[test]
fn names_that_the_column_takes_for_equal_must_agree() {
    let listed = windows(&[("acme", span(1)), ("ACME", span(2))]);
    let ask = |collation: Collation| {
        window("Acme", &collation.fold("Acme"), collation, &listed, &seen(vec![]))
    };
    assert_eq!(ask(Collation::Binary), Ok(span(14)));
    assert!(ask(Collation::NoCase).is_err());
    let agreed = windows(&[("acme", span(1)), ("ACME", span(1))]);
    assert_eq!(window("Acme", "acme", Collation::NoCase, &agreed, &seen(vec![])), Ok(span(1)));
}

/// The first target of a policy with this spec, narrowed to these tenants, over a database in which
/// that much was seen.
fn cutoffs(spec: &str, asked: &[&str], seen: &ObservedTarget, clock: &str) -> Cutoffs {
    let text = format!(
        "apiVersion: retention-operator.io/v1alpha1
kind: DatabaseConnection
metadata: {{name: app}}
spec:
  sqlite: {{path: app.db}}
  volume: {{persistentVolumeClaim: {{claimName: app}}}}
  allow: [{{tables: ['*'], actions: [Delete]}}]
---
apiVersion: retention-operator.io/v1alpha1
kind: RetentionPolicy
metadata: {{name: rows}}
spec: {{connectionRef: {{name: app}}, schedule: '@daily', {spec}}}
"
    );
    let mut manifests = Manifests::default();
    parse("f.yaml", &text, &mut manifests);
    let tenants = asked.iter().map(|name| (*name).to_owned()).collect();
    let narrowing = Narrowing { tenants, ..Narrowing::default() };
    let declared = declare(&manifests, &narrowing).expect("a policy");
    Cutoffs::new(&declared[0].targets[0], seen, &declared[0], clock.parse().expect("an instant"))
}

const NOW: &str = "2026-11-21T12:00:00Z";
const WINDOWS: &str = "window: {default: 30d, tenants: [{name: acme, window: 10d}, {name: globex, window: Forever}]}, \
     targets: [{name: t, table: t, action: Delete, tenant: {column: org}, age: {column: at}}]";
const NOBODYS: &str =
    "window: {default: 30d}, targets: [{name: t, table: t, action: Delete, age: {column: at}}]";

fn days_ago(days: i64) -> Fate {
    let clock: Timestamp = NOW.parse().expect("an instant");
    Fate::Cutoff(clock - jiff::SignedDuration::from_hours(24 * days))
}

fn of_tenants(collation: Collation, names: &[&str], answers: Vec<Answers>) -> ObservedTarget {
    let names = names.iter().map(|name| Value::text(*name)).chain([Value::Null]);
    let tenants = names.map(|name| Tenant { name, oldest: None }).collect();
    ObservedTarget { collation: Some(collation), tenants, answers, ..ObservedTarget::default() }
}

fn names(cutoffs: &Cutoffs) -> Vec<&str> {
    cutoffs.windows.iter().map(|told| told.name.as_str()).collect()
}

#[test]
fn every_tenant_has_a_fate_of_its_own_and_who_was_not_seen_is_kept() {
    let seen = of_tenants(Collation::Binary, &["acme", "globex", "initech"], vec![]);
    let cutoffs = cutoffs(WINDOWS, &[], &seen, NOW);
    for (tenant, fate) in [
        (Value::text("acme"), days_ago(10)),
        (Value::text("globex"), Fate::Kept),
        (Value::text("initech"), days_ago(30)),
        (Value::text("newcomer"), Fate::Kept),
        (Value::text("ACME"), Fate::Kept),
        (Value::Null, Fate::Kept),
    ] {
        assert_eq!(cutoffs.of(&tenant), fate, "{tenant:?}");
    }
    let told: Vec<_> =
        cutoffs.windows.iter().map(|told| (told.name.as_str(), told.window)).collect();
    assert_eq!(told, [("acme", span(10)), ("globex", Window::Forever), ("initech", span(30))]);
    assert_eq!((cutoffs.unknown.len(), cutoffs.absent.len()), (0, 0));
}

#[test]
fn a_run_for_some_tenants_keeps_all_others_and_tells_whom_no_row_has() {
    let seen = of_tenants(Collation::Binary, &["acme", "initech"], vec![]);
    let cutoffs = cutoffs(WINDOWS, &["acme", "ghost"], &seen, NOW);
    assert_eq!(cutoffs.of(&Value::text("acme")), days_ago(10));
    assert_eq!(cutoffs.of(&Value::text("initech")), Fate::Kept);
    assert_eq!(names(&cutoffs), ["acme"]);
    assert_eq!(cutoffs.absent, ["ghost"]);
}

#[test]
fn a_tenant_that_the_column_knows_under_two_names_is_asked_for_once() {
    let answers = vec![Answers::ForAll(unknown())];
    let seen = of_tenants(Collation::NoCase, &["Initech", "INITECH"], answers);
    let cutoffs = cutoffs(WINDOWS, &["initech"], &seen, NOW);
    let unknown: Vec<&str> = cutoffs.unknown.iter().map(|tenant| tenant.name.as_str()).collect();
    assert_eq!((unknown, cutoffs.of(&Value::text("iniTech"))), (vec!["Initech"], Fate::Kept));
    assert_eq!((cutoffs.windows.len(), cutoffs.absent.len()), (0, 0));
}

#[test]
fn rows_of_nobodys_go_only_where_no_tenant_is_asked_for() {
    let all = cutoffs(NOBODYS, &[], &ObservedTarget::default(), NOW);
    assert_eq!((all.of(&Value::Null), all.of(&Value::text("a"))), (days_ago(30), days_ago(30)));
    assert_eq!(names(&all), [""]);
    let some = cutoffs(NOBODYS, &["acme"], &ObservedTarget::default(), NOW);
    assert_eq!((some.of(&Value::Null), some.youngest()), (Fate::Kept, None));
}

#[test]
fn where_no_window_is_named_keep_newest_alone_decides() {
    let spec = "targets: [{name: t, table: t, action: Delete, tenant: {column: org}, \
        keepNewest: {rows: 3, orderBy: [id]}}]";
    let cutoffs = cutoffs(spec, &[], &of_tenants(Collation::Binary, &["acme"], vec![]), NOW);
    assert_eq!(cutoffs.of(&Value::text("acme")), Fate::NoWindow);
    assert_eq!((cutoffs.of(&Value::Null), cutoffs.youngest()), (Fate::Kept, None));
}

#[test]
fn the_youngest_cutoff_is_that_of_the_shortest_window() {
    let youngest = |names: &[&str], spec: &str| {
        let seen = of_tenants(Collation::Binary, names, vec![]);
        cutoffs(spec, &[], &seen, NOW).youngest().map(Fate::Cutoff)
    };
    assert_eq!(youngest(&["initech", "acme", "globex"], WINDOWS), Some(days_ago(10)));
    assert_eq!(youngest(&["initech"], WINDOWS), Some(days_ago(30)));
    assert_eq!(youngest(&["globex"], WINDOWS), None, "who keeps for ever has none");
    assert_eq!(youngest(&[], NOBODYS), Some(days_ago(30)));
}

#[test]
fn tenants_without_an_expired_row_are_not_asked_again() {
    let mut seen = of_tenants(Collation::Binary, &["acme", "globex", "initech"], vec![]);
    let ages = ["2026-11-11 12:00:00+00", "2020-01-01 00:00:00+00", "2026-10-22 11:59:59+00"];
    let due = |seen: &ObservedTarget| {
        let due = cutoffs(WINDOWS, &[], seen, NOW).due(&seen.tenants, Some(&Encoding::Instant));
        due.iter().filter_map(Value::name).collect::<Vec<_>>()
    };
    assert_eq!(due(&seen), ["acme", "initech"], "nobody's oldest row is known");
    for (tenant, age) in seen.tenants.iter_mut().zip(ages) {
        tenant.oldest = Some(Value::text(age));
    }
    assert_eq!(due(&seen), ["initech"], "acme's is as old as its window, globex keeps all");
}

#[test]
fn who_is_due_is_told_by_its_own_fate_whatever_stands_before_it() {
    let mut seen = of_tenants(Collation::NoCase, &["globex", "ACME", "initech", "Acme"], vec![]);
    // NULL is nobody's, and stands in the middle.
    seen.tenants.swap(1, 4);
    for tenant in &mut seen.tenants {
        tenant.oldest = Some(Value::text("2026-10-25 00:00:00+00"));
    }
    let due = |asked: &[&str]| {
        let cutoffs = cutoffs(WINDOWS, asked, &seen, NOW);
        let due = cutoffs.due(&seen.tenants, Some(&Encoding::Instant));
        due.iter().filter_map(Value::name).collect::<Vec<_>>()
    };
    assert_eq!(due(&[]), ["Acme", "ACME"], "initech keeps longer, globex all");
    assert_eq!(due(&["acme"]), ["Acme", "ACME"]);
    assert_eq!(due(&["initech"]), [""; 0]);
}

#[test]
fn windows_are_told_in_the_order_of_names_and_found_by_them() {
    let seen = of_tenants(Collation::Binary, &["initech", "acme", "globex"], vec![]);
    let cutoffs = cutoffs(WINDOWS, &[], &seen, NOW);
    assert_eq!(names(&cutoffs), ["acme", "globex", "initech"]);
    for (name, window) in
        [("acme", Some(span(10))), ("globex", Some(Window::Forever)), ("ACME", None), ("", None)]
    {
        assert_eq!(cutoffs.window(name).map(|told| told.window), window, "{name}");
    }
}

#[test]
fn a_cutoff_that_the_calendar_does_not_have_is_unknown_and_keeps() {
    let cutoffs = cutoffs(NOBODYS, &[], &ObservedTarget::default(), "-009999-01-10T00:00:00Z");
    assert_eq!(cutoffs.of(&Value::Null), Fate::Kept);
    assert_eq!(cutoffs.unknown[0].unknown.reason, Reason::NotAWindow);
}
