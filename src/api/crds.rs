//! The definitions that an API server is given.

use kube::CustomResourceExt;
use serde_json::{Map, Number, Value};

use super::{DatabaseConnection, PurgeRun, RetentionPolicy, columns};

/// All three, in the order in which a user meets them.
pub fn crds() -> Result<[Value; 3], serde_json::Error> {
    let mut crds = [
        serde_json::to_value(DatabaseConnection::crd())?,
        serde_json::to_value(RetentionPolicy::crd())?,
        serde_json::to_value(PurgeRun::crd())?,
    ];
    for crd in &mut crds {
        let columns = columns::of(crd["spec"]["names"]["kind"].as_str().unwrap_or_default());
        for version in crd["spec"]["versions"].as_array_mut().into_iter().flatten() {
            version["additionalPrinterColumns"] = columns.clone();
            clean(&mut version["schema"]["openAPIV3Schema"]);
        }
    }
    Ok(crds)
}

/// Takes out what the generator says and a definition must not: nulls, since an absent field is the one way to say
/// nothing; defaults, since the server would write them into what a user applies from a repository; formats that the
/// server does not know; and the names of our types.
fn clean(schema: &mut Value) {
    let Value::Object(schema) = schema else {
        return;
    };
    schema.remove("nullable");
    schema.remove("default");
    schema.remove("title");
    if schema.get("description").and_then(Value::as_str).is_some_and(str::is_empty) {
        schema.remove("description");
    }
    for (key, value) in schema.iter_mut() {
        match (key.as_str(), value) {
            ("properties", properties) => {
                properties.as_object_mut().into_iter().flat_map(Map::values_mut).for_each(clean);
            }
            ("items", item) => clean(item),
            ("additionalProperties", value) => {
                clean(value);
                // Nothing shows it, and that of a Quantity is a grammar.
                value.as_object_mut().and_then(|value| value.remove("description"));
            }
            ("description", Value::String(text)) => *text = unwrapped(text),
            ("enum", Value::Array(words)) => words.retain(|word| !word.is_null()),
            ("format", Value::String(format)) => match format.as_str() {
                "uint8" | "uint16" | "uint32" => "int32".clone_into(format),
                "uint64" => "int64".clone_into(format),
                _ => {}
            },
            ("minimum" | "maximum", Value::Number(bound)) => {
                let whole = bound.as_f64().filter(|bound| bound.fract() == 0.0);
                *bound = whole.map_or_else(|| bound.clone(), |whole| Number::from(whole as i64));
            }
            _ => {}
        }
    }
}

/// Lines that were broken for the source are joined, since `kubectl explain` breaks them again for the terminal.
fn unwrapped(text: &str) -> String {
    let mut joined = String::new();
    for line in text.lines() {
        let stands_alone =
            line.is_empty() || line.starts_with([' ', '-', '*']) || line.get(1..3) == Some(". ");
        if stands_alone || joined.ends_with('\n') {
            joined.push('\n');
        } else if !joined.is_empty() {
            joined.push(' ');
        }
        joined.push_str(line);
    }
    joined
}
