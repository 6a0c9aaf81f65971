//! What the parsers of YAML and of types say, turned into a field and a remedy.

use crate::model::{Reason, Refusal, distance};

/// What is no YAML has no fields; then the field is the place in the file.
pub fn malformed(error: &serde_yaml::Error) -> Refusal {
    let message = error.to_string();
    if let Some((path, rest)) = message.split_once("duplicate entry with key \"") {
        let key = rest.split('"').next().unwrap_or_default();
        let field = format!("{}.{key}", path.trim_end_matches(": "));
        return Refusal::new(
            field.trim_start_matches('.'),
            Reason::Malformed,
            format!("duplicate entry with key \"{rest}"),
            "write each key once",
        );
    }
    let field = error.location().map_or("the text".to_owned(), |place| {
        format!("line {}, column {}", place.line(), place.column())
    });
    Refusal::new(field, Reason::Malformed, message, "mend the YAML there")
}

/// What serde says, with the place made exact and the remedy written out. Its message names what
/// was found and what it wants in backticks, in this order.
pub fn mistyped(field: String, message: String) -> Refusal {
    let words: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let Some((found, wanted)) = words.split_first() else {
        let write = of_kind(&message);
        return Refusal::new(field, Reason::InvalidValue, message, write);
    };
    if message.starts_with("unknown field") {
        let write = match wanted.iter().find(|known| is_near(found, known)) {
            Some(known) => format!("write {known}, or remove the field"),
            None => "remove the field, or write one of those".to_owned(),
        };
        return Refusal::new(field, Reason::UnknownField, message, write);
    }
    if message.starts_with("missing field") {
        let write = format!("add {found}: {}", example(found));
        let field = format!("{field}.{found}");
        return Refusal::new(field, Reason::Required, "the field is missing", write);
    }
    let write = if message.starts_with("unknown variant") {
        format!("write {}", wanted.join(" or "))
    } else if !message.contains("expected a string") {
        of_kind(&message).to_owned()
    } else if field.ends_with("window.default") || field.ends_with("].window") {
        format!("write a unit too, e.g. {found}d")
    } else {
        format!("write a text: quote it, \"{found}\"")
    };
    Refusal::new(field, Reason::InvalidValue, message, write)
}

/// The form of what a message of a wrong type expects.
fn of_kind(message: &str) -> &'static str {
    let expected = message.rsplit_once("expected ").map_or("", |(_, expected)| expected);
    match expected {
        "a sequence" => "write a list, also for a single item: [ITEM]",
        "a boolean" => "write true or false, without quotes",
        "a map" => "write a mapping: {KEY: VALUE}",
        _ if expected.starts_with("struct ") => "write a mapping of its fields: {FIELD: VALUE}",
        _ if ["i32", "i64", "u32", "u64"].contains(&expected) => {
            "write a whole number, without quotes"
        }
        _ => "write a value of the kind that the message names",
    }
}

/// What a field that must be there may look like.
fn example(field: &str) -> &'static str {
    match field {
        "action" => "Delete, or action: Update",
        "actions" => "[Delete]",
        "default" | "window" => "30d",
        "connectionRef" | "policyRef" => "{name: NAME}",
        "orderBy" => "[created_at, id]",
        "references" => "{OWN_COLUMN: PARENT_COLUMN}",
        "rows" => "200",
        "schedule" => "\"0 2 * * *\"",
        "targets" => "[{name: NAME, table: TABLE, action: Delete, age: {column: COLUMN}}]",
        "value" | "when" => "\"EXPRESSION\"",
        "allow" => "[{tables: [\"NAME\"], actions: [Delete]}]",
        "path" => "data/app.db",
        "table" => "TABLE",
        _ => "VALUE",
    }
}

/// Whether two letters or fewer make one word of the other.
fn is_near(one: &str, other: &str) -> bool {
    distance(one, other) <= 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_told_from_another_word() {
        assert!(is_near("exemption", "exemptions"));
        assert!(is_near("tennant", "tenant"));
        assert!(is_near("orderby", "orderBy"));
        assert!(!is_near("colour", "schedule"));
        assert!(!is_near("exempt", "exemptions"));
    }

    #[test]
    fn a_value_of_another_kind_is_answered_with_the_form_to_write() {
        let write = |expected: &str| {
            let message = format!("invalid type: string \"a\", expected {expected}");
            mistyped("spec.field".into(), message).write
        };
        assert_eq!(write("a sequence"), "write a list, also for a single item: [ITEM]");
        assert_eq!(write("i64"), "write a whole number, without quotes");
        assert_eq!(write("struct Age"), "write a mapping of its fields: {FIELD: VALUE}");
    }

    #[test]
    fn a_word_that_the_field_does_not_take_is_answered_with_those_it_takes() {
        let message = "unknown variant `delete`, expected `Delete` or `Update`";
        assert_eq!(mistyped("spec.action".into(), message.into()).write, "write Delete or Update");
    }
}
