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
    owned && says(&found_spec, &wanted_spec) && runs_nothing_else(&found_spec)
}

/// What the API server never adds, and what would make other work of the same words.
fn runs_nothing_else(found: &Value) -> bool {
    let has = |of: &Value, fields: &[&str]| fields.iter().any(|field| of.get(field).is_some());
    let pod = found.pointer("/template/spec").unwrap_or(&Value::Null);
    let containers = pod.get("containers").and_then(Value::as_array);
    !has(pod, &["initContainers", "hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace"])
        && containers.into_iter().flatten().all(|container| {
            !has(container, &["command", "env", "envFrom", "lifecycle", "volumeDevices"])
        })
}

fn says(found: &Value, wanted: &Value) -> bool {
    match (found, wanted) {
        (_, Value::Null) => true,
        (Value::Object(found), Value::Object(wanted)) => wanted.iter().all(|(key, wanted)| {
            // An empty list or object is as good as none, and is stored as none.
            is_empty(wanted)
                || found.get(key).is_some_and(|found| match &key[..] {
                    "limits" | "requests" => says_as_quantities(found, wanted),
                    _ => says(found, wanted),
                })
        }),
        (Value::Array(found), Value::Array(wanted)) => {
            found.len() == wanted.len()
                && found.iter().zip(wanted).all(|(found, wanted)| says(found, wanted))
        }
        (found, wanted) => found == wanted,
    }
}

/// `0.5` is stored as `500m`.
fn says_as_quantities(found: &Value, wanted: &Value) -> bool {
    let amount = |value: &Value| value.as_str().and_then(amount);
    let (Some(found), Some(wanted)) = (found.as_object(), wanted.as_object()) else {
        return found == wanted;
    };
    wanted.iter().all(|(key, wanted)| {
        found.get(key).is_some_and(|found| found == wanted || equal(amount(found), amount(wanted)))
    })
}

fn equal(one: Option<f64>, other: Option<f64>) -> bool {
    let (Some(one), Some(other)) = (one, other) else { return false };
    (one - other).abs() <= f64::EPSILON * 4.0 * one.abs()
}

/// As Kubernetes reads a quantity.
fn amount(text: &str) -> Option<f64> {
    const SUFFIXES: [(&str, f64); 16] = [
        ("Ki", 1024.0),
        ("Mi", 1_048_576.0),
        ("Gi", 1_073_741_824.0),
        ("Ti", 1_099_511_627_776.0),
        ("Pi", 1_125_899_906_842_624.0),
        ("Ei", 1_152_921_504_606_846_976.0),
        ("n", 1e-9),
        ("u", 1e-6),
        ("m", 1e-3),
        ("k", 1e3),
        ("M", 1e6),
        ("G", 1e9),
        ("T", 1e12),
        ("P", 1e15),
        ("E", 1e18),
        ("", 1.0),
    ];
    SUFFIXES.iter().find_map(|(suffix, times)| {
        let number: f64 = text.strip_suffix(suffix)?.parse().ok()?;
        Some(number * times)
    })
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_quantity_may_be_stored_in_other_words() {
        let wanted = json!({"resources": {"limits": {"cpu": "0.5", "memory": "1024Mi"}}});
        let found = |cpu: &str, memory: &str| {
            says(&json!({"resources": {"limits": {"cpu": cpu, "memory": memory}}}), &wanted)
        };
        assert!(found("500m", "1Gi"));
        assert!(found("5e-1", "1073741824"));
        assert!(!found("501m", "1Gi"));
        assert!(!found("500m", "1G"));
        assert!(!found("much", "1Gi"));
    }

    #[test]
    fn what_runs_something_else_is_not_ours() {
        let of = |container: Value| json!({"template": {"spec": {"containers": [container]}}});
        assert!(runs_nothing_else(&of(json!({"name": "runner", "args": ["run"]}))));
        assert!(!runs_nothing_else(&of(json!({"name": "runner", "command": ["true"]}))));
    }
}
