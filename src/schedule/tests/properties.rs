//! Any cron line in any zone, judged minute by minute; and what croniter says.

use std::collections::BTreeSet;

use jiff::civil::{Date, DateTime};
use jiff::tz::AmbiguousOffset;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::*;

/// What croniter says, by `slots.py`, which tells what it leaves out.
const SLOTS: &str = include_str!("../slots.tsv");

#[test]
fn every_slot_is_what_another_library_says_it_is() {
    let mut compared = 0;
    for line in SLOTS.lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<&str> = line.split('\t').collect();
        let [zone, text, after, slot] = fields[..] else { panic!("{line}") };
        let schedule = Schedule::parse(text, TimeZone::get(zone).unwrap()).expect(line);
        let next = schedule.next_after(after.parse().unwrap()).expect(line);
        assert_eq!(next.to_string(), slot, "{line}");
        compared += 1;
    }
    assert!(compared >= 500, "{compared}");
}

/// A field as it is written, and what it means.
#[derive(Debug, Clone)]
struct Field {
    text: String,
    values: BTreeSet<i8>,
    /// `*`, `?`: a day of the other kind decides alone.
    is_every: bool,
    /// One number.
    is_fixed: bool,
}

#[derive(Debug, Clone)]
struct Line {
    minute: Field,
    hour: Field,
    day: Field,
    month: Field,
    weekday: Field,
}

fn every(low: i8, high: i8) -> impl Strategy<Value = Field> {
    prop_oneof![Just("*"), Just("?"), Just("*/1")].prop_map(move |text| Field {
        text: text.to_owned(),
        values: (low..=high).collect(),
        is_every: true,
        is_fixed: false,
    })
}

fn item(low: i8, high: i8, names: &'static [&'static str]) -> impl Strategy<Value = Field> {
    let start = low..=high;
    let case = 0..4_u8;
    (start, low..=high, 2..=(high - low).max(2), case, 0..3_u8).prop_map(
        move |(one, other, step, case, name)| {
            let say = |value: i8| match (names.get(usize::from((value - low).unsigned_abs())), name)
            {
                (Some(word), 0) => (*word).to_owned(),
                (Some(word), 1) => word.to_uppercase(),
                _ => value.to_string(),
            };
            let (start, end) = (one.min(other), one.max(other));
            let steps =
                |from: i8, to: i8| (from..=to).step_by(step.unsigned_abs().into()).collect();
            let (text, values): (String, BTreeSet<i8>) = match case {
                0 => (say(one), [one].into()),
                1 => (format!("{}-{}", say(start), say(end)), (start..=end).collect()),
                2 => (format!("{}-{}/{step}", say(start), say(end)), steps(start, end)),
                _ => (format!("{one}/{step}"), steps(one, high)),
            };
            Field { text, values, is_every: false, is_fixed: case == 0 }
        },
    )
}

fn field(low: i8, high: i8, names: &'static [&'static str]) -> impl Strategy<Value = Field> {
    let list = prop::collection::vec(item(low, high, names), 1..4).prop_map(|items| Field {
        text: items.iter().map(|item| item.text.as_str()).collect::<Vec<_>>().join(","),
        values: items.iter().flat_map(|item| item.values.clone()).collect(),
        is_every: false,
        is_fixed: false,
    });
    prop_oneof![2 => every(low, high), 3 => item(low, high, names), 1 => list]
        // One value by a range or a list: libraries do not agree whether that is a fixed time.
        .prop_filter("one value", |field| field.is_fixed || field.values.len() > 1)
}

const MONTHS: &[&str] =
    &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: &[&str] = &["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

fn line() -> impl Strategy<Value = Line> {
    let fields = (
        field(0, 59, &[]),
        field(0, 23, &[]),
        field(1, 31, &[]),
        field(1, 12, MONTHS),
        field(0, 6, WEEKDAYS),
    );
    fields.prop_map(|(minute, hour, day, month, weekday)| Line {
        minute,
        hour,
        day,
        month,
        weekday,
    })
}

impl Line {
    fn text(&self) -> String {
        let Self { minute, hour, day, month, weekday } = self;
        [minute, hour, day, month, weekday].map(|field| field.text.as_str()).join(" ")
    }

    fn has_date(&self, date: Date) -> bool {
        let day = self.day.values.contains(&date.day());
        let weekday = self.weekday.values.contains(&date.weekday().to_sunday_zero_offset());
        let either = match (self.day.is_every, self.weekday.is_every) {
            (false, false) => day || weekday,
            _ => day && weekday,
        };
        either && self.month.values.contains(&date.month())
    }

    fn has(&self, civil: DateTime) -> bool {
        self.minute.values.contains(&civil.minute())
            && self.hour.values.contains(&civil.hour())
            && self.has_date(civil.date())
    }

    /// Whether this minute is a slot. A fixed time comes once where clocks tell it twice, and at the end of the gap where
    /// they leave it out; any other line comes in each minute that its fields name and clocks tell.
    fn is_slot(&self, minute: Timestamp, zone: &TimeZone) -> bool {
        let civil = zone.to_datetime(minute);
        let is_fixed = self.minute.is_fixed && self.hour.is_fixed;
        if self.has(civil) {
            let again = match zone.to_ambiguous_timestamp(civil).offset() {
                AmbiguousOffset::Fold { after, .. } => zone.to_offset(minute) == after,
                AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Gap { .. } => false,
            };
            return !(is_fixed && again);
        }
        let before = zone.to_datetime(minute - SignedDuration::from_mins(1));
        let left_out = (1..24 * 60).map(|minutes| before + SignedDuration::from_mins(minutes));
        is_fixed
            && self.has_date(civil.date())
            && left_out.take_while(|left_out| *left_out < civil).any(|left_out| self.has(left_out))
    }
}

const ZONES: &[&str] = &[
    "Etc/UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/St_Johns",
    "America/Sao_Paulo",
    "America/Havana",
    "America/Santiago",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "Africa/Cairo",
    "Antarctica/Troll",
    "Asia/Amman",
    "Asia/Kathmandu",
    "Asia/Pyongyang",
    "Pacific/Chatham",
];

/// Half of the instants lie within two days of a change of clocks.
fn instants() -> impl Strategy<Value = (TimeZone, Timestamp)> {
    let seconds = 1_000_000_000_i64..1_790_000_000;
    let near = prop_oneof![Just(None), (-172_800_i64..7_200).prop_map(Some)];
    (prop::sample::select(ZONES), seconds, near).prop_map(|(name, second, near)| {
        let zone = TimeZone::get(name).unwrap();
        let instant = Timestamp::from_second(second).unwrap();
        let change = zone.following(instant).next().map(|change| change.timestamp());
        let instant = match (near, change) {
            (Some(near), Some(change)) => change + SignedDuration::from_secs(near),
            _ => instant,
        };
        (zone, instant)
    })
}

/// Whether clocks change on this day or beside it.
fn changes(date: Date, zone: &TimeZone) -> bool {
    let midnight = |date: Date| date.to_zoned(zone.clone()).unwrap().timestamp();
    let (from, to) = (midnight(date.yesterday().unwrap()), midnight(date.tomorrow().unwrap()));
    zone.following(from).next().is_some_and(|change| change.timestamp() <= to)
}

proptest! {
    // A failure shrinks to a line that can be read: no seeds are kept.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn between_an_instant_and_the_next_slot_no_minute_is_one((zone, now) in instants(), line in line()) {
        let text = line.text();
        let schedule = match Schedule::parse(&text, zone.clone()) {
            Ok(schedule) => schedule,
            Err(message) => {
                let days: BTreeSet<i8> = line.month.values.iter().map(|month| match month {
                    2 => 29,
                    4 | 6 | 9 | 11 => 30,
                    _ => 31,
                }).collect();
                let longest = days.last().copied().unwrap();
                let never = line.weekday.is_every && line.day.values.iter().all(|day| *day > longest);
                prop_assert!(never && message == "this schedule never comes", "{}: {}", text, message);
                return Ok(());
            }
        };
        let next = schedule.next_after(now).expect("a slot");
        prop_assert!(next > now, "{}: {} after {}", text, next, now);
        prop_assert!(next.as_second() % 60 == 0 && line.is_slot(next, &zone), "{}: {} is none", text, next);
        // The next two days and the last one minute by minute, and what lies between day by day.
        let days = |days: i64| SignedDuration::from_hours(24 * days);
        let first = Timestamp::from_second(now.as_second().div_euclid(60) * 60 + 60).unwrap();
        for (from, to) in [(first, next.min(now + days(2))), (first.max(next - days(1)), next)] {
            let mut minute = Timestamp::from_second(from.as_second().div_euclid(60) * 60).unwrap();
            while minute < to {
                prop_assert!(!line.is_slot(minute, &zone), "{}: {} is left out after {}", text, minute, now);
                minute += SignedDuration::from_mins(1);
            }
        }
        let mut date = zone.to_datetime(now).date().tomorrow().unwrap();
        while date < zone.to_datetime(next).date() {
            // A day that clocks cut may lose its slot.
            let may = line.has_date(date) && !changes(date, &zone);
            prop_assert!(!may, "{}: {} is left out after {}", text, date, now);
            date = date.tomorrow().unwrap();
        }
    }

    #[test]
    fn what_is_no_schedule_is_refused_in_words(
        text in prop_oneof![
            any::<String>(),
            "[0-9*/,?LW#@+ \t-]{0,24}",
            "@[a-z]{0,8}",
            prop::collection::vec("[0-9*/,?-]{1,7}|[A-Za-z]{3}|\\PC{1,2}", 5).prop_map(|fields| fields.join(" ")),
        ],
        (zone, now) in instants(),
    ) {
        match Schedule::parse(&text, zone) {
            Ok(schedule) => prop_assert!(schedule.next_after(now).is_some_and(|next| next > now), "{:?}", text),
            Err(message) => prop_assert!(message.len() > 5, "{:?}: {:?}", text, message),
        }
    }
}
