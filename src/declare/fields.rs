//! Small checks that many fields share.

use std::collections::HashSet;

use serde::Serialize;

use crate::model::{Reason, Refusal};

/// Refuses unless exactly one of the named fields is there.
pub fn exactly_one(field: &str, present: &[(&str, bool)]) -> Result<(), Refusal> {
    let names: Vec<&str> = present.iter().map(|(name, _)| *name).collect();
    let written: Vec<&str> = present.iter().filter(|(_, is)| *is).map(|(name, _)| *name).collect();
    let list = names.join(", ");
    match written.len() {
        1 => Ok(()),
        0 => Err(Refusal::new(
            field,
            Reason::Required,
            format!("none of {list} is there"),
            format!("write exactly one of {list}"),
        )),
        _ => Err(Refusal::new(
            field,
            Reason::Conflict,
            format!("{} exclude each other", written.join(" and ")),
            format!("write exactly one of {list}"),
        )),
    }
}

/// Lists are maps by name: a name stands once, and is not empty.
pub fn unique_names<'a>(
    names: impl Iterator<Item = &'a str>,
    field: &str,
    refusals: &mut Vec<Refusal>,
) {
    let mut seen = HashSet::new();
    for name in names {
        if name.is_empty() {
            refusals.push(Refusal::new(
                field,
                Reason::InvalidValue,
                "a name is empty",
                "give it a name",
            ));
        } else if !seen.insert(name) {
            refusals.push(Refusal::new(
                field,
                Reason::Conflict,
                format!("the name {name} stands twice"),
                "give each entry its own name",
            ));
        }
    }
}

/// Names of parts stand where Kubernetes keeps names: the API server takes them in this form only.
pub fn part_names<'a>(
    names: impl Iterator<Item = &'a str> + Clone,
    field: &str,
    refusals: &mut Vec<Refusal>,
) {
    unique_names(names.clone(), field, refusals);
    for name in names.filter(|name| !name.is_empty()) {
        let plain = |char: char| char.is_ascii_lowercase() || char.is_ascii_digit();
        if name.len() > 63
            || !name.chars().all(|char| plain(char) || char == '-')
            || !(name.starts_with(plain) && name.ends_with(plain))
        {
            refusals.push(Refusal::new(
                field,
                Reason::InvalidValue,
                format!("the name {name} is not made of lower-case letters, digits and hyphens, 63 at most"),
                "write one such as old-chats",
            ));
        }
    }
}

/// What is named after an object leaves room for no more characters than this.
pub fn short_name(name: &str, most: usize, because: &str) -> Result<(), Refusal> {
    if name.len() <= most {
        return Ok(());
    }
    Err(Refusal::new(
        "metadata.name",
        Reason::InvalidValue,
        format!("the name has {} characters, and {because}", name.len()),
        format!("write at most {most} characters"),
    ))
}

/// A closed word as the manifest writes it.
pub fn enum_word(word: &impl Serialize) -> String {
    match serde_json::to_value(word) {
        Ok(serde_json::Value::String(word)) => word,
        other => format!("{other:?}"),
    }
}

/// A time zone's name from the IANA database; a fixed offset is none.
pub fn parse_zone(name: &str, field: &str) -> Result<jiff::tz::TimeZone, Refusal> {
    // The same zone under another name, of which everybody knows that no clock is ever put back in it.
    if name.eq_ignore_ascii_case("Etc/UTC") {
        return Ok(jiff::tz::TimeZone::UTC);
    }
    jiff::tz::TimeZone::get(name).map_err(|_| {
        Refusal::new(
            field,
            Reason::InvalidValue,
            format!("`{name}` is no time zone of the IANA database"),
            "write a name such as Etc/UTC or Europe/Berlin",
        )
    })
}

/// Go's duration, as Kubernetes writes it: `2s`, `1m30s`, `500ms`.
pub fn parse_duration(text: &str, field: &str, hours: u64) -> Result<std::time::Duration, Refusal> {
    let bad = || {
        Refusal::new(
            field,
            Reason::InvalidValue,
            format!("`{text}` is no duration from 10ms to {hours}h"),
            "write numbers with h, m, s or ms, e.g. 2s or 1m30s",
        )
    };
    let mut millis: u64 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|char: char| !char.is_ascii_digit()).ok_or_else(bad)?;
        let number: u64 = rest[..end].parse().map_err(|_| bad())?;
        let unit_end =
            rest[end..].find(|char: char| char.is_ascii_digit()).map_or(rest.len(), |at| end + at);
        let factor = match &rest[end..unit_end] {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return Err(bad()),
        };
        millis =
            number.checked_mul(factor).and_then(|part| millis.checked_add(part)).ok_or_else(bad)?;
        rest = &rest[unit_end..];
    }
    if (10..=hours.saturating_mul(3_600_000)).contains(&millis) {
        Ok(std::time::Duration::from_millis(millis))
    } else {
        Err(bad())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_gos() {
        let millis = |text| parse_duration(text, "f", 1).map(|duration| duration.as_millis()).ok();
        assert_eq!(millis("2s"), Some(2_000));
        assert_eq!(millis("1m30s"), Some(90_000));
        assert_eq!(millis("500ms"), Some(500));
        for bad in ["", "2", "0s", "-1s", "2 s", "2d", "2h", "99999999999999999999s"] {
            assert_eq!(millis(bad), None, "{bad:?}");
        }
    }
}
