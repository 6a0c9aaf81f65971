//! Windows and their sources, from the words of the manifest.

use std::collections::BTreeMap;

use super::expression::{self, Context};
use super::fields::{enum_word, exactly_one};
use super::names::{Ceiling, parse_table};
use super::{Source, SourceFrom, Windows};
use crate::api;
use crate::model::{Answer, CutoffRule, Reason, Refusal, TableName, Unit, Unknown, Window};

/// `30d`, `6mo`, `Forever`. The text is said back in every message.
pub fn parse_window(text: &str) -> Result<Window, String> {
    let write =
        "write a whole number from 1 and one of s, min, h, d, w, mo, y, e.g. 30d, or Forever";
    if text == "Forever" {
        return Ok(Window::Forever);
    }
    let end = text.find(|char: char| !char.is_ascii_digit()).unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let unit = match suffix {
        "s" => Unit::Second,
        "min" => Unit::Minute,
        "h" => Unit::Hour,
        "d" => Unit::Day,
        "w" => Unit::Week,
        "mo" => Unit::Month,
        "y" => Unit::Year,
        "m" if !number.is_empty() => {
            return Err(format!(
                "`{text}` can mean minutes or months: write {number}min or {number}mo"
            ));
        }
        _ => return Err(format!("`{text}` is no window: {write}")),
    };
    let Ok(amount) = number.parse::<i64>() else {
        return Err(format!("`{text}` is no window: {write}"));
    };
    bounded(amount, unit).map_err(|what| format!("`{text}` {what}: {write}"))
}

fn bounded(amount: i64, unit: Unit) -> Result<Window, String> {
    match amount {
        ..=0 => Err("would delete everything now".to_owned()),
        _ if amount > unit.most() => {
            Err(format!("is longer than a thousand years ({}{})", unit.most(), unit.suffix()))
        }
        _ => Ok(Window::Span { amount, unit }),
    }
}

/// What a source's text says. Absence was sorted out before: this is a value that is there.
pub fn answer(text: &str, source: &Source) -> Answer {
    let unknown = |reason: Reason, message: String| {
        Answer::Unknown(Unknown { source: source.name.clone(), reason, message })
    };
    let text = text.trim();
    let Some(unit) = source.unit else {
        return match parse_window(text) {
            Ok(window) => Answer::Set(window),
            // The value is a row's, and stays out of reports: parse_window says it back.
            Err(_) => unknown(
                Reason::NotAWindow,
                match text.parse::<i64>() {
                    Ok(_) => "the value is a number without a unit".to_owned(),
                    Err(_) => "the value is no window".to_owned(),
                },
            ),
        };
    };
    match (text.parse::<i64>(), source.non_positive) {
        (Err(_), _) => unknown(Reason::NotAWindow, "the value is no whole number".to_owned()),
        (Ok(..=0), Some(api::NonPositive::Forever)) => Answer::Set(Window::Forever),
        (Ok(..=0), Some(api::NonPositive::Silent)) => Answer::Silent,
        (Ok(number @ ..=0), None) => unknown(
            Reason::NonPositive,
            format!("the value is {number}, and nonPositive does not say what that means"),
        ),
        (Ok(number), _) => match bounded(number, unit) {
            Ok(window) => Answer::Set(window),
            Err(what) => unknown(Reason::NotAWindow, format!("the value {what}")),
        },
    }
}

/// The windows of a policy, or of one target.
pub fn declare(
    spec: &api::WindowSpec,
    field: &str,
    ceiling: &Ceiling,
    config_maps: &BTreeMap<String, BTreeMap<String, String>>,
    refusals: &mut Vec<Refusal>,
) -> Option<Windows> {
    let before = refusals.len();
    let mut window = |text: &str, field: String| match parse_window(text) {
        Ok(window) => Some(window),
        Err(message) => {
            let (what, write) = message.rsplit_once(": ").unwrap_or((&message, ""));
            refusals.push(Refusal::new(field, Reason::InvalidValue, what, write));
            None
        }
    };
    let default = window(&spec.default, format!("{field}.default"));
    let mut tenants = Vec::new();
    for tenant in &spec.tenants {
        let own = format!("{field}.tenants[{}].window", tenant.name);
        if let Some(window) = window(&tenant.window, own) {
            tenants.push((tenant.name.clone(), window));
        }
    }
    super::fields::unique_names(
        spec.tenants.iter().map(|t| t.name.as_str()),
        &format!("{field}.tenants"),
        refusals,
    );
    super::fields::part_names(
        spec.sources.iter().map(|s| s.name.as_str()),
        &format!("{field}.sources"),
        refusals,
    );
    let mut sources = Vec::new();
    for spec in &spec.sources {
        let field = format!("{field}.sources[{}]", spec.name);
        match source(spec, &field, ceiling, config_maps) {
            Ok(source) => sources.push(source),
            Err(refusal) => refusals.push(refusal),
        }
    }
    let rule = match spec.cutoff {
        None | Some(api::CutoffRule::Exact) => CutoffRule::Exact,
        Some(api::CutoffRule::StartOfDay) => CutoffRule::StartOfDay,
    };
    if refusals.len() > before {
        return None;
    }
    Some(Windows { default: default?, tenants, sources, rule, field: field.to_owned() })
}

fn source(
    spec: &api::WindowSource,
    field: &str,
    ceiling: &Ceiling,
    config_maps: &BTreeMap<String, BTreeMap<String, String>>,
) -> Result<Source, Refusal> {
    exactly_one(
        field,
        &[
            ("service", spec.service.is_some()),
            ("table", spec.table.is_some()),
            ("configMap", spec.config_map.is_some()),
        ],
    )?;
    if spec.service.is_some() {
        return Err(Refusal::new(
            format!("{field}.service"),
            Reason::NotSupported,
            "sources of kind service are not supported yet",
            "use table or configMap",
        ));
    }
    let unit = spec.unit.as_ref().map(|unit| match unit {
        api::Unit::Seconds => Unit::Second,
        api::Unit::Minutes => Unit::Minute,
        api::Unit::Hours => Unit::Hour,
        api::Unit::Days => Unit::Day,
        api::Unit::Weeks => Unit::Week,
        api::Unit::Months => Unit::Month,
        api::Unit::Years => Unit::Year,
    });
    if let (None, Some(word)) = (unit, &spec.non_positive) {
        return Err(Refusal::new(
            format!("{field}.nonPositive"),
            Reason::Conflict,
            format!(
                "{} says what numbers mean, and without unit the value is a text",
                enum_word(word)
            ),
            "write unit: Days, or remove nonPositive",
        ));
    }
    let from = match (&spec.table, &spec.config_map) {
        (Some(table), _) => table_source(table, &format!("{field}.table"), ceiling)?,
        (None, Some(map)) => SourceFrom::ConfigMap {
            name: map.name.clone(),
            data: config_maps.get(&map.name).cloned(),
        },
        (None, None) => unreachable!("exactly one was asked for"),
    };
    Ok(Source { name: spec.name.clone(), unit, non_positive: spec.non_positive, from })
}

fn table_source(
    spec: &api::TableSource,
    field: &str,
    ceiling: &Ceiling,
) -> Result<SourceFrom, Refusal> {
    let table: TableName = parse_table(&spec.name, &format!("{field}.name"))?;
    if !ceiling.may_read(&table) {
        return Err(Refusal::new(
            format!("{field}.name"),
            Reason::NotAllowed,
            format!("the connection's allow does not let policies read {table}"),
            format!(
                "add to the connection's spec.allow: {{tables: [\"{table}\"], actions: [Read]}}"
            ),
        ));
    }
    let parse = |text: &str, field: String| {
        expression::parse(text, &Context { field: &field, own: &table, parameters: &[], ceiling })
    };
    Ok(SourceFrom::Table {
        tenant: spec
            .tenant
            .as_deref()
            .map(|text| parse(text, format!("{field}.tenant")))
            .transpose()?,
        value: parse(&spec.value, format!("{field}.value"))?,
        selection: spec
            .r#where
            .as_deref()
            .map(|text| parse(text, format!("{field}.where")))
            .transpose()?,
        field: field.to_owned(),
        table: table.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_whole_numbers_with_a_unit() {
        assert_eq!(parse_window("14d"), Ok(Window::Span { amount: 14, unit: Unit::Day }));
        assert_eq!(parse_window("6mo"), Ok(Window::Span { amount: 6, unit: Unit::Month }));
        assert_eq!(parse_window("Forever"), Ok(Window::Forever));
        for bad in [
            "",
            "14",
            "d",
            "0d",
            "-5d",
            "1.5d",
            "14 d",
            "6m",
            "forever",
            "P14D",
            "999999999y",
            "1001y",
            "99999999999999999999s",
            "+1d",
        ] {
            assert!(parse_window(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_bare_m_is_told_apart() {
        let message = parse_window("6m").expect_err("ambiguous");
        assert!(message.contains("6min") && message.contains("6mo"), "{message}");
    }

    fn asked(text: &str, unit: Option<Unit>, non_positive: Option<api::NonPositive>) -> Answer {
        let from = SourceFrom::ConfigMap { name: "windows".into(), data: None };
        answer(text, &Source { name: "map".into(), unit, non_positive, from })
    }

    #[test]
    fn zero_is_never_a_window() {
        let unknown = |answer: Answer| matches!(answer, Answer::Unknown(_));
        assert!(unknown(asked("0", Some(Unit::Day), None)));
        assert!(unknown(asked("-1", Some(Unit::Day), None)));
        assert!(unknown(asked("0d", None, None)));
        assert_eq!(
            asked("0", Some(Unit::Day), Some(api::NonPositive::Forever)),
            Answer::Set(Window::Forever)
        );
        assert_eq!(asked("-3", Some(Unit::Day), Some(api::NonPositive::Silent)), Answer::Silent);
    }

    #[test]
    fn what_a_source_holds_is_not_said_back() {
        for unit in [None, Some(Unit::Day)] {
            let Answer::Unknown(unknown) = asked("ann@example.org", unit, None) else {
                panic!("an address is no window")
            };
            assert!(!unknown.message.contains("ann"), "{}", unknown.message);
        }
    }

    #[test]
    fn a_value_that_is_no_window_is_unknown_and_never_silent() {
        for (text, unit) in [
            ("thirty", Some(Unit::Day)),
            ("30d", Some(Unit::Day)),
            ("30", None),
            ("", None),
            ("1.5", Some(Unit::Day)),
            ("9999999", Some(Unit::Year)),
        ] {
            assert!(
                matches!(asked(text, unit, Some(api::NonPositive::Silent)), Answer::Unknown(_)),
                "{text}"
            );
        }
    }
}
