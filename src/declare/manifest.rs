//! YAML to documents, strictly: duplicate keys, nulls and unknown fields are refused.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_yaml::Value;

use super::Refused;
use super::misread::malformed;
use super::secret::Secret;
use super::strict::{check_values, typed};
use crate::api::{DatabaseConnectionSpec, GROUP, PurgeRunSpec, RetentionPolicySpec, VERSION};
use crate::model::{Reason, Refusal};

/// What names an object; the cluster's own bookkeeping is carried along for the record.
#[derive(Debug, Clone, Default)]
pub struct Metadata {
    pub name: String,
    pub namespace: Option<String>,
    pub uid: Option<String>,
    pub generation: Option<i64>,
}

/// One object of a manifest.
#[derive(Debug, Clone)]
pub struct Document<T> {
    pub file: String,
    pub metadata: Metadata,
    pub spec: T,
}

/// All objects of all files that a run was given.
#[derive(Debug, Default)]
pub struct Manifests {
    pub connections: Vec<Document<DatabaseConnectionSpec>>,
    pub policies: Vec<Document<RetentionPolicySpec>>,
    pub runs: Vec<Document<PurgeRunSpec>>,
    pub config_maps: Vec<Document<BTreeMap<String, String>>>,
    pub secrets: Vec<Document<Secret>>,
    /// What was left aside, for the log.
    pub notes: Vec<String>,
    pub refused: Vec<Refused>,
}

/// Adds the documents of one file.
pub fn parse(file: &str, text: &str, into: &mut Manifests) {
    for document in serde_yaml::Deserializer::from_str(text) {
        match Value::deserialize(document) {
            Ok(Value::Null) => {}
            Ok(value) => {
                if let Err((object, refusal)) = add(file, &value, into) {
                    into.refused.push(Refused { file: file.to_owned(), object, refusal });
                }
            }
            // After a syntax error the rest of the file has no meaning.
            Err(error) => {
                into.refused.push(Refused {
                    file: file.to_owned(),
                    object: String::new(),
                    refusal: malformed(&error),
                });
                return;
            }
        }
    }
}

fn add(file: &str, value: &Value, into: &mut Manifests) -> Result<(), (String, Refusal)> {
    let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
    let (api_version, kind) = (text("apiVersion"), text("kind"));
    let name =
        value.get("metadata").and_then(|metadata| metadata.get("name")).and_then(Value::as_str);
    let object = match kind {
        "" => String::new(),
        kind => format!("{kind}/{}", name.unwrap_or_default()),
    };
    let ours = ["DatabaseConnection", "RetentionPolicy", "PurgeRun"].contains(&kind);
    let refuse = |field: &str, reason, what: &str, write: &str| {
        Err((object.clone(), Refusal::new(field, reason, what, write)))
    };
    if !value.is_mapping() || kind.is_empty() {
        return refuse(
            "kind",
            Reason::Malformed,
            "this document is no Kubernetes object",
            "write apiVersion, kind, metadata and spec",
        );
    }
    if ours || api_version.starts_with(&format!("{GROUP}/")) {
        if api_version != format!("{GROUP}/{VERSION}") {
            return refuse(
                "apiVersion",
                Reason::InvalidValue,
                &format!("`{api_version}` is not known"),
                &format!("write apiVersion: {GROUP}/{VERSION}"),
            );
        }
        if !ours {
            return refuse(
                "kind",
                Reason::InvalidValue,
                &format!("there is no kind {kind}"),
                "write DatabaseConnection, RetentionPolicy or PurgeRun",
            );
        }
        // Null is what YAML makes of `where:` with nothing behind it, and an API server drops it
        // without a word: the condition would be gone.
        check_values(value, "").map_err(|refusal| (object.clone(), refusal))?;
        // Somebody's list of nothing must not become everything.
        for list in ["tenants", "targets"] {
            let written = value.get("spec").and_then(|spec| spec.get(list));
            if kind == "PurgeRun" && written.and_then(Value::as_sequence).is_some_and(Vec::is_empty)
            {
                return refuse(
                    &format!("spec.{list}"),
                    Reason::InvalidValue,
                    "an empty list narrows the run to nothing, and no list at all means everything",
                    "name some, or remove the field",
                );
            }
        }
    } else if !(api_version == "v1" && ["ConfigMap", "Secret"].contains(&kind)) {
        into.notes.push(format!("{file}: {object}: not a kind of {GROUP}: ignored"));
        return Ok(());
    }
    let metadata = metadata(value);
    let generated =
        kind == "PurgeRun" && value.get("metadata").and_then(|m| m.get("generateName")).is_some();
    if metadata.name.is_empty() && !generated {
        return refuse(
            "metadata.name",
            Reason::Required,
            "the object has no name that is a text",
            "write metadata: {name: \"NAME\"}",
        );
    }
    if ours && let Some(root) = value.as_mapping() {
        for key in root.keys().filter_map(Value::as_str) {
            if !["apiVersion", "kind", "metadata", "spec", "status"].contains(&key) {
                return refuse(
                    key,
                    Reason::UnknownField,
                    &format!("unknown field `{key}`"),
                    "an object has apiVersion, kind, metadata and spec",
                );
            }
        }
    }
    let file = file.to_owned();
    match kind {
        "DatabaseConnection" => {
            into.connections.push(Document { file, metadata, spec: spec(value, &object)? });
        }
        "RetentionPolicy" => {
            into.policies.push(Document { file, metadata, spec: spec(value, &object)? });
        }
        "PurgeRun" => into.runs.push(Document { file, metadata, spec: spec(value, &object)? }),
        "ConfigMap" => {
            let none = Value::Mapping(serde_yaml::Mapping::new());
            let data = typed(value.get("data").unwrap_or(&none), "data")
                .map_err(|refusal| (object, refusal))?;
            into.config_maps.push(Document { file, metadata, spec: data });
        }
        _ => into.secrets.push(Document { file, metadata, spec: Secret::read(value) }),
    }
    Ok(())
}

fn metadata(value: &Value) -> Metadata {
    let metadata = value.get("metadata");
    let text =
        |key: &str| metadata.and_then(|m| m.get(key)).and_then(Value::as_str).map(str::to_owned);
    Metadata {
        name: text("name").unwrap_or_default(),
        namespace: text("namespace"),
        uid: text("uid"),
        generation: metadata.and_then(|m| m.get("generation")).and_then(Value::as_i64),
    }
}

fn spec<T: DeserializeOwned>(value: &Value, object: &str) -> Result<T, (String, Refusal)> {
    let Some(spec) = value.get("spec") else {
        return Err((
            object.to_owned(),
            Refusal::new("spec", Reason::Required, "the object has no spec", "write spec: ..."),
        ));
    };
    typed(spec, "spec").map_err(|refusal| (object.to_owned(), refusal))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusals(text: &str) -> Vec<Refusal> {
        let mut manifests = Manifests::default();
        parse("f.yaml", text, &mut manifests);
        manifests.refused.into_iter().map(|refused| refused.refusal).collect()
    }

    const HEAD: &str =
        "apiVersion: retention-operator.io/v1alpha1\nkind: PurgeRun\nmetadata: {name: r}\n";

    #[test]
    fn a_document_is_parsed_strictly() {
        for (spec, reason) in [
            ("spec: {policyRef: {name: p}, tenants: }", Reason::NullValue),
            ("spec: {policyRef: {name: p}, tenant: [a]}", Reason::UnknownField),
            ("spec: {policyRef: {name: p}, dryRun: \"yes\"}", Reason::InvalidValue),
            ("spec: {policyRef: {name: p}, tenants: [42]}", Reason::InvalidValue),
            ("spec: {policyRef: {name: p}, policyRef: {name: q}}", Reason::Malformed),
            ("spec: {}", Reason::Required),
            ("spec: {policyRef: {name: p}}\nspce: {}", Reason::UnknownField),
            ("spec: {policyRef: {name: p}, true: 1}", Reason::InvalidValue),
        ] {
            let refusals = refusals(&format!("{HEAD}{spec}\n"));
            assert_eq!(
                refusals.iter().map(|r| r.reason).collect::<Vec<_>>(),
                [reason],
                "{spec}: {refusals:?}"
            );
        }
        assert_eq!(refusals(&format!("{HEAD}spec: {{policyRef: {{name: p}}}}\n")), []);
    }

    #[test]
    fn what_is_wrong_has_its_place_and_its_remedy() {
        for (spec, field, write) in [
            (
                "spec: {policyRef: {name: p}, tennants: [a]}",
                "spec.tennants",
                "write tenants, or remove the field",
            ),
            (
                "spec: {policyRef: {name: p}, colour: blue}",
                "spec.colour",
                "remove the field, or write one of those",
            ),
            ("spec: {}", "spec.policyRef", "add policyRef: {name: NAME}"),
            (
                "spec: {policyRef: {name: p}, tenants: [42]}",
                "spec.tenants[0]",
                "write a text: quote it, \"42\"",
            ),
            ("spec: {policyRef: {name: p, name: q}}", "spec.policyRef.name", "write each key once"),
            ("spec: {policyRef", "line 5, column 1", "mend the YAML there"),
        ] {
            let refusals = refusals(&format!("{HEAD}{spec}\n"));
            let told: Vec<_> =
                refusals.iter().map(|r| (r.field.as_str(), r.write.as_str())).collect();
            assert_eq!(told, [(field, write)], "{refusals:?}");
        }
    }

    #[test]
    fn other_kinds_are_noted_and_nothing_else() {
        let mut manifests = Manifests::default();
        parse(
            "f.yaml",
            "apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {x: }\n---\n",
            &mut manifests,
        );
        assert_eq!((manifests.notes.len(), manifests.refused.len()), (1, 0));
    }
}
