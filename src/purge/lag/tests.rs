use proptest::prelude::*;

use super::*;

const MOST: Duration = Duration::from_secs(10);

fn follower(written: u64, replayed: Option<u64>, lag: Option<u64>) -> Follower {
    Follower {
        name: "one".to_owned(),
        state: Some("streaming".to_owned()),
        is_logical: false,
        written,
        replayed,
        lag: lag.map(Duration::from_millis),
    }
}

fn in_state(state: Option<&str>, follower: Follower) -> Follower {
    Follower { state: state.map(str::to_owned), ..follower }
}

/// Asked once.
fn told(follower: Follower) -> Option<String> {
    Lag::new(MOST).behind(Instant::now(), "purge", &[follower])
}

#[test]
fn nobody_follows_and_nothing_is_waited_for() {
    assert_eq!(Lag::new(MOST).behind(Instant::now(), "purge", &[]), None);
}

#[test]
fn who_has_replayed_all_is_not_behind_whatever_else_is_told() {
    for state in ["streaming", "catchup", "startup"] {
        for lag in [None, Some(60_000)] {
            assert_eq!(told(in_state(Some(state), follower(9, Some(9), lag))), None);
        }
    }
}

#[test]
fn a_lag_that_is_told_counts_to_the_millisecond() {
    assert_eq!(told(follower(9, Some(8), Some(10_000))), None);
    let why = told(follower((84 << 20) + 8, Some(8), Some(10_001))).expect("it is behind");
    assert_eq!(why, "the replica one is more than 10s behind, by 84 MiB of log");
}

#[test]
fn what_is_not_known_is_waited_for() {
    for follower in [
        follower(9, Some(8), None),
        follower(9, None, None),
        in_state(Some("catchup"), follower(9, Some(8), Some(1))),
        in_state(Some("startup"), follower(9, None, None)),
    ] {
        let why = told(follower).expect("it is not known");
        assert!(why.starts_with("how far the replica one is behind is not known: "), "{why}");
    }
    let hidden = told(in_state(None, follower(u64::MAX, None, None))).expect("it is hidden");
    assert!(hidden.ends_with("GRANT pg_read_all_stats TO purge"), "{hidden}");
}

#[test]
fn a_subscriber_is_behind_only_if_it_is_told_to_be() {
    let subscriber = |lag| Follower { is_logical: true, ..follower(9, Some(8), lag) };
    assert_eq!(told(subscriber(None)), None);
    assert_eq!(told(in_state(Some("catchup"), subscriber(Some(1)))), None);
    assert!(told(subscriber(Some(10_001))).is_some());
}

/// PostgreSQL goes on telling 0.2 ms of a replica that has stopped to replay.
#[test]
fn a_replica_that_stands_still_is_behind_whatever_lag_is_told_of_it() {
    let mut lag = Lag::new(MOST);
    let begun = Instant::now();
    for second in 0..30 {
        let at = begun + Duration::from_secs(second);
        let written = 100 + second * 10;
        let behind = lag.behind(at, "purge", &[follower(written, Some(99), Some(0))]);
        assert_eq!(behind.is_some(), second > 10, "second {second}: {behind:?}");
    }
}

#[test]
fn of_several_replicas_the_slowest_counts() {
    let quick = follower(9, Some(9), None);
    let slow = Follower { name: "slow".to_owned(), ..follower(9, Some(1), Some(60_000)) };
    let why = Lag::new(MOST).behind(Instant::now(), "purge", &[quick, slow]);
    assert!(why.expect("one is behind").contains("replica slow"));
}

proptest! {
    /// A replica that replays what was written so many milliseconds before, asked at any moments.
    #[test]
    fn a_steady_lag_is_too_much_if_it_is_and_never_if_it_is_not(
        behind in 0..20_000_u64,
        pauses in prop::collection::vec(1..3_000_u64, 1..80),
    ) {
        let mut lag = Lag::new(MOST);
        let begun = Instant::now();
        let (mut now, mut known_for) = (0, 0);
        for pause in pauses {
            now += pause;
            // A byte a millisecond, and an answer that says nothing of time.
            let written = 1_000_000 + now;
            let held = lag
                .behind(
                    begun + Duration::from_millis(now),
                    "purge",
                    &[follower(written, Some(written - behind), Some(0))],
                )
                .is_some();
            if behind <= 10_000 {
                prop_assert!(!held, "{behind} at {now}");
            }
            // Every mark is at most three seconds after the one before.
            if behind > 13_100 && known_for > 13_100 {
                prop_assert!(held, "{behind} at {now}");
            }
            known_for += pause;
        }
        prop_assert!(lag.marks.len() <= MARKS as usize + 2);
    }
}
