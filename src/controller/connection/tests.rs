use super::*;
use crate::api::Outcome;
use crate::controller::fixtures::{
    at, at_work, by_hand, condition, connection, connection_with_login, ended, policy, with,
};

const NOW: &str = "2026-11-21T05:00:00Z";

fn after(connection: &DatabaseConnection, runs: &[PurgeRun]) -> DatabaseConnection {
    let mut after = connection.clone();
    after.status = Some(of(connection, runs, at(NOW)));
    after
}

fn status(connection: &DatabaseConnection) -> &DatabaseConnectionStatus {
    connection.status.as_ref().unwrap()
}

fn ready(connection: &DatabaseConnection) -> (&str, &str) {
    let ready = conditions::find(&status(connection).conditions, "Ready").unwrap();
    (&ready.status, &ready.reason)
}

fn done(name: &str, time: &str) -> PurgeRun {
    ended(&by_hand(name), "Complete", time, 1, 0)
}

fn not_reached(name: &str, time: &str) -> PurgeRun {
    let failed = condition("Failed", "Unreachable");
    let text =
        format!("status: {{exitCode: null, unreachable: no answer, conditions: [{failed}]}}");
    with(&ended(&by_hand(name), "Failed", time, 0, 0), &text)
}

#[test]
fn a_connection_is_valid_before_it_is_used() {
    let fresh = after(&connection(), &[at_work(&by_hand("busy"))]);
    assert_eq!(ready(&fresh), ("True", "Valid"));
    assert_eq!((status(&fresh).observed_generation, &status(&fresh).last_run), (Some(2), &None));
}

#[test]
fn a_connection_with_a_login_is_valid_without_its_secrets() {
    let fresh = after(&connection_with_login(), &[]);
    assert_eq!(ready(&fresh), ("True", "Valid"));
    assert!(declared::policy(&policy(), Some(&connection_with_login()), None).is_ok());
    let nameless = with(&fresh, "spec: {postgres: {secretKeyRef: {name: ''}}}");
    assert_eq!(ready(&after(&nameless, &[])), ("False", "InvalidValue"));
}

#[test]
fn what_a_run_found_out_about_the_server_stays_with_the_connection() {
    let server = "status: {server: {version: PostgreSQL 17.2, tlsVerified: true}}";
    let known = after(&connection(), &[with(&done("run", "2026-11-21T02:00:00Z"), server)]);
    let told = |connection: &DatabaseConnection| {
        let last = status(connection).last_run.clone().unwrap();
        (last.server_version, last.tls_verified)
    };
    assert_eq!(told(&known), (Some("PostgreSQL 17.2".to_owned()), Some(true)));
    assert_eq!(told(&after(&known, &[])), told(&known), "the run is gone");
    let lost = after(&known, &[not_reached("next", "2026-11-21T03:00:00Z")]);
    assert_eq!(told(&lost), (None, None));
}

#[test]
fn what_is_wrong_with_it_is_stalled_only_while_it_is() {
    let wrong = after(&with(&connection(), "spec: {sqlite: {path: ../out}}"), &[]);
    assert_eq!(ready(&wrong).0, "False");
    assert!(conditions::is_true(&status(&wrong).conditions, "Stalled"));
    let mended = after(&with(&wrong, "spec: {sqlite: {path: chats.db}}"), &[]);
    assert_eq!(ready(&mended), ("True", "Valid"));
    assert_eq!(status(&mended).conditions.len(), 1);
}

#[test]
fn the_newest_run_that_used_it_says_how_it_is() {
    let (old, new) = (done("b", "2026-11-21T01:00:00Z"), not_reached("a", "2026-11-21T02:00:00Z"));
    let seen = after(&connection(), &[new.clone(), old.clone()]);
    assert_eq!(ready(&seen), ("False", "Unreachable"));
    assert!(status(&seen).conditions[0].message.starts_with("PurgeRun a: "));
    assert_eq!(status(&seen).last_run.as_ref().unwrap().outcome, Some(Outcome::Failed));
    let newest = done("c", "2026-11-21T03:00:00Z");
    let seen = after(&seen, &[newest, new, old]);
    assert_eq!(ready(&seen), ("True", "Used"));
    assert_eq!(status(&seen).last_run.as_ref().unwrap().name, "c");
}

#[test]
fn a_run_that_fell_short_for_other_reasons_has_used_it() {
    let fell_short = ended(&by_hand("a"), "Failed", "2026-11-21T02:00:00Z", 0, 0);
    assert_eq!(ready(&after(&connection(), &[fell_short])), ("True", "Used"));
}

#[test]
fn runs_that_never_came_to_it_or_used_another_say_nothing() {
    let replaced = format!(
        "status: {{connection: agents, completionTime: 2026-11-21T02:00:00Z, conditions: [{}]}}",
        condition("Failed", "Replaced")
    );
    let elsewhere = with(&done("a", "2026-11-21T02:00:00Z"), "status: {connection: other}");
    let runs = [with(&by_hand("b"), &replaced), elsewhere];
    let seen = after(&connection(), &runs);
    assert_eq!(ready(&seen), ("True", "Valid"));
    assert_eq!(status(&seen).last_run, None);
}

#[test]
fn what_is_known_stays_when_its_run_is_removed() {
    let old = done("b", "2026-11-21T01:00:00Z");
    let bad = after(&connection(), &[old.clone(), not_reached("a", "2026-11-21T02:00:00Z")]);
    for left in [vec![], vec![old]] {
        assert_eq!(status(&after(&bad, &left)), status(&bad));
    }
    let good = after(&connection(), &[done("c", "2026-11-21T02:00:00Z")]);
    assert_eq!(status(&after(&good, &[])), status(&good));
    let healed = after(&bad, &[done("c", "2026-11-21T02:30:00Z")]);
    assert_eq!(ready(&healed), ("True", "Used"));
}
