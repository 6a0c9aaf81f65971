//! How a row tells its age, and how an instant is told to the database.
//!
//! Text is read here and never by the database's own parser: SQLite reads `12:00:00` as the year
//! 2000, `now` as the present and `2026-02-30` as the second of March (tried on 3.40).

use std::cmp::Ordering;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

use super::Value;

/// How a column holds an instant.
#[derive(Debug, Clone, PartialEq)]
pub enum Encoding {
    /// ISO 8601; the zone is that of values which name none.
    Text {
        zone: TimeZone,
    },
    UnixSeconds,
    UnixMillis,
    /// A type of the database that is an instant.
    Instant,
    /// A type of the database that is a civil time, in this zone.
    Civil {
        zone: TimeZone,
    },
    /// A type of the database that is a date, in this zone: it counts as its last instant.
    Date {
        zone: TimeZone,
    },
}

impl Encoding {
    /// Whether the database has no type for it, so that it is read by us.
    pub fn is_ours(&self) -> bool {
        matches!(self, Self::Text { .. } | Self::UnixSeconds | Self::UnixMillis)
    }

    pub fn is_text(&self) -> bool {
        matches!(self, Self::Text { .. })
    }

    /// As the manifest writes it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Text { .. } => "Text",
            Self::UnixSeconds => "UnixSeconds",
            Self::UnixMillis => "UnixMillis",
            Self::Instant => "timestamptz",
            Self::Civil { .. } => "timestamp",
            Self::Date { .. } => "date",
        }
    }
}

/// What a value says of a row's age. Only [`Reading::At`] can ever be expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    At(Timestamp),
    /// NULL, infinite, or zero: nobody has set it.
    Undatable,
    /// A value that is no instant in this encoding.
    Unreadable,
}

/// Reads an age. An ambiguous civil time counts as its later reading, so that a row is never
/// taken for older than it may be.
pub fn read_age(value: &Value, encoding: &Encoding) -> Reading {
    match (value, encoding) {
        (Value::Null, _) => Reading::Undatable,
        (Value::Real(real), Encoding::UnixSeconds | Encoding::UnixMillis) if real.is_infinite() => {
            Reading::Undatable
        }
        (Value::Integer(integer), Encoding::UnixSeconds) => {
            read_epoch(i128::from(*integer) * 1_000_000_000)
        }
        (Value::Integer(integer), Encoding::UnixMillis) => {
            read_epoch(i128::from(*integer) * 1_000_000)
        }
        (Value::Real(real), Encoding::UnixSeconds) => read_epoch((real * 1e9) as i128),
        (Value::Real(real), Encoding::UnixMillis) => read_epoch((real * 1e6) as i128),
        (Value::Text(text), Encoding::Text { zone }) => read_text(text, zone),
        (Value::Text(text), Encoding::Instant) => read_typed(text, &TimeZone::UTC),
        (Value::Text(text), Encoding::Civil { zone } | Encoding::Date { zone }) => {
            read_typed(text, zone)
        }
        (
            Value::Text(_) | Value::Blob(_) | Value::Garbled(_),
            Encoding::UnixSeconds | Encoding::UnixMillis,
        )
        | (
            Value::Integer(_) | Value::Real(_) | Value::Blob(_) | Value::Garbled(_),
            Encoding::Text { .. }
            | Encoding::Instant
            | Encoding::Civil { .. }
            | Encoding::Date { .. },
        ) => Reading::Unreadable,
    }
}

/// Zero means "never set" wherever epochs are stored. Below zero is no date a retention rule
/// meets, but what programs write for "none": kept as unreadable.
fn read_epoch(nanoseconds: i128) -> Reading {
    match nanoseconds {
        0 => Reading::Undatable,
        ..0 => Reading::Unreadable,
        // Beyond the calendar is the far future.
        _ => Reading::At(Timestamp::from_nanosecond(nanoseconds).unwrap_or(Timestamp::MAX)),
    }
}

/// What PostgreSQL prints of its own types in the style ISO. Beyond four digits a year is far in the
/// future; before the year one it is what programs write for "none".
fn read_typed(text: &str, zone: &TimeZone) -> Reading {
    if text.ends_with("infinity") || text.ends_with(" BC") {
        return Reading::Undatable;
    }
    match text.find('-') {
        Some(5..) => Reading::At(Timestamp::MAX),
        _ => read_text(text, zone),
    }
}

/// Whether a value may lie before `below` in the order of the database, which sorts NULL last. Not so
/// only where that is certain.
pub fn may_lie_below(value: &Value, below: &Value) -> bool {
    match (value, below) {
        (Value::Null, _) => false,
        (Value::Integer(_) | Value::Real(_), Value::Integer(_)) => {
            value.compare_binary(below) == Ordering::Less
        }
        // Both as PostgreSQL prints them, and the one below in whole seconds: up to these two texts
        // are in the order of time.
        (Value::Text(value), Value::Text(below)) => match value.find('-') {
            Some(4) if !value.ends_with(" BC") => {
                let seconds = below.len().min("YYYY-MM-DD HH:MM:SS".len());
                value.as_bytes()[..value.len().min(seconds)] < below.as_bytes()[..seconds]
            }
            // Before all that has four digits a year, or after.
            Some(..5) => true,
            Some(5..) | None => false,
        },
        _ => true,
    }
}

fn read_text(text: &str, zone: &TimeZone) -> Reading {
    let Some((civil, offset)) = parse_text(text) else {
        return Reading::Unreadable;
    };
    // 0001-01-01 is what Go writes for a time that was never set.
    if civil.year() <= 1 {
        return Reading::Undatable;
    }
    let instant = match offset {
        Some(offset) => offset.to_timestamp(civil),
        None => zone.to_ambiguous_timestamp(civil).later(),
    };
    instant.map_or(Reading::Unreadable, Reading::At)
}

/// `YYYY-MM-DD`, or that with `T` or a space, `HH:MM:SS`, an optional fraction and an optional
/// zone (`Z`, `+HH`, `+HHMM`, `+HH:MM`). A bare date counts as its last instant.
fn parse_text(text: &str) -> Option<(DateTime, Option<Offset>)> {
    let bytes = text.as_bytes();
    if !text.is_ascii() || bytes.len() < 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    let date = Date::new(
        i16::try_from(digits(&text[..4])?).ok()?,
        i8::try_from(digits(&text[5..7])?).ok()?,
        i8::try_from(digits(&text[8..10])?).ok()?,
    )
    .ok()?;
    if bytes.len() == 10 {
        return Some((date.to_datetime(Time::MAX), None));
    }
    if bytes.len() < 19
        || !matches!(bytes[10], b'T' | b' ')
        || bytes[13] != b':'
        || bytes[16] != b':'
    {
        return None;
    }
    let mut rest = &text[19..];
    let mut nanoseconds = 0;
    if let Some(fraction) = rest.strip_prefix('.') {
        let length = fraction.bytes().take_while(u8::is_ascii_digit).count();
        let shown = &fraction[..length.min(9)];
        nanoseconds = digits(shown)? * 10_i32.pow(9 - u32::try_from(shown.len()).ok()?);
        rest = &fraction[length..];
    }
    let time = Time::new(
        i8::try_from(digits(&text[11..13])?).ok()?,
        i8::try_from(digits(&text[14..16])?).ok()?,
        i8::try_from(digits(&text[17..19])?).ok()?,
        nanoseconds,
    )
    .ok()?;
    Some((date.to_datetime(time), parse_offset(rest)?))
}

/// The outer `None` is "no zone we know", the inner one "no zone written".
fn parse_offset(text: &str) -> Option<Option<Offset>> {
    let (sign, rest) = match text.as_bytes() {
        [] => return Some(None),
        b"Z" => return Some(Some(Offset::UTC)),
        [b'+', ..] => (1, &text[1..]),
        [b'-', ..] => (-1, &text[1..]),
        _ => return None,
    };
    let (hours, minutes) = match rest.len() {
        2 => (digits(rest)?, 0),
        4 => (digits(&rest[..2])?, digits(&rest[2..])?),
        5 if rest.as_bytes()[2] == b':' => (digits(&rest[..2])?, digits(&rest[3..])?),
        _ => return None,
    };
    if hours > 14 || minutes > 59 {
        return None;
    }
    Offset::from_seconds(sign * (hours * 3_600 + minutes * 60)).ok().map(Some)
}

fn digits(text: &str) -> Option<i32> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// An instant (whole seconds) as expressions meet it: `:now` and `:cutoff` in the age's encoding.
///
/// A cutoff that is the earlier reading of an ambiguous civil time moves back to the start of the
/// fold: a column without a zone cannot tell the two apart, and rows up to an hour too young
/// would go (tried).
pub fn bind_instant(instant: Timestamp, encoding: &Encoding) -> Value {
    match encoding {
        Encoding::UnixSeconds => Value::Integer(instant.as_second()),
        Encoding::UnixMillis => Value::Integer(instant.as_millisecond()),
        Encoding::Text { zone } | Encoding::Civil { zone } => {
            let civil = civil_for_comparison(instant, zone);
            Value::Text(civil.strftime("%Y-%m-%d %H:%M:%S").to_string())
        }
        Encoding::Instant => Value::Text(instant.strftime("%Y-%m-%d %H:%M:%S+00").to_string()),
        Encoding::Date { zone } => {
            Value::Text(zone.to_datetime(instant).strftime("%Y-%m-%d").to_string())
        }
    }
}

fn civil_for_comparison(instant: Timestamp, zone: &TimeZone) -> DateTime {
    let civil = zone.to_datetime(instant);
    let ambiguous = zone.to_ambiguous_timestamp(civil);
    let AmbiguousOffset::Fold { before, .. } = ambiguous.offset() else {
        return civil;
    };
    if zone.to_offset(instant) != before {
        return civil;
    }
    match zone.following(instant).next() {
        Some(transition) => zone.to_datetime(transition.timestamp()),
        None => civil,
    }
}

/// No text age before the cutoff sorts at or after this text, whatever its zone (up to 14 hours
/// off) and its separator. SQL asks for this superset; the judgement is [`read_age`]'s.
fn text_superset(cutoff: Timestamp) -> String {
    let later = cutoff.checked_add(SignedDuration::from_hours(48)).unwrap_or(Timestamp::MAX);
    TimeZone::UTC.to_datetime(later).date().strftime("%Y-%m-%d").to_string()
}

/// A value of the column's own type that every row lies before which lies before the cutoff.
/// Civil times may run up to a day differently from the cutoff's: around a change of clocks.
pub fn below(cutoff: Timestamp, encoding: &Encoding) -> Value {
    match encoding {
        Encoding::Text { .. } => Value::Text(text_superset(cutoff)),
        Encoding::Civil { zone } if *zone != TimeZone::UTC => {
            let later = cutoff.checked_add(SignedDuration::from_hours(24));
            bind_instant(later.unwrap_or(Timestamp::MAX), encoding)
        }
        _ => bind_instant(cutoff, encoding),
    }
}

#[cfg(test)]
mod tests;
