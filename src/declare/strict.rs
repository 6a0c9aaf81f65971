//! Values of YAML, taken strictly: no nulls, no unknown fields, no guessed texts.

use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;
use serde_yaml::Value;

use super::misread::mistyped;
use crate::model::{Reason, Refusal};

pub(super) fn typed<T: DeserializeOwned>(value: &Value, root: &str) -> Result<T, Refusal> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let mut field = root.to_owned();
        let mut inner = Some(value);
        for segment in error.path() {
            match segment {
                Segment::Seq { index } => {
                    inner = inner.and_then(|list| list.get(*index));
                    field += &place(*index, inner);
                }
                Segment::Map { key } | Segment::Enum { variant: key } => {
                    inner = inner.and_then(|map| map.get(key));
                    field += &format!(".{key}");
                }
                Segment::Unknown => {}
            }
        }
        mistyped(field, error.inner().to_string())
    })
}

/// Where in a list an item stands: by its name, where it has one.
fn place(index: usize, item: Option<&Value>) -> String {
    let name = item.and_then(|item| item.get("name")?.as_str());
    name.map_or_else(|| format!("[{index}]"), |name| format!("[{name}]"))
}

/// Nulls, and keys that YAML takes for something else than text.
pub(super) fn check_values(value: &Value, path: &str) -> Result<(), Refusal> {
    match value {
        Value::Null => {
            let write = if path.contains(".set.") {
                "write an expression, such as \"NULL\" in quotes, or remove the field"
            } else {
                "write a value, or remove the field"
            };
            Err(Refusal::new(path, Reason::NullValue, "the field has no value", write))
        }
        Value::Sequence(items) => items
            .iter()
            .enumerate()
            .try_for_each(|(at, item)| check_values(item, &(path.to_owned() + &place(at, Some(item))))),
        Value::Mapping(map) => map.iter().try_for_each(|(key, value)| {
            let shown = match key {
                Value::String(name) => name.clone(),
                _ => serde_yaml::to_string(key).unwrap_or_default(),
            };
            let name = shown.trim();
            let field = if path.is_empty() {
                name.to_owned()
            } else {
                format!("{path}.{name}")
            };
            // Two dialects of YAML disagree on what an unquoted `on` is, and an API server gets
            // the text `true` from either.
            let maps_columns = [".set", ".values", ".references"]
                .iter()
                .any(|map| path.ends_with(map));
            if ["true", "false", "null"].contains(&name) && maps_columns {
                return Err(Refusal::new(
                    field,
                    Reason::InvalidValue,
                    format!("{name} is YAML's own word, which it also makes of names such as on, no or y: it names no column"),
                    "quote the column name, e.g. \"on\"",
                ));
            }
            if !key.is_string() {
                return Err(Refusal::new(
                    field,
                    Reason::InvalidValue,
                    format!("the key {name} is no text"),
                    format!("quote it: \"{name}\""),
                ));
            }
            if path.is_empty() && name == "status"
                || path == "metadata" && name == "creationTimestamp"
            {
                return Ok(());
            }
            check_values(value, &field)
        }),
        Value::Tagged(tagged) => Err(Refusal::new(
            path,
            Reason::Malformed,
            format!("the YAML tag {} has no meaning here", tagged.tag),
            "remove the tag",
        )),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}
