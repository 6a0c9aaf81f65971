//! Whether a child that is there is what we would have made. Pure.

use k8s_openapi::api::batch::v1::Job;
use kube::ResourceExt;
use serde_json::{Map, Value};

/// Field by field: it says everything that we would have said, and nothing besides but what the API
/// server adds by itself. Labels prove nothing, and owners little.
pub fn is_what_we_would_make(found: &Job, wanted: &Job) -> bool {
    let owned = found.owner_references().iter().map(|owner| &owner.uid).collect::<Vec<_>>()
        == wanted.owner_references().iter().map(|owner| &owner.uid).collect::<Vec<_>>();
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
    owned && says(&found_spec, &wanted_spec, "", found)
}

/// The items of a list have the list's path.
fn says(found: &Value, wanted: &Value, path: &str, job: &Job) -> bool {
    match (found, wanted) {
        (Value::Object(found), Value::Object(wanted)) => {
            // An empty list or object is as good as none, and is stored as none.
            let lost = |key: &String| !found.contains_key(key) && !is_empty(&wanted[key]);
            !wanted.keys().any(lost)
                && found.iter().all(|(key, found)| {
                    let path = format!("{path}/{key}");
                    match (found, wanted.get(key)) {
                        (found, Some(wanted)) => says(found, wanted, &path, job),
                        (Value::Object(_), None) => {
                            says(found, &Value::Object(Map::new()), &path, job)
                        }
                        (found, None) => is_empty(found) || is_added(job, &path, found),
                    }
                })
        }
        (Value::Array(found), Value::Array(wanted)) => {
            found.len() == wanted.len()
                && found.iter().zip(wanted).all(|(f, w)| says(f, w, path, job))
        }
        (Value::String(found), Value::String(wanted)) if is_quantity(path) => {
            found == wanted || quantity(found).is_some_and(|found| is_near(found, wanted))
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

/// What a Job has that nobody asked for: the defaults of Kubernetes, and the Job's own name and uid.
fn is_added(job: &Job, path: &str, value: &Value) -> bool {
    let pod = job.spec.as_ref().and_then(|spec| spec.template.spec.as_ref());
    match path {
        "/completionMode" => value == "NonIndexed",
        "/completions" | "/parallelism" => value == 1,
        "/manualSelector" | "/suspend" => value == false,
        "/podReplacementPolicy" => value == "Failed",
        "/selector/matchLabels/batch.kubernetes.io/controller-uid"
        | "/template/metadata/labels/batch.kubernetes.io/controller-uid"
        | "/template/metadata/labels/controller-uid" => value.as_str() == job.uid().as_deref(),
        "/template/metadata/labels/batch.kubernetes.io/job-name"
        | "/template/metadata/labels/job-name" => value == &job.name_any(),
        "/template/spec/dnsPolicy" => value == "ClusterFirst",
        "/template/spec/schedulerName" => value == "default-scheduler",
        // The old name of the same field.
        "/template/spec/serviceAccount" => {
            value.as_str() == pod.and_then(|pod| pod.service_account_name.as_deref())
        }
        // It depends on the image's tag.
        "/template/spec/containers/imagePullPolicy" => value == "Always" || value == "IfNotPresent",
        "/template/spec/containers/terminationMessagePath" => value == "/dev/termination-log",
        "/template/spec/containers/terminationMessagePolicy" => value == "File",
        "/template/spec/volumes/configMap/defaultMode" => value == 0o644,
        _ => false,
    }
}

/// The API server writes quantities in its own way: `0.5` as `500m`, `1024Mi` as `1Gi`.
fn is_quantity(path: &str) -> bool {
    path.contains("/resources/limits/") || path.contains("/resources/requests/")
}

fn is_near(found: f64, wanted: &str) -> bool {
    quantity(wanted).is_some_and(|wanted| (found - wanted).abs() <= wanted.abs() * 1e-9)
}

fn quantity(text: &str) -> Option<f64> {
    let is_mantissa = |c: char| c.is_ascii_digit() || ['.', '+', '-'].contains(&c);
    let end = text.find(|c| !is_mantissa(c)).unwrap_or(text.len());
    let (mantissa, suffix) = text.split_at(end);
    let factor = match suffix {
        "" => 1.0,
        "n" => 1e-9,
        "u" => 1e-6,
        "m" => 1e-3,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "P" => 1e15,
        "E" => 1e18,
        "Ki" => 1024f64,
        "Mi" => 1024f64.powi(2),
        "Gi" => 1024f64.powi(3),
        "Ti" => 1024f64.powi(4),
        "Pi" => 1024f64.powi(5),
        "Ei" => 1024f64.powi(6),
        exponent => 10f64.powi(exponent.strip_prefix(['e', 'E'])?.parse().ok()?),
    };
    Some(mantissa.parse::<f64>().ok()? * factor)
}

#[cfg(test)]
mod tests;
