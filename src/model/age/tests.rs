use super::*;

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).expect("a zone")
}

fn text(value: &str) -> Reading {
    read_age(&Value::text(value), &Encoding::Text { zone: TimeZone::UTC })
}

fn at(value: &str) -> Reading {
    Reading::At(value.parse().expect("an instant"))
}

#[test]
fn iso_8601_is_read_in_all_its_forms() {
    for form in [
        "2026-01-02 03:04:05",
        "2026-01-02T03:04:05",
        "2026-01-02T03:04:05Z",
        "2026-01-02 03:04:05.000000",
        "2026-01-02T05:04:05+02",
        "2026-01-02T05:04:05+0200",
        "2026-01-01 22:04:05-05:00",
        "2026-01-02 17:04:05+14:00",
        "2026-01-02 08:34:05+0530",
        "2026-01-01 23:34:05-03:30",
        "2026-01-02 04:03:05+00:59",
    ] {
        assert_eq!(text(form), at("2026-01-02T03:04:05Z"), "{form}");
    }
    assert_eq!(text("2026-01-02 03:04:05.25"), at("2026-01-02T03:04:05.25Z"));
    // What no clock counts is cut off.
    assert_eq!(text("2026-01-02 03:04:05.1234567899Z"), at("2026-01-02T03:04:05.123456789Z"));
    assert_eq!(text("2026-01-02"), at("2026-01-02T23:59:59.999999999Z"));
}

#[test]
fn what_is_no_instant_is_unreadable() {
    for garbage in [
        "",
        "now",
        "12:00:00",
        "N/A",
        "31/12/2020",
        "20260301T000000",
        "2026-02-30 00:00:00",
        "2026-01-02 24:00:00",
        "2026-01-02 03:04",
        "2026-01-02 03:04:05 +0000 UTC",
        "2026-01-02 03:04:05.",
        "2026-01-02 03:04:05+15:00",
        "2026-01-02 03:04:05+14:60",
        "2026-01-02 03:04:05+05x30",
        "2026-01-02 03:04:05+",
        "2026-01-02 03.04:05",
        "2026-01-02 03:04.05",
        "2026-01-02 +3:04:05",
        "2026-01/02",
        "2026/01-02",
        "2026-+1-02",
        "2026-01-02x03:04:05",
        "2026-01-02 ",
        "２026-01-02",
    ] {
        assert_eq!(text(garbage), Reading::Unreadable, "{garbage:?}");
    }
    for never in ["0001-01-01 00:00:00+00:00", "0001-12-31", "0000-06-01 00:00:00"] {
        assert_eq!(text(never), Reading::Undatable, "{never}");
    }
    assert_eq!(text("0000-00-00 00:00:00"), Reading::Unreadable);
    assert_eq!(text("0002-01-01"), at("0002-01-01T23:59:59.999999999Z"));
    assert_eq!(
        read_age(&Value::Integer(20_260_102), &Encoding::Text { zone: TimeZone::UTC }),
        Reading::Unreadable
    );
}

#[test]
fn epochs_are_read_in_their_own_unit_and_zero_is_never_a_date() {
    let seconds = |value| read_age(&value, &Encoding::UnixSeconds);
    let millis = |value| read_age(&value, &Encoding::UnixMillis);
    assert_eq!(seconds(Value::Integer(1)), at("1970-01-01T00:00:01Z"));
    assert_eq!(seconds(Value::Real(1.5)), at("1970-01-01T00:00:01.5Z"));
    assert_eq!(millis(Value::Integer(1_500)), at("1970-01-01T00:00:01.5Z"));
    assert_eq!(millis(Value::Real(1_500.5)), at("1970-01-01T00:00:01.5005Z"));
    for never in [Value::Integer(0), Value::Real(f64::NEG_INFINITY), Value::Null] {
        assert_eq!(seconds(never.clone()), Reading::Undatable, "{never:?}");
    }
    assert_eq!(seconds(Value::Integer(-1)), Reading::Unreadable);
    assert_eq!(seconds(Value::text("1700000000")), Reading::Unreadable);
    assert_eq!(seconds(Value::Integer(i64::MAX)), Reading::At(Timestamp::MAX));
}

#[test]
fn what_postgresql_prints_of_its_types_is_read() {
    let berlin = zone("Europe/Berlin");
    let read = |text: &str, encoding: &Encoding| read_age(&Value::text(text), encoding);
    let instant = |text: &str| read(text, &Encoding::Instant);
    assert_eq!(instant("2026-01-02 03:04:05.25+00"), at("2026-01-02T03:04:05.25Z"));
    assert_eq!(instant("10000-01-01 00:00:00+00"), Reading::At(Timestamp::MAX));
    for never in ["infinity", "-infinity", "0044-03-15 00:00:00+00 BC", "0001-01-01 00:00:00+00"] {
        assert_eq!(instant(never), Reading::Undatable, "{never}");
    }
    let civil = Encoding::Civil { zone: berlin.clone() };
    assert_eq!(read("2026-10-25 02:15:00", &civil), at("2026-10-25T01:15:00Z"));
    let date = Encoding::Date { zone: berlin };
    assert_eq!(read("2026-01-02", &date), at("2026-01-02T22:59:59.999999999Z"));
}

#[test]
fn an_ambiguous_civil_time_is_its_later_reading() {
    let berlin = Encoding::Text { zone: zone("Europe/Berlin") };
    assert_eq!(read_age(&Value::text("2026-10-25 02:15:00"), &berlin), at("2026-10-25T01:15:00Z"));
}

#[test]
fn a_cutoff_in_the_fold_moves_back_to_its_start() {
    let berlin = Encoding::Text { zone: zone("Europe/Berlin") };
    let bound = |instant: &str| bind_instant(instant.parse().expect("an instant"), &berlin);
    assert_eq!(bound("2026-10-25T00:45:00Z"), Value::text("2026-10-25 02:00:00"));
    assert_eq!(bound("2026-10-25T01:45:00Z"), Value::text("2026-10-25 02:45:00"));
    assert_eq!(bound("2026-10-24T23:45:00Z"), Value::text("2026-10-25 01:45:00"));
}

#[test]
fn no_text_before_the_cutoff_lies_outside_the_superset() {
    let cutoff: Timestamp = "2026-01-31T23:59:59Z".parse().expect("an instant");
    assert_eq!(text_superset(cutoff), "2026-02-02");
    assert!("2026-02-01T13:59:58+14:00" < text_superset(cutoff).as_str());
}

#[test]
fn every_encoding_meets_an_instant_as_its_column_holds_it() {
    let berlin = zone("Europe/Berlin");
    let instant: Timestamp = "2026-06-30T22:30:15.5Z".parse().expect("an instant");
    for (encoding, bound) in [
        (Encoding::UnixSeconds, Value::Integer(1_782_858_615)),
        (Encoding::UnixMillis, Value::Integer(1_782_858_615_500)),
        (Encoding::Text { zone: berlin.clone() }, Value::text("2026-07-01 00:30:15")),
        (Encoding::Civil { zone: berlin.clone() }, Value::text("2026-07-01 00:30:15")),
        (Encoding::Instant, Value::text("2026-06-30 22:30:15+00")),
        (Encoding::Date { zone: berlin }, Value::text("2026-07-01")),
    ] {
        assert_eq!(bind_instant(instant, &encoding), bound, "{encoding:?}");
    }
}

#[test]
fn what_lies_before_a_cutoff_lies_below_its_value_and_no_more_is_asked_for_than_must_be() {
    let berlin = zone("Europe/Berlin");
    let cutoff: Timestamp = "2026-06-30T22:30:15Z".parse().expect("an instant");
    for (encoding, bound) in [
        (Encoding::UnixSeconds, Value::Integer(1_782_858_615)),
        (Encoding::UnixMillis, Value::Integer(1_782_858_615_000)),
        (Encoding::Text { zone: berlin.clone() }, Value::text("2026-07-02")),
        (Encoding::Civil { zone: berlin.clone() }, Value::text("2026-07-02 00:30:15")),
        (Encoding::Civil { zone: TimeZone::UTC }, Value::text("2026-06-30 22:30:15")),
        (Encoding::Instant, Value::text("2026-06-30 22:30:15+00")),
        (Encoding::Date { zone: berlin }, Value::text("2026-07-01")),
    ] {
        assert_eq!(below(cutoff, &encoding), bound, "{encoding:?}");
    }
}

#[test]
fn only_what_is_certain_not_to_lie_below_is_passed_over() {
    let text = |text: &str| Value::text(text);
    let instant = text("2026-06-30 22:30:15+00");
    for (value, below, may) in [
        (Value::Null, instant.clone(), false),
        (text("2026-06-30 22:30:14.999999+00"), instant.clone(), true),
        (text("2026-06-30 22:30:15+00"), instant.clone(), false),
        (text("12026-06-30 22:30:14+00"), instant.clone(), false),
        (text("infinity"), instant.clone(), false),
        // Others of the tenant may lie between.
        (text("-infinity"), instant.clone(), true),
        (text("0044-03-15 00:00:00+00 BC"), instant.clone(), true),
        (text("0001-01-01 00:00:00+00"), instant.clone(), true),
        (text("2026-06-30 22:30:14"), text("2026-06-30 22:30:15"), true),
        (text("2026-06-30 22:30:15"), text("2026-06-30 22:30:15"), false),
        (text("2026-06-29"), text("2026-06-30"), true),
        (text("2026-06-30"), text("2026-06-30"), false),
        (Value::Integer(0), Value::Integer(15), true),
        (Value::Integer(14), Value::Integer(15), true),
        (Value::Integer(15), Value::Integer(15), false),
        (Value::Real(14.5), Value::Integer(15), true),
        (Value::Real(15.0), Value::Integer(15), false),
        (Value::Real(f64::NEG_INFINITY), Value::Integer(15), true),
        (Value::Real(f64::INFINITY), Value::Integer(15), false),
        (Value::Blob(vec![1]), Value::Integer(15), true),
    ] {
        assert_eq!(may_lie_below(&value, &below), may, "{value:?} below {below:?}");
    }
}

#[test]
fn who_reads_an_encoding_is_known() {
    let utc = || TimeZone::UTC;
    for (encoding, is_ours, is_text, word) in [
        (Encoding::Text { zone: utc() }, true, true, "Text"),
        (Encoding::UnixSeconds, true, false, "UnixSeconds"),
        (Encoding::UnixMillis, true, false, "UnixMillis"),
        (Encoding::Instant, false, false, "timestamptz"),
        (Encoding::Civil { zone: utc() }, false, false, "timestamp"),
        (Encoding::Date { zone: utc() }, false, false, "date"),
    ] {
        let said = (encoding.is_ours(), encoding.is_text(), encoding.word());
        assert_eq!(said, (is_ours, is_text, word));
    }
}
