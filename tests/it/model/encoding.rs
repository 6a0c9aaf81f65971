//! How ages are held, and how an instant is spelled among them.

use super::clock::{DAY, Zone, civil_text, days};
use super::schema::Value;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    Text(Zone),
    Seconds,
    RealSeconds,
    Millis,
    /// PostgreSQL's timestamptz, timestamp and date.
    Instant,
    Civil(Zone),
    Date(Zone),
}

impl Encoding {
    pub fn is_text(self) -> bool {
        matches!(self, Encoding::Text(_))
    }

    /// What `:now` and `:cutoff` are in a condition. A cutoff that is the earlier reading of a civil time that happens
    /// twice moves back to where the fold begins.
    pub fn instant(self, second: i64) -> Value {
        match self {
            Encoding::Text(_) | Encoding::Seconds | Encoding::RealSeconds => Value::Int(second),
            Encoding::Millis => Value::Int(second * 1000),
            Encoding::Instant => Value::Text(civil_text(second, ' ') + "+00"),
            Encoding::Civil(zone) => Value::Text(civil_text(zone.bound(second), ' ')),
            Encoding::Date(zone) => Value::text(&civil_text(zone.civil(second), ' ')[..10]),
        }
    }

    /// An hour, in the numbers that are added to an instant; of dates a day.
    pub fn step(self) -> i64 {
        if matches!(self, Encoding::Date(_)) { DAY } else { 3600 }
    }
}

/// A whole second after what PostgreSQL prints, and in its form.
pub fn later(text: &str, seconds: i64) -> Value {
    let civil = civil(text).expect("an instant that the test wrote itself") + seconds;
    let rest = if text.len() > 19 { &text[19..] } else { "" };
    let printed = civil_text(civil, ' ') + rest;
    Value::text(if text.len() == 10 { &printed[..10] } else { &printed })
}

/// The civil second of what PostgreSQL prints, without its fraction; none of what is infinite or far away.
pub fn civil(text: &str) -> Option<i64> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    if text.contains("BC") || text.find('-') != Some(4) {
        return None;
    }
    let day = days(number(0, 4)?, number(5, 7)?, number(8, 10)?) * DAY;
    if text.len() == 10 {
        return Some(day);
    }
    Some(day + number(11, 13)? * 3600 + number(14, 16)? * 60 + number(17, 19)?)
}
