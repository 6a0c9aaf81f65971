//! The model's own calendar: instants, the two zones the cases use, windows and cutoffs. Written out by hand, so that a fault in the
//! product's time library is not repeated here.

/// Nanoseconds since the epoch.
pub type Nanos = i128;

pub const SECOND: Nanos = 1_000_000_000;
pub const DAY: i64 = 86_400;

/// Days since the epoch of a date of the Gregorian calendar.
pub fn days(year: i64, month: i64, day: i64) -> i64 {
    let years = if month <= 2 { year - 1 } else { year };
    let era = years.div_euclid(400);
    let of_era = years.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The date of a day: the inverse of [`days`].
pub fn date(day: i64) -> (i64, i64, i64) {
    let mut year = 1970 + day.div_euclid(if day < 0 { 365 } else { 366 });
    while days(year + 1, 1, 1) <= day {
        year += 1;
    }
    let mut month = 1;
    while month < 12 && days(year, month + 1, 1) <= day {
        month += 1;
    }
    (year, month, day - days(year, month, 1) + 1)
}

/// The zones of columns and policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zone {
    Utc,
    Berlin,
}

impl Zone {
    pub fn name(self) -> &'static str {
        match self {
            Zone::Utc => "Etc/UTC",
            Zone::Berlin => "Europe/Berlin",
        }
    }

    /// Seconds east of Greenwich at an instant in seconds.
    pub fn offset(self, at: i64) -> i64 {
        let (year, _, _) = date(at.div_euclid(DAY));
        match self {
            Zone::Utc => 0,
            Zone::Berlin if at >= last_sunday(year, 3) && at < last_sunday(year, 10) => 7200,
            Zone::Berlin => 3600,
        }
    }

    /// The civil time of an instant, as seconds since a civil epoch.
    pub fn civil(self, at: i64) -> i64 {
        at + self.offset(at)
    }

    /// The instant of a civil time; the earlier one of a fold.
    pub fn instant(self, civil: i64) -> i64 {
        let summer = civil - 7200;
        match self {
            Zone::Utc => civil,
            Zone::Berlin if self.offset(summer) == 7200 => summer,
            Zone::Berlin => civil - 3600,
        }
    }

    /// The instant of a civil time; the later one of a fold.
    pub fn latest(self, civil: i64) -> i64 {
        let winter = civil - 3600;
        match self {
            Zone::Utc => civil,
            Zone::Berlin if self.offset(winter) == 3600 => winter,
            Zone::Berlin => civil - 7200,
        }
    }

    /// The civil time that a cutoff is compared as: where it is the earlier of two, the first that happens twice.
    pub fn bound(self, at: i64) -> i64 {
        let civil = self.civil(at);
        let (year, _, _) = date(at.div_euclid(DAY));
        if self.latest(civil) == at { civil } else { last_sunday(year, 10) + 3600 }
    }
}

/// 01:00 UTC on the last Sunday of a month of 31 days: when Europe changes its clocks.
fn last_sunday(year: i64, month: i64) -> i64 {
    let end = days(year, month, 31);
    (end - (end + 4).rem_euclid(7)) * DAY + 3600
}

/// How long rows are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    Forever,
    Of(i64, &'static str),
}

/// The units of windows, with their seconds; none for those that step through the calendar.
const UNITS: [(&str, i64); 5] = [("s", 1), ("min", 60), ("h", 3600), ("d", DAY), ("w", 7 * DAY)];

impl Window {
    /// As the policy spells it.
    pub fn text(self) -> String {
        match self {
            Window::Forever => "Forever".into(),
            Window::Of(count, unit) => format!("{count}{unit}"),
        }
    }

    /// The other way round, for the values of sources.
    pub fn read(text: &str) -> Option<Window> {
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let unit = ["s", "min", "h", "d", "w", "mo", "y"]
            .into_iter()
            .find(|unit| *unit == &text[digits..])?;
        text[..digits].parse().ok().map(|count| Window::Of(count, unit))
    }

    /// The cutoff: none for Forever.
    pub fn cutoff(self, now: i64, zone: Zone, start_of_day: bool) -> Option<i64> {
        let Window::Of(count, unit) = self else {
            return None;
        };
        let cutoff = match UNITS.iter().find(|(name, _)| *name == unit) {
            Some((_, seconds)) => now - count * seconds,
            None => months_back(now, zone, if unit == "y" { 12 * count } else { count }),
        };
        Some(if start_of_day {
            zone.instant(zone.civil(cutoff).div_euclid(DAY) * DAY)
        } else {
            cutoff
        })
    }
}

fn months_back(now: i64, zone: Zone, months: i64) -> i64 {
    let civil = zone.civil(now);
    let (year, month, day) = date(civil.div_euclid(DAY));
    let count = year * 12 + month - 1 - months;
    let (year, month) = (count.div_euclid(12), count.rem_euclid(12) + 1);
    let next = if month == 12 { days(year + 1, 1, 1) } else { days(year, month + 1, 1) };
    let length = next - days(year, month, 1);
    zone.instant(days(year, month, day.min(length)) * DAY + civil.rem_euclid(DAY))
}

/// `2026-11-21T12:00:00` with the separator asked for.
pub fn civil_text(civil: i64, separator: char) -> String {
    let (year, month, day) = date(civil.div_euclid(DAY));
    let rest = civil.rem_euclid(DAY);
    format!(
        "{year:04}-{month:02}-{day:02}{separator}{:02}:{:02}:{:02}",
        rest / 3600,
        rest / 60 % 60,
        rest % 60
    )
}

#[test]
fn the_calendar_of_the_model_knows_known_dates() {
    assert_eq!(days(1970, 1, 1), 0);
    assert_eq!(days(2026, 11, 21), 20_778);
    for day in [-30_000, -1, 0, 58, 59, 60, 11_016, 20_778, 24_837, 47_540, 2_932_896] {
        let (year, month, date) = date(day);
        assert_eq!(days(year, month, date), day);
    }
    assert_eq!(civil_text(1_795_262_400, 'T'), "2026-11-21T12:00:00");
}

#[test]
fn the_calendar_of_the_model_changes_its_clocks_with_europe() {
    let change = days(2026, 10, 25) * DAY + 3600;
    assert_eq!((Zone::Berlin.offset(change - 1), Zone::Berlin.offset(change)), (7200, 3600));
    let change = days(2026, 3, 29) * DAY + 3600;
    assert_eq!((Zone::Berlin.offset(change - 1), Zone::Berlin.offset(change)), (3600, 7200));
    assert_eq!(
        Zone::Berlin.instant(days(2026, 10, 25) * DAY),
        days(2026, 10, 24) * DAY + 22 * 3600
    );
}

#[test]
fn the_calendar_of_the_model_knows_what_happens_twice() {
    let change = days(2026, 10, 25) * DAY + 3600;
    let half = Zone::Berlin.civil(change - 1800);
    assert_eq!(half, Zone::Berlin.civil(change + 1800));
    assert_eq!(
        (Zone::Berlin.instant(half), Zone::Berlin.latest(half)),
        (change - 1800, change + 1800)
    );
    assert_eq!(civil_text(Zone::Berlin.bound(change - 1800), ' '), "2026-10-25 02:00:00");
    assert_eq!(civil_text(Zone::Berlin.bound(change + 1800), ' '), "2026-10-25 02:30:00");
    assert_eq!(civil_text(Zone::Berlin.bound(change - 3601), ' '), "2026-10-25 01:59:59");
}

#[test]
fn the_calendar_of_the_model_steps_back_by_months_and_days() {
    let now = days(2026, 3, 31) * DAY + 10 * 3600;
    let back =
        |window: Window, zone, start| civil_text(window.cutoff(now, zone, start).unwrap(), ' ');
    assert_eq!(back(Window::Of(1, "mo"), Zone::Utc, false), "2026-02-28 10:00:00");
    assert_eq!(back(Window::Of(1, "mo"), Zone::Berlin, false), "2026-02-28 11:00:00");
    assert_eq!(back(Window::Of(3, "d"), Zone::Berlin, false), "2026-03-28 10:00:00");
    assert_eq!(back(Window::Of(3, "d"), Zone::Berlin, true), "2026-03-27 23:00:00");
    assert_eq!(back(Window::Of(1, "y"), Zone::Utc, false), "2025-03-31 10:00:00");
    assert_eq!(Window::Forever.cutoff(now, Zone::Utc, false), None);
    assert_eq!(Window::read("30d"), Some(Window::Of(30, "d")));
    assert_eq!((Window::read("30"), Window::read("5m"), Window::read("d")), (None, None, None));
}
