//! What an API server refuses before anybody reads it: limits, and rules in CEL beside the fields they are about.
//!
//! The server estimates what a rule may cost from the limits of all that it reads, and refuses the whole definition
//! when that is too much: a list or text without a limit makes any rule below it too dear.
//! A rule's message says what is wrong, then what to write; the server puts the field's path before it.

pub mod connection;
pub mod policy;
pub mod run;
pub mod target;
pub mod window;

use schemars::Schema;
use serde_json::{Value, json};

/// The most characters of a part's name, so that it fits wherever Kubernetes keeps names.
pub const PART_NAME: usize = 63;
/// The most characters of an object's name.
pub const OBJECT_NAME: usize = 253;
/// The most characters of a name in a database.
pub const IDENTIFIER: usize = 256;
/// The most characters of an expression.
pub const EXPRESSION: usize = 4096;
/// The most characters of a path.
pub const PATH: usize = 1024;
/// The most characters of a time zone's name.
pub const ZONE: usize = 64;

/// Names of targets, sources and other parts: they stand in paths, reports and labels.
pub fn part_name(schema: &mut Schema) {
    schema.insert("minLength".to_owned(), json!(1));
    schema.insert("maxLength".to_owned(), json!(PART_NAME));
    rule(
        schema,
        "self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",
        "a name is made of lower-case letters, digits and hyphens: write one such as old-chats",
    );
}

/// Maps from column to expression or column.
pub fn columns(schema: &mut Schema, most: usize, longest: usize) {
    schema.insert("minProperties".to_owned(), json!(1));
    schema.insert("maxProperties".to_owned(), json!(most));
    schema.insert("x-kubernetes-map-type".to_owned(), json!("atomic"));
    if let Some(Value::Object(values)) = schema.get_mut("additionalProperties") {
        values.insert("minLength".to_owned(), json!(1));
        values.insert("maxLength".to_owned(), json!(longest));
    }
    // Two dialects of YAML disagree on what an unquoted `on` is, and the server gets the text `true` from either.
    rule(
        schema,
        "self.all(k, !(k in ['true', 'false', 'null']))",
        "true, false and null are YAML's own words, which it also makes of names such as on, no or y: quote the column \
         name, e.g. \"on\"",
    );
}

/// Adds a rule with a message of its own.
fn rule(schema: &mut Schema, holds: &str, message: &str) {
    add(schema, json!({"rule": holds, "message": message}));
}

/// Adds a rule whose message is computed.
fn rule_that_tells(schema: &mut Schema, holds: &str, message: &str) {
    add(schema, json!({"rule": holds, "messageExpression": message}));
}

fn add(schema: &mut Schema, rule: Value) {
    match schema.get_mut("x-kubernetes-validations") {
        Some(Value::Array(rules)) => rules.push(rule),
        _ => drop(schema.insert("x-kubernetes-validations".to_owned(), json!([rule]))),
    }
}

/// One of several ways to say a thing.
fn exactly_one(schema: &mut Schema, fields: &[&str]) {
    let list = fields.join(", ");
    let present: Vec<String> = fields.iter().map(|field| format!("has(self.{field})")).collect();
    let present = format!("[{}]", present.join(", "));
    rule_that_tells(
        schema,
        &format!("{present}.exists_one(is, is)"),
        &format!(
            "{present}.exists(is, is) \
             ? 'some of {list} exclude each other: write exactly one of {list}' \
             : 'none of {list} is there: write exactly one of {list}'"
        ),
    );
}
