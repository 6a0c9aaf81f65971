//! Cron fields and a time zone: which instants are slots. Pure.

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::tz::TimeZone;

/// The five fields and macros that Kubernetes' CronJob takes.
#[derive(Debug, Clone)]
pub struct Schedule {
    cron: Cron,
    zone: TimeZone,
}

impl Schedule {
    /// `Err` says what is wrong, in words.
    pub fn parse(text: &str, zone: TimeZone) -> Result<Self, String> {
        let text = text.trim();
        if text.contains("TZ=") {
            return Err("a time zone stands in the cron line, and not in spec.timeZone".to_owned());
        }
        if text.starts_with("@every") {
            return Err("@every has no slots that a clock could name".to_owned());
        }
        let fields = match text {
            "@yearly" | "@annually" => "0 0 1 1 *",
            "@monthly" => "0 0 1 * *",
            "@weekly" => "0 0 * * 0",
            "@daily" | "@midnight" => "0 0 * * *",
            "@hourly" => "0 * * * *",
            other => other,
        };
        if fields.split_whitespace().nth(4).is_some_and(has_a_second_sunday) {
            return Err(
                "a week begins with Sunday, which is 0, and ends with Saturday, which is 6"
                    .to_owned(),
            );
        }
        if let Some(word) = foreign_word(fields) {
            return Err(format!("`{word}` is nothing that CronJob knows"));
        }
        let cron = CronParser::builder()
            .seconds(Seconds::Disallowed)
            .year(Year::Disallowed)
            .build()
            .parse(&open_steps(fields))
            .map_err(|error| error.to_string().trim_end_matches('.').to_owned())?;
        let schedule = Self { cron, zone };
        // The 30th of February parses, and would never come.
        match schedule.next_after(jiff::Timestamp::UNIX_EPOCH) {
            Some(_) => Ok(schedule),
            None => Err("this schedule never comes".to_owned()),
        }
    }

    /// The first slot strictly after an instant.
    pub fn next_after(&self, instant: jiff::Timestamp) -> Option<jiff::Timestamp> {
        let zoned = instant.to_zoned(self.zone.clone());
        self.cron.find_next_occurrence(&zoned, false).ok().map(|slot| slot.timestamp())
    }
}

/// The parser's own extensions (L, W, #, +): CronJob takes numbers, names of
/// months and days, `*` and `?`.
fn foreign_word(fields: &str) -> Option<&str> {
    const NAMES: [&str; 19] = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec", "sun",
        "mon", "tue", "wed", "thu", "fri", "sat",
    ];
    let known = |word: &str| {
        ["*", "?"].contains(&word)
            || !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit())
            || NAMES.contains(&word.to_lowercase().as_str())
    };
    fields
        .split_whitespace()
        .flat_map(|field| field.split([',', '-', '/']))
        .find(|word| !known(word))
}

/// A Sunday after the Saturday, as 7 or at the end of a range: CronJob's week ends with 6.
fn has_a_second_sunday(field: &str) -> bool {
    let is_sunday = |day: &str| day == "0" || day.eq_ignore_ascii_case("sun");
    let bounds = field.split(',').filter_map(|item| item.split('/').next());
    bounds.map(|bounds| bounds.split_once('-').unwrap_or((bounds, bounds))).any(|(from, to)| {
        from.parse() == Ok(7) || to.parse() == Ok(7) || is_sunday(to) && !is_sunday(from)
    })
}

/// `5/15` means from the fifth on, in steps of 15; the parser wants the end written.
fn open_steps(fields: &str) -> String {
    const ENDS: [&str; 5] = ["59", "23", "31", "12", "6"];
    let field = |(at, field): (usize, &str)| -> String {
        let item = |item: &str| match (item.split_once('/'), ENDS.get(at)) {
            // As good as every day, which decides how days of the month and the week go together.
            (Some(("*" | "?", "1")), _) => "*".to_owned(),
            (Some((start, step)), Some(end)) if start.bytes().all(|byte| byte.is_ascii_digit()) => {
                format!("{start}-{end}/{step}")
            }
            _ => item.to_owned(),
        };
        field.split(',').map(item).collect::<Vec<_>>().join(",")
    };
    fields.split_whitespace().enumerate().map(field).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
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
}
