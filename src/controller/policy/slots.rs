//! Which slot is due, as Kubernetes' CronJob counts. Pure.

use std::time::Duration;

use jiff::Timestamp;

use crate::schedule::Schedule;

/// More missed slots than this are not counted.
const COUNTED: i64 = 1000;

/// A slot that has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// The latest one; those before it are never made up for.
    pub slot: Timestamp,
    /// How many have come since the last that was dealt with, this one among them; at most 1,000.
    pub passed: i64,
    /// It is later than startingDeadlineSeconds allow.
    pub too_late: bool,
}

/// The latest slot in (`since`, `now`].
pub fn due(
    schedule: &Schedule,
    since: Timestamp,
    deadline: Option<Duration>,
    now: Timestamp,
) -> Option<Due> {
    let first = schedule.next_after(since).filter(|slot| *slot <= now)?;
    let slot = latest(schedule, first, now);
    let mut passed = 1;
    let mut at = first;
    while at < slot && passed < COUNTED {
        match schedule.next_after(at) {
            Some(next) => at = next,
            None => break,
        }
        passed += 1;
    }
    let too_late = deadline.is_some_and(|deadline| {
        slot.checked_add(deadline).is_ok_and(|latest_start| latest_start < now)
    });
    Some(Due { slot, passed, too_late })
}

/// By halving: a schedule of minutes after a year of silence has half a million slots.
fn latest(schedule: &Schedule, first: Timestamp, now: Timestamp) -> Timestamp {
    let has_slot_after = |second: i64| {
        let instant = Timestamp::from_second(second).ok()?;
        schedule.next_after(instant).filter(|slot| *slot <= now)
    };
    let mut slot = first;
    let (mut low, mut high) = (first.as_second(), now.as_second());
    while low < high {
        let middle = low + (high - low) / 2;
        match has_slot_after(middle) {
            Some(later) => {
                slot = later;
                low = later.as_second();
            }
            None => high = middle,
        }
    }
    slot
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;
    use proptest::prelude::*;

    use super::*;

    fn schedule(text: &str) -> Schedule {
        Schedule::parse(text, TimeZone::UTC).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn nothing_is_due_before_its_time() {
        let daily = schedule("0 2 * * *");
        let since = at("2026-11-21T02:00:00Z");
        assert_eq!(due(&daily, since, None, at("2026-11-22T01:59:59Z")), None);
        let due = due(&daily, since, None, at("2026-11-22T02:00:00Z")).unwrap();
        assert_eq!((due.slot, due.passed), (at("2026-11-22T02:00:00Z"), 1));
    }

    #[test]
    fn of_many_missed_slots_the_latest_counts() {
        let due = due(
            &schedule("0 * * * *"),
            at("2026-11-20T10:30:00Z"),
            None,
            at("2026-11-21T10:29:59Z"),
        )
        .unwrap();
        assert_eq!((due.slot, due.passed), (at("2026-11-21T10:00:00Z"), 24));
    }

    #[test]
    fn a_year_of_minutes_is_looked_through_quickly() {
        let (since, now) = (at("2025-11-21T10:30:00Z"), at("2026-11-21T10:29:59Z"));
        let due = due(&schedule("* * * * *"), since, None, now).unwrap();
        assert_eq!((due.slot, due.passed), (at("2026-11-21T10:29:00Z"), 1000));
    }

    #[test]
    fn a_slot_is_too_late_only_past_its_deadline() {
        let minute = Some(Duration::from_mins(1));
        let is_late = |now| {
            due(&schedule("0 2 * * *"), at("2026-11-21T00:00:00Z"), minute, at(now))
                .unwrap()
                .too_late
        };
        assert!(!is_late("2026-11-21T02:01:00Z"));
        assert!(is_late("2026-11-21T02:01:01Z"));
    }

    proptest! {
        #[test]
        fn the_latest_slot_is_what_walking_finds(
            text in prop::sample::select(vec![
                "* * * * *", "*/7 * * * *", "0 */5 * * *", "30 2 * * 1-5", "0 0 1 * *", "* 3 * * *",
            ]),
            since in 1_790_000_000i64..1_800_000_000,
            span in 0i64..400_000,
        ) {
            let schedule = schedule(text);
            let (since, now) = (
                Timestamp::from_second(since).unwrap(),
                Timestamp::from_second(since + span).unwrap(),
            );
            let mut walked = None;
            let mut slot = schedule.next_after(since).unwrap();
            while slot <= now {
                walked = Some(slot);
                slot = schedule.next_after(slot).unwrap();
            }
            prop_assert_eq!(due(&schedule, since, None, now).map(|due| due.slot), walked);
        }
    }
}
