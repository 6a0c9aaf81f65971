//! The documentation against what it documents: every field has its line, every path and link leads somewhere.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use retention_operator::api::{
    DatabaseConnectionSpec, PurgeRunSpec, PurgeRunStatus, RetentionPolicySpec,
};
use schemars::schema_for;
use serde_json::Value;

const DOCUMENTS: [&str; 11] = [
    "README.md",
    "CONTRIBUTING.md",
    "docs/benchmarks.md",
    "docs/cluster.md",
    "docs/faults.md",
    "docs/postgresql.md",
    "docs/reference.md",
    "docs/semantics.md",
    "charts/retention-operator/README.md",
    "examples/openai-agents/README.md",
    "examples/superplane/README.md",
];

fn read(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// The names of all fields of our own types; Kubernetes' types have documentation of their own.
fn fields(schema: &Value, found: &mut BTreeSet<String>) {
    let Value::Object(schema) = schema else {
        return;
    };
    for (key, value) in schema {
        match (key.as_str(), value) {
            ("properties", Value::Object(properties)) => {
                for (name, property) in properties {
                    found.insert(name.clone());
                    fields(property, found);
                }
            }
            ("$defs", Value::Object(types)) => {
                for (_, of_ours) in types.iter().filter(|(name, _)| !name.contains("io.k8s")) {
                    fields(of_ours, found);
                }
            }
            _ => fields(value, found),
        }
    }
}

#[test]
fn the_reference_names_every_field() {
    let reference = read("docs/reference.md");
    let named: BTreeSet<&str> = reference
        .split('`')
        .skip(1)
        .step_by(2)
        .flat_map(|code| code.split(|char: char| !char.is_ascii_alphanumeric()))
        .collect();
    let mut found = BTreeSet::new();
    for schema in [
        schema_for!(DatabaseConnectionSpec),
        schema_for!(RetentionPolicySpec),
        schema_for!(PurgeRunSpec),
        schema_for!(PurgeRunStatus),
    ] {
        fields(schema.as_value(), &mut found);
    }
    assert!(found.len() > 100, "{found:?}");
    let missing: Vec<&String> =
        found.iter().filter(|name| !named.contains(name.as_str())).collect();
    assert!(missing.is_empty(), "docs/reference.md does not name {missing:?}");
}

#[test]
fn every_file_that_a_document_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for document in DOCUMENTS {
        let text = read(document);
        let folder = root.join(document);
        let folder = folder.parent().unwrap();
        for code in text.split('`').skip(1).step_by(2) {
            if code.starts_with("src/") && !code.contains('*') {
                assert!(root.join(code).exists(), "{document} names {code}");
            }
        }
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = link.split('#').next().unwrap_or_default();
            if !link.contains("://") && !path.is_empty() {
                assert!(folder.join(path).exists(), "{document} links to {link}");
            }
        }
    }
}

/// The rows of the tables of faults, cell by cell.
fn faults(text: &str) -> Vec<Vec<&str>> {
    let rows = text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| ---"));
    let cells = rows.map(|row| row.split('|').skip(1).map(str::trim).collect::<Vec<_>>());
    cells.filter(|cells| cells[0] != "what happened").collect()
}

#[test]
fn every_fault_of_the_handbook_has_a_reason_its_exit_code_and_a_test_that_asks_for_its_words() {
    let (handbook, reference) = (read("docs/faults.md"), read("docs/reference.md"));
    let mut tests = Vec::new();
    for folder in ["tests/it/postgres/faults", "tests/it/faults"] {
        sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut tests);
    }
    let tests = tests.concat();
    let mut passing = BTreeSet::new();
    let found = faults(&handbook);
    assert!(found.len() > 20, "{found:?}");
    for cells in &found {
        let [what, exit, reason, says, then, _] = cells[..] else { panic!("{cells:?}") };
        assert!(!then.is_empty(), "{what} then what?");
        let (reason, says) = (reason.trim_matches('`'), says.trim_matches('"'));
        assert_eq!(says.is_empty(), reason.is_empty(), "{what}");
        assert_eq!(exit == "0", reason.is_empty(), "{what}");
        assert!(reason.is_empty() || reference.contains(&format!("| `{reason}` |")), "{reason}");
        assert!(tests.contains(says), "no test asks for {says}");
        if exit == "3" {
            passing.insert(reason);
        }
    }
    let worth = ["DiskFull", "LoginRefused", "TooManyConnections", "Unreachable"];
    assert_eq!(passing, BTreeSet::from(worth));
    let wrong =
        found.iter().find(|cells| cells[1] != "3" && worth.contains(&cells[2].trim_matches('`')));
    assert_eq!(wrong, None);
}

/// Kubernetes' words in the controller's source that tell nobody how something stands.
const NOT_TOLD: [&str; 10] = [
    "ContainerCreating",
    "DatabaseConnection",
    "False",
    "PodInitializing",
    "PodScheduled",
    "PurgeRun",
    "Reconcile",
    "RetentionPolicy",
    "Succeeded",
    "True",
];

/// What makes objects, or compares them, says its words to the API server alone.
const SILENT: [&str; 5] = ["access.rs", "adopt.rs", "fixtures.rs", "job.rs", "tests.rs"];

fn sources(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let name = entry.file_name().unwrap().to_str().unwrap();
        if entry.is_dir() && name != "tests" {
            sources(&entry, found);
        } else if entry.extension().is_some_and(|kind| kind == "rs") && !SILENT.contains(&name) {
            let source = fs::read_to_string(&entry).unwrap();
            found.push(source.split("#[cfg(test)]\nmod tests").next().unwrap().to_owned());
        }
    }
}

#[test]
fn the_handbook_explains_every_word_that_the_operator_says() {
    let mut found = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/controller"), &mut found);
    let is_word = |text: &&str| {
        text.starts_with(|char: char| char.is_ascii_uppercase())
            && text.contains(|char: char| char.is_ascii_lowercase())
            && text.chars().all(|char| char.is_ascii_alphabetic())
    };
    let said: BTreeSet<&str> = found
        .iter()
        .flat_map(|source| source.lines())
        .flat_map(|line| line.split('"').skip(1).step_by(2))
        .filter(is_word)
        .collect();
    assert!(said.len() > 50, "{said:?}");
    let handbook = read("docs/cluster.md");
    let missing: Vec<&&str> = said
        .iter()
        .filter(|word| !NOT_TOLD.contains(word) && !handbook.contains(&format!("`{word}`")))
        .collect();
    assert!(missing.is_empty(), "docs/cluster.md does not explain {missing:?}");
}
