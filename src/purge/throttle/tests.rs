use proptest::prelude::*;

use super::*;
use crate::database::{Follower, Log};

fn judge(throttle: &mut Throttle, now: Instant, pressure: &Pressure) -> Option<Hold> {
    throttle.judge(now, pressure, &mut Lag::new(Duration::from_secs(10)))
}

fn late() -> Follower {
    Follower {
        name: "one".to_owned(),
        state: Some("streaming".to_owned()),
        is_logical: false,
        written: 9,
        replayed: Some(1),
        lag: Some(Duration::from_mins(1)),
    }
}

fn log(bytes: u64, emptied: bool) -> Pressure {
    Pressure { log: Some(Log { bytes, emptied }), ..Pressure::default() }
}

fn cause(pressure: &Pressure) -> Option<Cause> {
    judge(&mut Throttle::default(), Instant::now(), pressure).map(|hold| hold.cause)
}

#[test]
fn a_database_at_ease_is_not_waited_for() {
    assert_eq!(cause(&Pressure::default()), None);
}

#[test]
fn who_cannot_be_asked_is_waited_for() {
    let unasked = Pressure { unasked: Some("no".to_owned()), ..Pressure::default() };
    let hold = judge(&mut Throttle::default(), Instant::now(), &unasked).expect("nobody knows");
    assert_eq!(hold.cause, Cause::ReplicaLag);
    assert_eq!(hold.why, "how far replicas are behind cannot be asked: no");
}

#[test]
fn a_large_log_is_waited_for_only_while_it_cannot_be_emptied() {
    assert_eq!(cause(&log(LARGE_LOG, false)), None);
    assert_eq!(cause(&log(LARGE_LOG + 1, true)), None);
    assert_eq!(cause(&log(LARGE_LOG + 1, false)), Some(Cause::WalSize));
}

#[test]
fn of_several_causes_the_first_is_told() {
    let waiters = Pressure { waiters: true, ..Pressure::default() };
    assert_eq!(cause(&waiters), Some(Cause::LockWaiters));
    assert_eq!(cause(&Pressure { followers: vec![late()], ..waiters }), Some(Cause::ReplicaLag));
}

#[test]
fn the_database_is_asked_at_once_and_then_once_a_second() {
    let (mut throttle, begun) = (Throttle::default(), Instant::now());
    assert!(throttle.is_due(begun));
    judge(&mut throttle, begun, &Pressure::default());
    assert!(!throttle.is_due(begun));
    assert_eq!(throttle.until_due(begun + EVERY / 4), EVERY * 3 / 4);
    assert!(throttle.is_due(begun + EVERY));
}

proptest! {
    #[test]
    fn every_moment_of_a_pause_is_of_one_cause(
        turns in prop::collection::vec((0..5_usize, 0..5_000_u64), 0..40),
    ) {
        const CAUSES: [Option<Cause>; 5] = [
            None,
            Some(Cause::DutyCycle),
            Some(Cause::ReplicaLag),
            Some(Cause::LockWaiters),
            Some(Cause::WalSize),
        ];
        let (mut throttle, mut now) = (Throttle::default(), Instant::now());
        let mut expected = [0; 5];
        for (at, millis) in turns {
            throttle.turn(CAUSES[at], now);
            now += Duration::from_millis(millis);
            expected[at] += millis;
            for (cause, expected) in CAUSES.iter().zip(expected).skip(1) {
                let waited = throttle.waited(now);
                let waited = waited.get(&cause.expect("not the first")).copied().unwrap_or_default();
                prop_assert_eq!(waited, Duration::from_millis(expected));
            }
        }
    }
}
