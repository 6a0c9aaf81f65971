//! A run and a replica that is behind.

use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicBool, Ordering};

use retention_operator::api::Outcome;
use retention_operator::run::{Options, Point, Watch};

use super::database::Database;
use super::replica::{Pair, pair};
use super::stage::{Stage, old};

/// A stage whose login may see how far replicas are behind, and the replica is.
fn behind(pair: &'static Pair) -> Stage {
    let mut stage = pair.stage();
    stage.max_replica_lag = "500ms";
    may_see(&stage.database);
    pair.pause();
    stage.database.execute("CREATE TABLE more (id int)");
    pair.until_told("replay_lag > '500ms'");
    stage
}

fn may_see(database: &Database) {
    database.execute(&format!("GRANT pg_read_all_stats TO {}", database.role));
}

/// Does something when the run says that it waits, and remembers what for.
struct Waiting<F: Fn()> {
    then: F,
    times: Cell<u32>,
    why: RefCell<String>,
}

fn waiting<F: Fn()>(then: F) -> Waiting<F> {
    Waiting { then, times: Cell::new(0), why: RefCell::default() }
}

impl<F: Fn()> Watch for Waiting<F> {
    fn waits(&self, target: &str, why: &str) {
        assert_eq!(target, "t");
        self.times.set(self.times.get() + 1);
        self.why.replace(why.to_owned());
        (self.then)();
    }
}

fn lag(said: &super::stage::Said) -> f64 {
    let work = said.target().work.clone().unwrap();
    work.throttled_seconds.unwrap().replica_lag.unwrap()
}

#[test]
fn a_replica_that_is_behind_is_waited_for_outside_of_any_transaction() {
    let Some((pair, _turn)) = pair() else { return };
    let stage = behind(pair);
    let open = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE usename = '{}' AND xact_start IS NOT NULL",
        stage.database.role
    );
    let watch = waiting(|| {
        assert_eq!(stage.database.numbers(&open), [0], "a transaction is open");
        assert_eq!(stage.left().len(), 10, "nothing has gone");
        pair.resume();
    });
    let said = stage.ask(&old(""), |_| {}, &watch);
    said.assert_done();
    assert_eq!(stage.left(), [0; 0]);
    assert!(watch.why.borrow().starts_with("the replica walreceiver is more than 500ms behind"));
    assert!(lag(&said) > 0.1, "{said:#?}");
    assert_eq!(said.target().message, None, "nothing is left to tell");
}

#[test]
fn a_replica_that_keeps_up_is_not_waited_for() {
    let Some((pair, _turn)) = pair() else { return };
    let stage = pair.stage();
    may_see(&stage.database);
    pair.until_told("replay_lsn = pg_current_wal_flush_lsn()");
    let watch = waiting(|| {});
    let said = stage.ask(&old(""), |_| {}, &watch);
    said.assert_done();
    assert_eq!((watch.times.get(), lag(&said).to_bits()), (0, 0.0_f64.to_bits()), "{said:#?}");
}

#[test]
fn a_wait_ends_with_the_time_that_a_run_has_and_the_report_says_what_for() {
    let Some((pair, _turn)) = pair() else { return };
    let stage = behind(pair);
    let said = stage.run(&format!("activeDeadlineSeconds: 2, {}", old("")));
    let target = said.target();
    assert_eq!((said.exit(), target.outcome), (1, Some(Outcome::DeadlineExceeded)), "{said:#?}");
    let message = target.message.clone().unwrap();
    assert!(message.contains("it waited: the replica walreceiver is more than"), "{message}");
    assert_eq!(stage.left().len(), 10);
    assert!(lag(&said) > 0.5, "{said:#?}");
}

#[test]
fn a_run_that_waits_can_be_stopped() {
    let Some((pair, _turn)) = pair() else { return };
    let stage = behind(pair);
    let stop = AtomicBool::new(false);
    let watch = waiting(|| stop.store(true, Ordering::Relaxed));
    let said = stage.ask_until(&stop, &old(""), |_: &mut Options| {}, &watch);
    assert_eq!((said.exit(), said.target().outcome), (1, Some(Outcome::Stopped)), "{said:#?}");
    assert_eq!((watch.times.get(), stage.left().len()), (1, 10));
}

#[test]
fn a_login_that_may_not_see_the_lag_is_refused_with_the_grant_and_counts_all_the_same() {
    let Some((pair, _turn)) = pair() else { return };
    let stage = pair.stage();
    let said = stage.run(&old(""));
    let refused = said.refused();
    assert_eq!(
        (refused.object.as_str(), refused.field.as_str(), refused.reason.as_str()),
        ("DatabaseConnection/app", "spec.limits.maxReplicaLag", "NotPermitted")
    );
    assert_eq!(refused.write, format!("GRANT pg_read_all_stats TO {}", stage.database.role));
    assert_eq!(stage.left().len(), 10);
    stage.dry_run(&old("")).assert_done();
    stage.database.execute(&refused.write);
    stage.run(&old("")).assert_done();
    assert_eq!(stage.left(), [0; 0]);
}

/// The right to see the lag is taken away when the plan stands, and given back once the run says that it waits.
struct Revoked<'a>(&'a Database, RefCell<String>);

impl Watch for Revoked<'_> {
    fn reached(&self, point: Point) {
        if point == Point::Planned {
            self.0.execute(&format!("REVOKE pg_read_all_stats FROM {}", self.0.role));
        }
    }

    fn waits(&self, _target: &str, why: &str) {
        self.1.replace(why.to_owned());
        may_see(self.0);
    }
}

#[test]
fn a_right_that_is_taken_away_in_the_middle_is_waited_for_with_the_grant() {
    let Some((pair, _turn)) = pair() else { return };
    let stage = pair.stage();
    may_see(&stage.database);
    let role = &stage.database.role;
    let meddler = Revoked(&stage.database, RefCell::default());
    stage.ask(&old(""), |_| {}, &meddler).assert_done();
    assert_eq!(
        *meddler.1.borrow(),
        format!(
            "how far the replica walreceiver is behind is not known: GRANT pg_read_all_stats TO {role}"
        )
    );
}

#[test]
fn who_only_keeps_the_log_is_no_replica() {
    let Some((pair, _turn)) = pair() else { return };
    let mut stage = pair.stage();
    stage.max_replica_lag = "10ms";
    may_see(&stage.database);
    let Some(_archive) = crate::skip::aloud("pg_receivewal", pair.archive()) else { return };
    stage.database.execute("CREATE TABLE more (id int)");
    pair.until_told("application_name = 'pg_receivewal' AND replay_lag > '10ms'");
    pair.until_told("replay_lsn = pg_current_wal_flush_lsn()");
    stage.ask(&old(""), |_| {}, &waiting(|| panic!("it waits"))).assert_done();
    assert_eq!(stage.left(), [0; 0]);
}
