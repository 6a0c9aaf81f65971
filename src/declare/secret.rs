//! Secrets among the manifests: read where a connection names them, and shown nowhere.

use std::collections::BTreeMap;
use std::fmt;

use k8s_openapi::ByteString;
use serde::Deserialize;
use serde_yaml::Value;

use super::manifest::{Document, Manifests, Metadata};
use crate::api::{DatabaseConnectionSpec, SecretKeyRef};
use crate::model::{Reason, Refusal};

/// What a Secret holds under each key, as far as it can be read: a key that nobody names may hold
/// anything.
#[derive(Clone, Default)]
pub struct Secret(BTreeMap<String, Result<Vec<u8>, Unread>>);

#[derive(Clone, Copy)]
enum Unread {
    NoText,
    NoBase64,
    /// The Secret is somewhere else, and its place is held.
    Elsewhere,
}

/// Its values have no place in a log.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Secret {
    /// As the API server reads it: `stringData` is written over `data`.
    pub(super) fn read(object: &Value) -> Self {
        let mut held = BTreeMap::new();
        let under = |field: &str| object.get(field).and_then(Value::as_mapping);
        for (key, value) in under("data").into_iter().flatten() {
            held.insert(name(key), decoded(value));
        }
        for (key, value) in under("stringData").into_iter().flatten() {
            let text = value.as_str().map(|text| text.as_bytes().to_vec());
            held.insert(name(key), text.ok_or(Unread::NoText));
        }
        Self(held)
    }

    /// What was handed over in another way than by a manifest. `None`: it was not, which is told
    /// already.
    pub fn insert(&mut self, key: &str, value: Option<Vec<u8>>) {
        self.0.insert(key.to_owned(), value.ok_or(Unread::Elsewhere));
    }

    fn is_place(&self) -> bool {
        self.0.values().any(|value| matches!(value, Err(Unread::Elsewhere)))
    }
}

/// The keys of Secrets that a connection names, each once.
pub fn named_by(connection: &DatabaseConnectionSpec) -> Vec<&SecretKeyRef> {
    let Some(postgres) = &connection.postgres else { return Vec::new() };
    let url = &postgres.secret_key_ref;
    let ca = postgres.ca_secret_key_ref.as_ref().filter(|ca| *ca != url);
    std::iter::once(url).chain(ca).collect()
}

/// Holds the places of Secrets that are somewhere else, and gives their names: a connection can be
/// judged without them, as by the operator, who may not read them.
pub fn hold_places(manifests: &mut Manifests) -> Vec<String> {
    let mut absent = Vec::new();
    for connection in &manifests.connections {
        let namespace = connection.metadata.namespace.as_deref();
        for SecretKeyRef { name, key } in named_by(&connection.spec) {
            let found = manifests.secrets.iter_mut().find(|s| is_meant(s, name, namespace));
            let place = (key.clone(), Err(Unread::Elsewhere));
            if let Some(found) = found {
                if found.spec.is_place() {
                    found.spec.0.extend([place]);
                }
                continue;
            }
            absent.push(name.clone());
            let metadata = Metadata {
                name: name.clone(),
                namespace: namespace.map(str::to_owned),
                ..Metadata::default()
            };
            let spec = Secret([place].into());
            manifests.secrets.push(Document { file: String::new(), metadata, spec });
        }
    }
    absent
}

/// A reference stays within its namespace, as in a cluster.
fn is_meant(secret: &Document<Secret>, name: &str, namespace: Option<&str>) -> bool {
    let spaces = (secret.metadata.namespace.as_deref(), namespace);
    secret.metadata.name == name && !matches!(spaces, (Some(a), Some(b)) if a != b)
}

fn name(key: &Value) -> String {
    key.as_str().unwrap_or_default().to_owned()
}

fn decoded(value: &Value) -> Result<Vec<u8>, Unread> {
    let Some(text) = value.as_str() else { return Err(Unread::NoText) };
    // Go's decoder, and so the API server's, goes over the line ends that `base64` writes.
    let text = text.replace(['\r', '\n'], "");
    // What is wrong with it could only be told with a piece of it.
    ByteString::deserialize(Value::String(text)).map(|bytes| bytes.0).or(Err(Unread::NoBase64))
}

/// The value that a connection names, or what keeps it from being had. `None`: it is somewhere
/// else.
pub fn value(
    named: &SecretKeyRef,
    field: &str,
    of: &Metadata,
    secrets: &[Document<Secret>],
) -> Result<Option<Vec<u8>>, Refusal> {
    let SecretKeyRef { name, key } = named;
    let refuse = |reason, what: &str, write: String| {
        Err(Refusal::new(field, reason, what.to_owned(), write))
    };
    if name.is_empty() || key.is_empty() {
        let what = "the name of the Secret or of its key is empty";
        return refuse(Reason::InvalidValue, what, "write {name: NAME, key: KEY}".to_owned());
    }
    let namespace = of.namespace.as_deref();
    let mut meant = secrets.iter().filter(|secret| is_meant(secret, name, namespace));
    let Some(secret) = meant.next() else {
        return refuse(
            Reason::NotFound,
            &format!("there is no Secret {name}"),
            format!("add the Secret to the manifests, or write --secret {name}/{key}=VARIABLE"),
        );
    };
    if meant.next().is_some() {
        return refuse(
            Reason::Conflict,
            &format!("there are two Secrets {name}"),
            "pass only one of them".to_owned(),
        );
    }
    match secret.spec.0.get(key) {
        None => {
            let keys: Vec<&str> = secret.spec.0.keys().map(String::as_str).collect();
            refuse(
                Reason::NotFound,
                &format!("Secret {name} has no key {key}"),
                match &keys[..] {
                    [] => format!("write the value into the Secret's stringData: {{{key}: VALUE}}"),
                    keys => format!("write one of {}, or add the key", keys.join(", ")),
                },
            )
        }
        Some(Err(Unread::Elsewhere)) => Ok(None),
        Some(Err(Unread::NoText)) => refuse(
            Reason::InvalidValue,
            &format!("the value of {key} in Secret {name} is no text"),
            "write a text: quote it".to_owned(),
        ),
        Some(Err(Unread::NoBase64)) => refuse(
            Reason::InvalidValue,
            &format!("the value of {key} in Secret {name} is no base64"),
            "write base64 under data, or the value as it is under stringData".to_owned(),
        ),
        Some(Ok(value)) if value.trim_ascii().is_empty() => refuse(
            Reason::InvalidValue,
            &format!("the value of {key} in Secret {name} is empty"),
            "write the value into the Secret".to_owned(),
        ),
        Some(Ok(value)) => Ok(Some(value.clone())),
    }
}

/// The same, of a value that is a text.
pub fn text(
    named: &SecretKeyRef,
    field: &str,
    of: &Metadata,
    secrets: &[Document<Secret>],
) -> Result<Option<String>, Refusal> {
    let Some(value) = value(named, field, of, secrets)? else { return Ok(None) };
    // The error would hold the bytes.
    let text = String::from_utf8(value).ok();
    text.map(Some).ok_or_else(|| {
        let SecretKeyRef { name, key } = named;
        Refusal::new(
            field,
            Reason::InvalidValue,
            format!("the value of {key} in Secret {name} is no text in UTF-8"),
            "write a URL, with what is not ASCII as %XX",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Document<Secret> {
        let spec = Secret::read(&serde_yaml::from_str(text).expect("YAML"));
        let metadata = Metadata { name: "app".to_owned(), ..Metadata::default() };
        Document { file: "f.yaml".to_owned(), metadata, spec }
    }

    fn read(text: &str, key: &str) -> Result<String, String> {
        let named = SecretKeyRef { name: "app".to_owned(), key: key.to_owned() };
        super::text(&named, "spec", &Metadata::default(), &[secret(text)])
            .map(|text| text.expect("a value"))
            .map_err(|refusal| refusal.message)
    }

    #[test]
    fn data_is_base64_and_string_data_is_written_over_it() {
        let both = "{data: {uri: b25l, other: dHdv}, stringData: {uri: three}}";
        assert_eq!(read(both, "uri").as_deref(), Ok("three"));
        assert_eq!(read(both, "other").as_deref(), Ok("two"));
        assert_eq!(read("data:\n  uri: |\n    b2\n    5l\n", "uri").as_deref(), Ok("one"));
    }

    #[test]
    fn what_cannot_be_read_is_told_without_the_value() {
        for (text, what) in [
            ("{data: {uri: hunter2!}}", "the value of uri in Secret app is no base64"),
            ("{data: {uri: /w==}}", "the value of uri in Secret app is no text in UTF-8"),
            ("{data: {uri: 5432}}", "the value of uri in Secret app is no text"),
            ("{stringData: {uri: 5432}}", "the value of uri in Secret app is no text"),
            ("{data: {uri: ''}}", "the value of uri in Secret app is empty"),
            ("{stringData: {uri: \" \\n\"}}", "the value of uri in Secret app is empty"),
            ("{stringData: {url: hunter2}}", "Secret app has no key uri"),
            ("{data: [hunter2]}", "Secret app has no key uri"),
        ] {
            assert_eq!(read(text, "uri").as_ref().map_err(String::as_str), Err(what), "{text}");
        }
    }

    #[test]
    fn a_key_that_nobody_names_may_hold_anything() {
        let text = "{data: {uri: b25l, bad: '!'}, stringData: {port: 5432, 7: x}}";
        assert_eq!(read(text, "uri").as_deref(), Ok("one"));
    }

    #[test]
    fn a_secret_of_another_namespace_is_not_meant_and_of_two_nobody_knows_which() {
        let named = SecretKeyRef { name: "app".to_owned(), key: "uri".to_owned() };
        let within = |namespace: &str| Metadata {
            name: "app".to_owned(),
            namespace: Some(namespace.to_owned()),
            ..Metadata::default()
        };
        let mut ours = secret("{stringData: {uri: ours}}");
        ours.metadata = within("ours");
        let mut theirs = secret("{stringData: {uri: theirs}}");
        theirs.metadata = within("theirs");
        let told = |secrets: &[Document<Secret>], namespace| {
            text(&named, "spec", &within(namespace), secrets).map_err(|refusal| refusal.message)
        };
        let both = [ours, theirs];
        assert_eq!(told(&both, "theirs"), Ok(Some("theirs".to_owned())));
        assert_eq!(told(&both, "other"), Err("there is no Secret app".to_owned()));
        let anywhere = [both[0].clone(), secret("{}")];
        assert_eq!(told(&anywhere, "ours"), Err("there are two Secrets app".to_owned()));
    }

    #[test]
    fn no_value_is_shown() {
        let shown =
            format!("{:?}", secret("{data: {a: b25l, x: b25l!}, stringData: {b: hunter2, c: 7}}"));
        assert!(shown.contains(r#"{"a", "b", "c", "x"}"#), "{shown}");
        assert!(!shown.contains("hunter2") && !shown.contains("b25l"), "{shown}");
    }
}
