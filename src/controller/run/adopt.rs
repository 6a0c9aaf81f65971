//! Whether a child that is there is what we would have made. Pure.

use k8s_openapi::api::batch::v1::Job;
use kube::ResourceExt;
use serde_json::Value;

/// Field by field: everything that we would have said, the found one says. The API server adds
/// defaults, and labels and owners prove nothing.
pub fn is_what_we_would_make(found: &Job, wanted: &Job) -> bool {
    let (Ok(mut found_spec), Ok(mut wanted_spec)) =
        (serde_json::to_value(&found.spec), serde_json::to_value(&wanted.spec))
    else {
        return false;
    };
    // Which of two names the orders have depends on what was there; their digest is among the
    // arguments, and the runner compares it.
    for spec in [&mut found_spec, &mut wanted_spec] {
        if let Some(name) = spec.pointer_mut("/template/spec/volumes/0/configMap/name") {
            *name = Value::Null;
        }
    }
    let owned = found.owner_references().iter().map(|owner| &owner.uid).collect::<Vec<_>>()
        == wanted.owner_references().iter().map(|owner| &owner.uid).collect::<Vec<_>>();
    owned && says(&found_spec, &wanted_spec)
}

fn says(found: &Value, wanted: &Value) -> bool {
    match (found, wanted) {
        (_, Value::Null) => true,
        (Value::Object(found), Value::Object(wanted)) => wanted.iter().all(|(key, wanted)| {
            // An empty list or object is as good as none, and is stored as none.
            is_empty(wanted) || found.get(key).is_some_and(|found| says(found, wanted))
        }),
        (Value::Array(found), Value::Array(wanted)) => {
            found.len() == wanted.len()
                && found.iter().zip(wanted).all(|(found, wanted)| says(found, wanted))
        }
        (found, wanted) => found == wanted,
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}
