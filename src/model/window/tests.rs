use super::*;
use crate::model::{Encoding, Value, bind_instant};

fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

fn cutoff(amount: i64, unit: Unit, rule: CutoffRule, zone: &str, clock: &str) -> String {
    let zone = TimeZone::get(zone).expect("a zone");
    let window = Window::Span { amount, unit };
    window.cutoff(at(clock), rule, &zone).expect("a date").expect("a cutoff").to_string()
}

#[test]
fn days_are_exact_over_a_change_of_clocks() {
    let exact = cutoff(1, Unit::Day, CutoffRule::Exact, "Europe/Berlin", "2026-03-29T12:00:00Z");
    assert_eq!(exact, "2026-03-28T12:00:00Z");
}

#[test]
fn months_are_calendar_steps_in_the_zone() {
    let end = cutoff(1, Unit::Month, CutoffRule::Exact, "Etc/UTC", "2026-03-31T12:00:00Z");
    assert_eq!(end, "2026-02-28T12:00:00Z");
    let zoned = cutoff(1, Unit::Month, CutoffRule::Exact, "Europe/Berlin", "2026-04-10T12:00:00Z");
    assert_eq!(zoned, "2026-03-10T13:00:00Z");
}

#[test]
fn the_start_of_a_day_is_the_zones() {
    let utc = cutoff(1, Unit::Day, CutoffRule::StartOfDay, "Etc/UTC", "2026-11-21T23:59:59Z");
    assert_eq!(utc, "2026-11-20T00:00:00Z");
    let berlin =
        cutoff(1, Unit::Day, CutoffRule::StartOfDay, "Europe/Berlin", "2026-11-21T12:00:00Z");
    assert_eq!(berlin, "2026-11-19T23:00:00Z");
}

#[test]
fn the_longest_windows_have_a_cutoff() {
    for unit in
        [Unit::Second, Unit::Minute, Unit::Hour, Unit::Day, Unit::Week, Unit::Month, Unit::Year]
    {
        let window = Window::Span { amount: unit.most(), unit };
        let zone = TimeZone::UTC;
        let cutoff = window.cutoff(at("2026-11-21T00:00:00Z"), CutoffRule::Exact, &zone);
        assert!(cutoff.is_ok(), "{window}: {cutoff:?}");
    }
}

#[test]
fn a_column_of_numbers_knows_a_tenant_however_its_number_is_written() {
    for name in ["42", "042", " 42 ", "+42", "42.0", "4.2e1"] {
        assert_eq!(Collation::Numeric.fold(name), "42", "{name}");
    }
    for name in ["acme", "", "0x2a", "inf", "4 2"] {
        assert_eq!(Collation::Numeric.fold(name), name);
    }
    assert_eq!(Collation::Numeric.fold("1.50"), "1.5");
}

#[test]
fn a_column_of_uuids_knows_a_tenant_however_its_digits_are_written() {
    let written = "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9";
    for name in [
        written,
        "0a1b2c3d4e5f60718293a4b5c6d7e8f9",
        "0A1B2C3D-4E5F-6071-8293-A4B5C6D7E8F9",
        "{0a1b2c3d4e5f-60718293-a4b5-c6d7e8f9}",
        " 0a1b-2c3d4e5f-60718293a4b5c6d7e8f9 ",
    ] {
        assert_eq!(Collation::Uuid.fold(name), written, "{name}");
    }
    for name in [
        "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f",
        "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f90",
        "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8fg",
        "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9f0",
        "------------------------------------",
        "{0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9",
        "éa1b2c3d-4e5f-6071-8293-a4b5c6d7e8f",
        "",
    ] {
        assert_eq!(Collation::Uuid.fold(name), name);
        assert!(!is_uuid(name), "{name}");
    }
}

/// What dateutil and Python's zoneinfo say, by `cutoffs.py`, which tells what it says where the handbook is silent.
const CUTOFFS: &str = include_str!("cutoffs.tsv");

fn window(text: &str) -> (Window, CutoffRule) {
    let (window, rule) = text.split_once(' ').expect("a window and a rule");
    let (amount, suffix) = window.split_at(window.find(char::is_alphabetic).expect("a unit"));
    let units =
        [Unit::Second, Unit::Minute, Unit::Hour, Unit::Day, Unit::Week, Unit::Month, Unit::Year];
    let unit = units.into_iter().find(|unit| unit.suffix() == suffix).expect("a unit of ours");
    let rule = match rule {
        "Exact" => CutoffRule::Exact,
        "StartOfDay" => CutoffRule::StartOfDay,
        other => panic!("{other} is no rule"),
    };
    (Window::Span { amount: amount.parse().expect("an amount"), unit }, rule)
}

#[test]
fn every_cutoff_is_what_another_library_says_it_is() {
    let mut compared = 0;
    let mut zones = std::collections::BTreeSet::new();
    for line in CUTOFFS.lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<&str> = line.split('\t').collect();
        let [name, clock, text, expected, bound] = fields[..] else { panic!("{line}") };
        let zone = TimeZone::get(name).expect("a zone");
        let (window, rule) = window(text);
        let cutoff = window.cutoff(at(clock), rule, &zone).expect("a date").expect("a cutoff");
        assert_eq!(cutoff, at(expected), "{line}");
        let said = bind_instant(cutoff, &Encoding::Civil { zone });
        assert_eq!(said, Value::text(bound), "{line}");
        compared += 1;
        zones.insert(name);
    }
    assert!(compared >= 500 && zones.len() >= 50, "{compared} in {} zones", zones.len());
}
