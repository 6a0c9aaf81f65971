//! Manifests from files, folders and standard input.

use std::io::Read;
use std::path::{Path, PathBuf};

use crate::api::{AllowRule, AllowedAction, DatabaseConnectionSpec, Sqlite};
use crate::declare::{self, Document, Manifests, Refused};
use crate::model::{Reason, Refusal};

/// Reads everything. What cannot be read is refused like everything else that is wrong.
pub fn load(files: &[String]) -> Manifests {
    let mut manifests = Manifests::default();
    for name in files {
        if let Err(error) = load_one(name, &mut manifests) {
            let refusal = Refusal::new(
                "-f",
                Reason::NotFound,
                format!("cannot be read: {error}"),
                "name a file, a folder of YAML files, or -",
            );
            manifests.refused.push(Refused { file: name.clone(), object: String::new(), refusal });
        }
    }
    if manifests.policies.is_empty() && manifests.refused.is_empty() {
        let refusal = Refusal::new(
            "-f",
            Reason::NotFound,
            "there is no RetentionPolicy in the manifests",
            "name a file that has one",
        );
        manifests.refused.push(Refused { file: files.join(", "), object: String::new(), refusal });
    }
    manifests
}

fn load_one(name: &str, manifests: &mut Manifests) -> std::io::Result<()> {
    if name == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text)?;
        declare::parse("standard input", &text, manifests);
        return Ok(());
    }
    let path = Path::new(name);
    if path.is_dir() {
        for file in yaml_files(path)? {
            let text = std::fs::read_to_string(&file)?;
            declare::parse(&file.display().to_string(), &text, manifests);
        }
    } else {
        declare::parse(name, &std::fs::read_to_string(path)?, manifests);
    }
    Ok(())
}

/// As kubectl reads a folder: its own YAML and JSON files, sorted, and none below it.
fn yaml_files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let extension = path.extension().and_then(|extension| extension.to_str());
        if path.is_file() && matches!(extension, Some("yaml" | "yml" | "json")) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Whoever owns a policy need not have its connection at hand to validate it.
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
            "DatabaseConnection/{name} is not among the files, or cannot be read: what it allows is not checked"
        ));
        let actions = vec![AllowedAction::Read, AllowedAction::Update, AllowedAction::Delete];
        let spec = DatabaseConnectionSpec {
            sqlite: Some(Sqlite { path: "absent.db".to_owned(), attach: Vec::new() }),
            allow: vec![AllowRule {
                tables: vec!["*".to_owned()],
                actions,
                ..AllowRule::default()
            }],
            ..DatabaseConnectionSpec::default()
        };
        let metadata = crate::declare::Metadata { name, ..Default::default() };
        manifests.connections.push(Document { file, metadata, spec });
    }
}
