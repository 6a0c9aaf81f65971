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

/// `5/15` means from the fifth on, in steps of 15; the parser wants the end written. And `?` is `*`
/// in every field; the parser takes it for days alone. And SUN-SUN is a Sunday; the parser takes its
/// end for the Sunday after.
fn open_steps(fields: &str) -> String {
    const ENDS: [&str; 5] = ["59", "23", "31", "12", "6"];
    let field = |(at, field): (usize, &str)| -> String {
        let item = |item: &str| match (item.split_once('/'), ENDS.get(at)) {
            // As good as every day, which decides how days of the month and the week go together.
            (Some(("*" | "?", "1")), _) => "*".to_owned(),
            (Some(("?", step)), _) => format!("*/{step}"),
            (None, _) if item == "?" => "*".to_owned(),
            (Some((start, step)), Some(end)) if start.bytes().all(|byte| byte.is_ascii_digit()) => {
                format!("{start}-{end}/{step}")
            }
            _ => item.to_owned(),
        };
        let field =
            if at == 4 { field.to_lowercase().replace("sun", "0") } else { field.to_owned() };
        field.split(',').map(item).collect::<Vec<_>>().join(",")
    };
    fields.split_whitespace().enumerate().map(field).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
