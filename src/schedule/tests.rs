mod properties;

use super::*;

fn next(text: &str, after: &str) -> String {
    let schedule = Schedule::parse(text, TimeZone::UTC).expect("a schedule");
    schedule.next_after(after.parse().expect("an instant")).expect("a slot").to_string()
}

#[test]
fn slots_are_cronjobs() {
    assert_eq!(next("0 2 * * *", "2026-11-21T02:00:00Z"), "2026-11-22T02:00:00Z");
    assert_eq!(next("@hourly", "2026-11-21T02:00:01Z"), "2026-11-21T03:00:00Z");
    assert_eq!(next("0 0 1 JUL *", "2026-11-21T02:00:00Z"), "2027-07-01T00:00:00Z");
    assert_eq!(next("0 0 * * Wed", "2026-11-21T02:00:00Z"), "2026-11-25T00:00:00Z");
    assert_eq!(next("5/15 * * * *", "2026-11-21T02:21:00Z"), "2026-11-21T02:35:00Z");
}

#[test]
fn what_cronjob_does_not_know_is_refused() {
    for bad in [
        "",
        "* * * *",
        "0 0 2 * * *",
        "@every 1h",
        "TZ=UTC 0 * * * *",
        "0 0 30 2 *",
        "61 * * * *",
        "0 0 L * *",
        "0 0 15W * *",
        "0 0 * * 5#2",
    ] {
        assert!(Schedule::parse(bad, TimeZone::UTC).is_err(), "{bad:?}");
    }
}

#[test]
fn a_day_of_the_month_and_a_day_of_the_week_are_both_taken_unless_one_is_every_day() {
    // 2026-11-21 is a Saturday.
    let after = "2026-11-21T12:00:00Z";
    assert_eq!(next("0 0 13 * FRI", after), "2026-11-27T00:00:00Z");
    assert_eq!(next("0 0 23 * FRI", after), "2026-11-23T00:00:00Z");
    assert_eq!(next("0 0 * * FRI", after), "2026-11-27T00:00:00Z");
    assert_eq!(next("0 0 ? * FRI", after), "2026-11-27T00:00:00Z");
    assert_eq!(next("0 0 13 * *", after), "2026-12-13T00:00:00Z");
    assert_eq!(next("0 0 13 * ?", after), "2026-12-13T00:00:00Z");
    assert_eq!(next("0 0 */1 * FRI", after), "2026-11-27T00:00:00Z");
    assert_eq!(next("0 0 13 * */1", after), "2026-12-13T00:00:00Z");
    assert_eq!(next("0 0 */10 * FRI", after), "2026-11-27T00:00:00Z");
    assert_eq!(next("0 0 */10 * FRI", "2026-11-28T12:00:00Z"), "2026-12-01T00:00:00Z");
}

#[test]
fn lists_ranges_and_steps_are_cronjobs() {
    let after = "2026-11-21T02:21:00Z";
    assert_eq!(next("1,31-33/2 * * * *", after), "2026-11-21T02:31:00Z");
    assert_eq!(next("  05\t03 * * * ", after), "2026-11-21T03:05:00Z");
    assert_eq!(next("0 9-17/4 * * MON-FRI", after), "2026-11-23T09:00:00Z");
    assert_eq!(next("0 0 1 1/3 *", after), "2027-01-01T00:00:00Z");
    assert_eq!(next("0 0 * * 0", after), "2026-11-22T00:00:00Z");
    assert_eq!(next("0 0 29 2 *", after), "2028-02-29T00:00:00Z");
    assert_eq!(next("0 0 * * SUN-SUN", after), "2026-11-22T00:00:00Z");
    assert_eq!(next("? ?/5 * * *", after), "2026-11-21T05:00:00Z");
}

#[test]
fn what_cronjob_refuses_is_refused() {
    for bad in [
        "0 0 * * 7",
        "0 24 * * *",
        "0 0 0 * *",
        "0 0 * 13 *",
        "*/0 * * * *",
        "5-3 * * * *",
        "-1 * * * *",
        "1- * * * *",
        "*/ * * * *",
        "1,,2 * * * *",
        "@reboot",
        "@",
        "99999999999 * * * *",
        "0 0 * * FRI-SUN",
        "0 0 * foo *",
    ] {
        assert!(Schedule::parse(bad, TimeZone::UTC).is_err(), "{bad:?}");
    }
}

proptest::proptest! {
    /// Around changes of the clock, forwards and back, by an hour and by half of one.
    #[test]
    fn the_next_slot_is_always_later_and_a_whole_minute(
        text in proptest::sample::select(vec![
            "* * * * *", "*/30 * * * *", "30 2 * * *", "0 * * * *", "0 2 * * *", "15 1,2,3 * * *", "0 0 * * *",
        ]),
        (zone, change) in proptest::sample::select(vec![
            ("Europe/Berlin", "2026-03-29T01:00:00Z"), ("Europe/Berlin", "2026-10-25T01:00:00Z"),
            ("America/New_York", "2026-03-08T07:00:00Z"), ("America/New_York", "2026-11-01T06:00:00Z"),
            ("Australia/Lord_Howe", "2026-04-04T15:00:00Z"), ("Australia/Lord_Howe", "2026-10-03T15:30:00Z"),
            ("America/Santiago", "2026-09-06T04:00:00Z"), ("Asia/Kolkata", "2026-03-29T01:00:00Z"),
        ]),
        offset in -14_400i64..14_400,
    ) {
        let schedule = Schedule::parse(text, TimeZone::get(zone).unwrap()).unwrap();
        let change: jiff::Timestamp = change.parse().unwrap();
        let mut at = jiff::Timestamp::from_second(change.as_second() + offset).unwrap();
        for _ in 0..20 {
            let next = schedule.next_after(at).unwrap();
            proptest::prop_assert!(next > at, "{next} after {at}");
            proptest::prop_assert_eq!(next.as_second() % 60, 0);
            at = next;
        }
    }
}
