//! Windows: how long a tenant's rows are kept, and what a source may answer.

use std::borrow::Cow;
use std::fmt;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp};

/// A unit of a window. Seconds to weeks are exact; months and years are calendar steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Year,
}

impl Unit {
    /// As windows write it.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Second => "s",
            Self::Minute => "min",
            Self::Hour => "h",
            Self::Day => "d",
            Self::Week => "w",
            Self::Month => "mo",
            Self::Year => "y",
        }
    }

    /// The most of this unit that a window may hold: a thousand years, so that every cutoff is a
    /// date the calendar has.
    pub fn most(self) -> i64 {
        match self {
            Self::Second => 31_536_000_000,
            Self::Minute => 525_600_000,
            Self::Hour => 8_760_000,
            Self::Day => 365_000,
            Self::Week => 52_000,
            Self::Month => 12_000,
            Self::Year => 1_000,
        }
    }
}

/// How long rows are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    Forever,
    /// At least one, at most [`Unit::most`].
    Span {
        amount: i64,
        unit: Unit,
    },
}

/// Whether a cutoff is moved back to the start of its day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CutoffRule {
    Exact,
    StartOfDay,
}

impl Window {
    /// Rows strictly older than this may go; `None` where no row may.
    ///
    /// Exact units are subtracted as seconds, never as a database's interval, which counts an hour
    /// more or less over a change of clocks. `Err` when the calendar has no such date: the caller
    /// keeps the tenant whole.
    pub fn cutoff(
        self,
        clock: Timestamp,
        rule: CutoffRule,
        zone: &TimeZone,
    ) -> Result<Option<Timestamp>, jiff::Error> {
        let Self::Span { amount, unit } = self else {
            return Ok(None);
        };
        let exact = |seconds: i64| -> Result<Timestamp, jiff::Error> {
            clock.checked_sub(SignedDuration::from_secs(amount.saturating_mul(seconds)))
        };
        let calendar = |span: Span| -> Result<Timestamp, jiff::Error> {
            Ok(clock.to_zoned(zone.clone()).checked_sub(span)?.timestamp())
        };
        let cutoff = match unit {
            Unit::Second => exact(1)?,
            Unit::Minute => exact(60)?,
            Unit::Hour => exact(3_600)?,
            Unit::Day => exact(86_400)?,
            Unit::Week => exact(604_800)?,
            Unit::Month => calendar(Span::new().try_months(amount)?)?,
            Unit::Year => calendar(Span::new().try_years(amount)?)?,
        };
        Ok(Some(match rule {
            CutoffRule::Exact => cutoff,
            CutoffRule::StartOfDay => cutoff.to_zoned(zone.clone()).start_of_day()?.timestamp(),
        }))
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forever => f.write_str("Forever"),
            Self::Span { amount, unit } => write!(f, "{amount}{}", unit.suffix()),
        }
    }
}

/// What a source says about one tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Set(Window),
    Silent,
    Unknown(Unknown),
}

/// Why the window of a tenant could not be learned. Such a tenant is kept whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    pub source: String,
    pub reason: super::Reason,
    pub message: String,
}

/// Which texts a column takes for equal. Tenants compare as their column does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Collation {
    Binary,
    /// ASCII letters without their case.
    NoCase,
    /// Without trailing spaces.
    Rtrim,
    /// Without case, of whatever letters.
    Lower,
    /// However the digits of a UUID are grouped.
    Uuid,
    /// The column makes numbers of texts that look like one: 042 and 42 are one tenant.
    Numeric,
}

impl Collation {
    /// Equal exactly for names that the column takes for equal.
    pub fn fold(self, name: &str) -> Cow<'_, str> {
        let written = |folded: Option<String>| folded.map_or(Cow::Borrowed(name), Cow::Owned);
        match self {
            Self::Binary => Cow::Borrowed(name),
            Self::NoCase => Cow::Owned(name.to_ascii_lowercase()),
            Self::Rtrim => Cow::Borrowed(name.trim_end_matches(' ')),
            Self::Numeric => written(number(name)),
            Self::Lower => Cow::Owned(name.to_lowercase()),
            Self::Uuid if is_uuid(name) => Cow::Borrowed(name),
            Self::Uuid => written(uuid(name)),
        }
    }
}

/// Whether this is a UUID as PostgreSQL writes it.
pub fn is_uuid(name: &str) -> bool {
    name.len() == 36
        && name.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        })
}

/// A UUID as PostgreSQL writes it, which may be given in braces, its digits grouped by hyphens
/// otherwise, and in either case.
fn uuid(name: &str) -> Option<String> {
    let text = name.trim_ascii();
    let inner = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or(text);
    let mut written = String::with_capacity(36);
    for digit in inner.chars().filter(|digit| *digit != '-') {
        if matches!(written.len(), 8 | 13 | 18 | 23) {
            written.push('-');
        }
        if !digit.is_ascii_hexdigit() || written.len() == 36 {
            return None;
        }
        written.push(digit.to_ascii_lowercase());
    }
    (written.len() == 36).then_some(written)
}

/// How a number is known, whatever the digits it was written with.
fn number(name: &str) -> Option<String> {
    let text = name.trim_ascii();
    let looks = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    if !looks {
        return None;
    }
    let value = match text.parse::<i64>() {
        Ok(integer) => super::Value::Integer(integer),
        Err(_) => super::Value::Real(text.parse().ok()?),
    };
    value.name()
}

#[cfg(test)]
mod tests;
