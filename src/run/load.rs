//! Manifests from files, folders and standard input.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{ErrorKind, Read};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use super::SecretVariable;
use crate::api::{
    AllowRule, AllowedAction, DatabaseConnectionSpec, Postgres, SecretKeyRef, Sqlite,
};
use crate::declare::{self, Document, Manifests, Narrowing, Refused, Secret};
use crate::model::{Reason, Refusal, orders};

/// The text of all files, each read once: what is parsed is what the digest was taken of.
#[derive(Default)]
pub struct Files {
    names: Vec<String>,
    /// By path.
    texts: Vec<(String, String)>,
    refused: Vec<Refused>,
}

pub fn read(names: &[String]) -> Files {
    let mut files = Files { names: names.to_vec(), ..Files::default() };
    for name in names {
        if let Err(error) = files.read(name) {
            let refusal = Refusal::new(
                "-f",
                Reason::NotFound,
                format!("cannot be read: {error}"),
                "name a file, a folder of YAML files, or -",
            );
            files.refused.push(Refused { file: name.clone(), object: String::new(), refusal });
        }
    }
    files
}

impl Files {
    fn read(&mut self, name: &str) -> std::io::Result<()> {
        if name == "-" {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text)?;
            self.texts.push(("standard input".to_owned(), text));
            return Ok(());
        }
        let path = Path::new(name);
        if path.is_dir() {
            for file in yaml_files(path)? {
                let text = std::fs::read_to_string(&file)?;
                self.texts.push((file.display().to_string(), text));
            }
        } else {
            self.texts.push((name.to_owned(), std::fs::read_to_string(path)?));
        }
        Ok(())
    }

    /// Refuses files that are not those of the digest.
    pub fn check(&self, expected: &str) -> Option<Refused> {
        let names = self.texts.iter().map(|(path, text)| {
            let name = Path::new(path).file_name().and_then(|name| name.to_str());
            (name.unwrap_or(path), text.as_str())
        });
        let found = orders::digest(names);
        if found == expected {
            return None;
        }
        let refusal = Refusal::new(
            "--orders",
            Reason::Conflict,
            format!(
                "these are not the orders that were given: {expected} was expected, and the files are {found}"
            ),
            "delete the run's Job and ConfigMap, and order a new run",
        );
        Some(Refused { file: "command line".to_owned(), object: String::new(), refusal })
    }

    /// What cannot be read is refused like everything else that is wrong.
    pub fn parse(self) -> Manifests {
        let mut manifests = Manifests { refused: self.refused, ..Manifests::default() };
        for (file, text) in &self.texts {
            declare::parse(file, text, &mut manifests);
        }
        if manifests.policies.is_empty() && manifests.refused.is_empty() {
            let refusal = Refusal::new(
                "-f",
                Reason::NotFound,
                "there is no RetentionPolicy in the manifests",
                "name a file that has one",
            );
            let file = self.names.join(", ");
            manifests.refused.push(Refused { file, object: String::new(), refusal });
        }
        let named = manifests.connections.iter().flat_map(|c| declare::named_by(&c.spec));
        let named: Vec<&str> = named.map(|named| named.name.as_str()).collect();
        let is_idle = |secret: &&Document<Secret>| !named.contains(&&*secret.metadata.name);
        let idle: Vec<String> = manifests
            .secrets
            .iter()
            .filter(is_idle)
            .map(|secret| {
                let Document { file, metadata, .. } = secret;
                format!("{file}: Secret/{}: no connection here names it: ignored", metadata.name)
            })
            .collect();
        manifests.notes.extend(idle);
        manifests
    }
}

/// As kubectl reads a folder: its own YAML and JSON files, sorted, and none below it.
fn yaml_files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let extension = path.extension().and_then(|extension| extension.to_str());
        if !is_hidden(&path) && path.is_file() && matches!(extension, Some("yaml" | "yml" | "json"))
        {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// The kubelet keeps the content of a mounted ConfigMap in hidden folders, and shows it by links.
fn is_hidden(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| name.starts_with(".."))
}

/// Adds ConfigMaps that are mounted as folders: keys are files. A folder that is not there, or is
/// empty, is a mount of a map that is not there: who asks it learns nothing.
pub fn mounted(maps: &[(String, PathBuf)], manifests: &mut Manifests) {
    for (name, folder) in maps {
        match values(folder) {
            Ok(data) if data.is_empty() => {}
            Ok(data) => manifests.config_maps.push(Document {
                file: folder.display().to_string(),
                metadata: crate::declare::Metadata { name: name.clone(), ..Default::default() },
                spec: data,
            }),
            // Half a map could lack the very tenant who keeps for longest.
            Err(error) if error.kind() != ErrorKind::NotFound || folder.exists() => {
                manifests.notes.push(format!(
                    "--config-map {name}: {}: {error}: the tenants that it is asked for are kept",
                    folder.display()
                ));
            }
            Err(_) => {}
        }
    }
}

/// Adds the keys of Secrets that the environment holds.
pub fn handed_over(secrets: &[SecretVariable], manifests: &mut Manifests) {
    let mut handed: BTreeMap<&str, Secret> = BTreeMap::new();
    for SecretVariable { name, key, variable } in secrets {
        if manifests.secrets.iter().any(|secret| secret.metadata.name == *name) {
            // Which of the two is in force must not depend on who reads the command.
            manifests.refused.push(refused_flag(
                Reason::Conflict,
                format!("Secret {name} is among the manifests too"),
                "leave the flag out, or the Secret",
            ));
            continue;
        }
        let value = from_environment(variable).map_err(|(reason, what)| {
            let what = format!("{name}/{key}: {what}");
            let write = "name a variable that holds the value of the Secret's key";
            manifests.refused.push(refused_flag(reason, what, write));
        });
        let value = value.ok().map(OsString::into_vec);
        handed.entry(name).or_default().insert(key, value);
    }
    manifests.secrets.extend(handed.into_iter().map(|(name, spec)| Document {
        file: "command line".to_owned(),
        metadata: crate::declare::Metadata { name: name.to_owned(), ..Default::default() },
        spec,
    }));
}

fn refused_flag(reason: Reason, what: String, write: &str) -> Refused {
    let refusal = Refusal::new("--secret", reason, what, write);
    Refused { file: "command line".to_owned(), object: String::new(), refusal }
}

/// What is no name of a variable may be the value itself: it is not told.
fn from_environment(variable: &str) -> Result<OsString, (Reason, String)> {
    if !variable.chars().all(|char| char.is_ascii_alphanumeric() || char == '_') {
        let what = "what stands behind the = is no name of a variable";
        return Err((Reason::InvalidValue, what.to_owned()));
    }
    std::env::var_os(variable).ok_or_else(|| {
        (Reason::NotFound, format!("there is no variable {variable} in the environment"))
    })
}

fn values(folder: &Path) -> std::io::Result<BTreeMap<String, String>> {
    let mut data = BTreeMap::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let Some(key) = path.file_name() else { continue };
        if !is_hidden(&path) && !path.is_dir() {
            // Bytes that are no text are no window: they must not pass for a key that is not there.
            let text = String::from_utf8_lossy(&std::fs::read(&path)?).into_owned();
            data.insert(key.to_string_lossy().into_owned(), text);
        }
    }
    Ok(data)
}

/// Whoever validates a connection need not have its Secrets at hand.
pub fn do_without_absent_secrets(manifests: &mut Manifests) {
    let notes = declare::hold_places(manifests).into_iter().map(|name| {
        format!("Secret/{name} is not among the files: what it says of the database is not checked")
    });
    manifests.notes.extend(notes);
}

/// Whoever owns a policy need not have its connection at hand to validate it. Which engine it is of
/// nobody knows then: of those that there are it is the one under which the least is refused.
pub fn stand_in_for_absent_connections(manifests: &mut Manifests) {
    let named: Vec<(String, String)> = manifests
        .policies
        .iter()
        .map(|policy| (policy.file.clone(), policy.spec.connection_ref.name.clone()))
        .collect();
    for (file, name) in named {
        if manifests.connections.iter().any(|connection| connection.metadata.name == name) {
            continue;
        }
        manifests.notes.push(format!(
            "DatabaseConnection/{name} is not among the files, or cannot be read: not checked is what it allows, and whether \
             the expressions are those of its engine"
        ));
        let metadata = crate::declare::Metadata { name, ..Default::default() };
        let at = manifests.connections.len();
        let spec = DatabaseConnectionSpec::default();
        manifests.connections.push(Document { file, metadata, spec });
        let stand_ins = [sqlite(), postgres()];
        let refused: Vec<usize> = stand_ins
            .iter()
            .map(|spec| {
                manifests.connections[at].spec = spec.clone();
                declare::hold_places(manifests);
                let declared = declare::declare(manifests, &Narrowing::default());
                declared.err().map_or(0, |refused| refused.len())
            })
            .collect();
        let [sqlite, postgres] = stand_ins;
        manifests.connections[at].spec = if refused[1] < refused[0] { postgres } else { sqlite };
    }
}

fn sqlite() -> DatabaseConnectionSpec {
    let sqlite = Some(Sqlite { path: "absent.db".to_owned(), attach: Vec::new() });
    DatabaseConnectionSpec { sqlite, ..anything_goes() }
}

fn postgres() -> DatabaseConnectionSpec {
    let secret_key_ref = SecretKeyRef { name: "absent".to_owned(), key: "uri".to_owned() };
    let postgres = Some(Postgres { secret_key_ref, ca_secret_key_ref: None });
    DatabaseConnectionSpec { postgres, ..anything_goes() }
}

fn anything_goes() -> DatabaseConnectionSpec {
    let actions = vec![AllowedAction::Read, AllowedAction::Update, AllowedAction::Delete];
    let everything = AllowRule { tables: vec!["*".to_owned()], actions, ..AllowRule::default() };
    DatabaseConnectionSpec { allow: vec![everything], ..DatabaseConnectionSpec::default() }
}
