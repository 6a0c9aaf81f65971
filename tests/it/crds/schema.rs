//! What the definitions hold, read from themselves.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use assert_cmd::Command;
use serde_json::Value;

use super::{crds, documents, files, root, schema_of};

/// A property or item with its path, such as `spec.targets[].set{}`, and whether it has a name of its own.
fn walk<'a>(
    schema: &'a Value,
    path: &str,
    named: bool,
    see: &mut impl FnMut(&str, &'a Value, bool),
) {
    see(path, schema, named);
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        walk(property, &format!("{path}.{name}"), true, see);
    }
    if schema["items"].is_object() {
        walk(&schema["items"], &format!("{path}[]"), false, see);
    }
    if schema["additionalProperties"].is_object() {
        walk(&schema["additionalProperties"], &format!("{path}{{}}"), false, see);
    }
}

/// Everything below `spec` and `status` that is ours to describe: what a pod has is described by Kubernetes.
fn ours(mut see: impl FnMut(&str, &Value, bool)) {
    for crd in crds() {
        let kind = crd["spec"]["names"]["kind"].as_str().unwrap();
        walk(schema_of(&crd), kind, true, &mut |path, schema, named| {
            let of_a_pod =
                ["resources", "tolerations", "affinity", "securityContext", "imagePullSecrets"];
            let inner =
                path.split_once(".runner.").is_some_and(|(_, rest)| !of_a_pod.contains(&rest));
            let of_a_pod =
                inner && of_a_pod.iter().any(|part| path.contains(&format!(".runner.{part}")));
            if !of_a_pod && !path.contains(".conditions[]") {
                see(path, schema, named);
            }
        });
    }
}

#[test]
fn the_committed_definitions_are_those_that_are_printed() {
    let printed = Command::cargo_bin("retention-operator").unwrap().arg("crds").output().unwrap();
    assert!(printed.status.success(), "{printed:?}");
    let printed = String::from_utf8(printed.stdout).unwrap();
    let mut expected = BTreeSet::new();
    for text in printed.trim_end().split("\n---\n") {
        let text = &format!("{text}\n");
        let crd = &documents(text)[0];
        let (group, plural) = (&crd["spec"]["group"], &crd["spec"]["names"]["plural"]);
        let file = format!("crds/{}_{}.yaml", group.as_str().unwrap(), plural.as_str().unwrap());
        let path = root().join(&file);
        if std::env::var_os("UPDATE_EXPECTED").is_some() {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
        }
        let committed = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            committed == *text,
            "{file} is not what `retention-operator crds` prints. This mends it:\n\
             UPDATE_EXPECTED=1 cargo test --test it the_committed_definitions"
        );
        expected.insert(path);
    }
    assert_eq!(expected.len(), 3);
    assert_eq!(files("crds"), expected, "crds/ holds the definitions and nothing else");
}

#[test]
fn every_field_is_described_in_lines_that_a_terminal_breaks() {
    for crd in crds() {
        walk(schema_of(&crd), "", true, &mut |path, schema, named| {
            let description = schema["description"].as_str().unwrap_or_default();
            assert!(!named || !description.trim().is_empty(), "{path} is not described");
        });
    }
    ours(|path, schema, _| {
        let description = schema["description"].as_str().unwrap_or_default();
        assert!(!description.contains('\n'), "{path} is broken into lines: {description}");
    });
}

#[test]
fn an_absent_field_is_the_only_way_to_say_nothing() {
    for crd in crds() {
        walk(schema_of(&crd), "", true, &mut |path, schema, _| {
            assert_eq!(schema.get("nullable"), None, "{path}");
            assert_eq!(schema.get("default"), None, "{path}: the server would write it into specs");
            assert_eq!(schema.get("title"), None, "{path} names a type of the source");
            let words = schema["enum"].as_array().into_iter().flatten();
            assert_eq!(words.filter(|word| !word.is_string()).count(), 0, "{path}");
            let format = schema["format"].as_str().unwrap_or("int64");
            assert!(
                ["int32", "int64", "double", "date-time"].contains(&format),
                "{path}: {format}"
            );
        });
    }
}

/// The server estimates the cost of rules from limits, and what nobody bounded, somebody fills.
#[test]
fn every_text_list_and_map_of_a_spec_is_bounded() {
    ours(|path, schema, _| {
        if !path.contains(".spec") || path.contains(".runner") {
            return;
        }
        let closed = schema.get("enum").is_some() || schema["properties"].is_object();
        let limit = match schema["type"].as_str() {
            Some("string") => "maxLength",
            Some("array") => "maxItems",
            Some("object") => "maxProperties",
            _ => return,
        };
        assert!(closed || schema[limit].is_u64(), "{path} has no {limit}");
    });
}

#[test]
fn every_list_says_what_becomes_of_it_under_two_appliers() {
    ours(|path, schema, _| {
        if schema["type"] == "array" {
            let named = schema["items"]["properties"].get("name").is_some();
            let merged = schema["x-kubernetes-list-type"].as_str();
            assert!(merged.is_some(), "{path} does not say how it is merged");
            let reported = path.contains(".status.") || path.contains(".runner.");
            assert!(
                merged == Some("map") || !named || reported,
                "{path} is not keyed by its names"
            );
        }
    });
}

#[test]
fn every_rule_tells_what_to_write_and_has_a_case() {
    let mut said = String::new();
    for case in files("tests/crds/refused") {
        said += &fs::read_to_string(case.join("expected.txt")).unwrap();
    }
    let mut count = 0;
    ours(|path, schema, _| {
        for rule in schema["x-kubernetes-validations"].as_array().into_iter().flatten() {
            // Of a computed message, the longest text that is in it as it stands.
            let message = rule["message"].as_str().unwrap_or_else(|| {
                let parts = rule["messageExpression"].as_str().unwrap().split('\'');
                parts.skip(1).step_by(2).max_by_key(|part| part.len()).unwrap()
            });
            assert!(message.contains(": "), "{path}: {message}");
            assert!(said.contains(message), "{path}: no case is refused with: {message}");
            count += 1;
        }
    });
    assert!(count > 40, "only {count} rules");
}

#[test]
fn every_field_of_a_spec_stands_in_a_manifest_that_is_accepted() {
    fn names(path: &str, value: &Value, found: &mut BTreeSet<String>) {
        found.insert(path.to_owned());
        match value {
            Value::Object(map) => {
                for (name, value) in map {
                    names(&format!("{path}.{name}"), value, found);
                }
            }
            Value::Array(items) => {
                for item in items {
                    names(&format!("{path}[]"), item, found);
                }
            }
            _ => {}
        }
    }
    let mut written = BTreeSet::new();
    for file in files("tests/crds/accepted") {
        for document in documents(&fs::read_to_string(file).unwrap()) {
            names(document["kind"].as_str().unwrap(), &document, &mut written);
        }
    }
    ours(|path, _, named| {
        // A target's window has the fields of the policy's.
        let again = path.contains("targets[].window.");
        let of_a_spec = path.contains(".spec.") && !again;
        assert!(!of_a_spec || !named || written.contains(path), "no accepted manifest has {path}");
    });
}

#[test]
fn the_definitions_stay_far_below_what_an_annotation_holds() {
    for file in files("crds") {
        let size = fs::metadata(&file).unwrap().len();
        // kubectl apply without --server-side keeps the whole object in an annotation of at most 262,144 bytes.
        assert!(size < 200_000, "{} has {size} bytes", file.display());
        assert_eq!(file.extension(), Path::new("a.yaml").extension());
    }
}
