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

/// `5/15` means from the fifth on, in steps of 15; the parser wants the end written.
fn open_steps(fields: &str) -> String {
    const ENDS: [&str; 5] = ["59", "23", "31", "12", "6"];
    let field = |(at, field): (usize, &str)| -> String {
        let item = |item: &str| match (item.split_once('/'), ENDS.get(at)) {
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
}
