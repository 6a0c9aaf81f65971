//! The house's rules, read from its source: who may name whom. A rule that only a reviewer keeps is kept for a month.

mod source;

use std::fs;
use std::path::Path;

use source::{paths, rust_files, tokens};

/// The rooms from top to bottom, and what each may name: arrows point down only.
const ALLOWED: &[(&str, &[&str])] = &[
    ("cli", &["controller", "run", "declare", "api"]),
    ("controller", &["declare", "model", "api", "schedule"]),
    (
        "run",
        &["purge", "plan", "observe", "declare", "database", "sql", "model", "api", "schedule"],
    ),
    ("purge", &["plan", "database", "sql", "model"]),
    ("plan", &["observe", "declare", "sql", "model"]),
    ("observe", &["declare", "database", "sql", "model"]),
    ("declare", &["model", "api", "schedule"]),
    ("database", &["sql", "model"]),
    ("sql", &["model"]),
    ("model", &[]),
    ("api", &[]),
    ("schedule", &[]),
];

/// What must be decided from arguments alone: no files, no network, no clock of its own, no runtime, no database.
const PURE: &[&str] = &["plan", "declare", "sql", "model", "schedule", "api"];
const IMPURE: &[&str] = &["tokio", "sqlx", "std::fs", "std::net", "std::env", "std::process"];

/// The core works without a cluster, so it cannot know one.
const CORE: &[&str] = &["observe", "plan", "purge", "sql", "database", "model"];
const CLUSTER: &[&str] = &["kube", "k8s_openapi"];

#[test]
fn arrows_between_rooms_point_down_only() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut faults = Vec::new();
    let mut read = 0;
    for file in rust_files(&src) {
        let name = file.strip_prefix(&src).unwrap().to_string_lossy().into_owned();
        faults.extend(judge(&name, &fs::read_to_string(&file).unwrap()));
        read += 1;
    }
    assert!(read > 2, "only {read} files found below {}", src.display());
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn the_table_of_allowed_arrows_points_down_itself() {
    for (place, (room, below)) in ALLOWED.iter().enumerate() {
        for named in *below {
            assert!(
                ALLOWED[place + 1..].iter().any(|(lower, _)| lower == named),
                "{room} may not name {named}: it is not below it"
            );
        }
    }
}

#[test]
fn every_way_of_writing_an_upward_arrow_is_found() {
    let bad = [
        ("sql/mod.rs", "use crate::plan::Plan;", "1: sql names plan"),
        (
            "sql/mod.rs",
            "use crate::{\n    model,\n    purge::{Pace, batch},\n};",
            "3: sql names purge",
        ),
        ("model/key.rs", "\n\npub(crate) use crate::sql::Bind;", "3: model names sql"),
        ("plan/keys.rs", "fn f() -> crate::purge::Report {}", "1: plan names purge"),
        ("plan/mod.rs", "use super::run::load;", "1: plan names run"),
        ("plan/keys.rs", "mod tests { use super::super::super::run; }", "1: plan names run"),
        (
            "controller/run.rs",
            "use crate::{api, database::Session};",
            "1: controller names database",
        ),
        (
            "database/mod.rs",
            "/* use crate::model; */ use crate::api::Words;",
            "1: database names api",
        ),
        (
            "api/mod.rs",
            "use crate::Everything;",
            "1: api names crate::Everything, which is no room",
        ),
        ("run/mod.rs", "use crate as house;", "1: run names crate, which is no room"),
        ("attic/mod.rs", "", "1: attic is no room: give it a place in ALLOWED"),
        ("purge/mod.rs", "use kube::Api;", "1: purge names kube"),
        ("observe/mod.rs", "type Q = ::k8s_openapi::Quantity;", "1: observe names k8s_openapi"),
        (
            "declare/files.rs",
            "use std::{\n  fmt,\n  fs::{self, File},\n};",
            "3: declare names std::fs",
        ),
        ("plan/mod.rs", "async fn f() { tokio::time::sleep(d).await }", "1: plan names tokio"),
        ("purge/mod.rs", "use sqlx::Row;", "1: purge names sqlx, which is the database's alone"),
        ("sql/mod.rs", "use sqlx::{AssertSqlSafe, Row};", "1: sql names sqlx beyond AssertSqlSafe"),
        (
            "database/mod.rs",
            "sqlx::query(AssertSqlSafe(text))",
            "1: database names AssertSqlSafe, which is sql's alone",
        ),
    ];
    for (file, source, fault) in bad {
        assert_eq!(judge(file, source), [format!("src/{file}:{fault}")], "{source}");
    }
}

#[test]
fn what_is_allowed_raises_no_alarm() {
    let good = [
        ("lib.rs", "pub mod plan; pub use crate::run::run;"),
        ("main.rs", "use retention_operator::cli;"),
        ("plan/keys.rs", "use crate::{model::Key, plan::Plan};\nuse super::Plan;"),
        ("plan/mod.rs", "pub(in crate::plan) fn f() {} mod tests { use super::*; }"),
        ("sql/mod.rs", "use sqlx::AssertSqlSafe;"),
        ("database/mod.rs", "use sqlx::Row; let kube = 1; self.tokio::<u8>();"),
        (
            "model/mod.rs",
            "// crate::plan\n/* /* crate::run */ kube::Api */ \
             fn f<'a>(s: &'a str) { g(\"use crate::api;\", '\"', r#\"\" kube::Api\"#, b'\\'') }",
        ),
        ("declare/mod.rs", "use std::{fmt, str::FromStr};"),
        (
            "sql/mod.rs",
            "fn f<'a>(t: &'a str) -> impl Iterator<Item = u8> + use<'a> { r#type::g() }",
        ),
    ];
    for (file, source) in good {
        assert_eq!(judge(file, source), [""; 0], "{source}");
    }
}

/// What is wrong in one file, as `src/FILE:LINE: what`. `file` is its path below `src`.
fn judge(file: &str, source: &str) -> Vec<String> {
    let modules: Vec<&str> =
        file.trim_end_matches(".rs").trim_end_matches("/mod").split('/').collect();
    let room = modules[0];
    if matches!(modules[..], ["lib" | "main"]) {
        return Vec::new(); // They stand above all rooms.
    }
    let Some((_, below)) = ALLOWED.iter().find(|(name, _)| *name == room) else {
        return vec![format!("src/{file}:1: {room} is no room: give it a place in ALLOWED")];
    };

    let tokens = tokens(source);
    let mut faults = Vec::new();
    let mut fault = |line: usize, what: &str| {
        faults.push(format!("src/{file}:{line}: {room} names {what}"));
    };
    for (line, path) in paths(&tokens, modules.len()) {
        let named = path.join("::");
        let within = |outer: &&&str| named == **outer || named.starts_with(&format!("{outer}::"));
        if path[0] == "crate" {
            match path.get(1).copied() {
                Some(other) if other == room || below.contains(&other) => {}
                Some(other) if ALLOWED.iter().any(|(name, _)| *name == other) => fault(line, other),
                _ => fault(line, &format!("{named}, which is no room")),
            }
        }
        if CORE.contains(&room)
            && let Some(cluster) = CLUSTER.iter().find(within)
        {
            fault(line, cluster);
        }
        if room == "sql" && path[0] == "sqlx" {
            if named != "sqlx::AssertSqlSafe" {
                fault(line, "sqlx beyond AssertSqlSafe");
            }
        } else if PURE.contains(&room)
            && let Some(impure) = IMPURE.iter().find(within)
        {
            fault(line, impure);
        } else if room != "database" && path[0] == "sqlx" {
            fault(line, "sqlx, which is the database's alone");
        }
    }
    for (line, word) in &tokens {
        if *word == "AssertSqlSafe" && room != "sql" {
            fault(*line, "AssertSqlSafe, which is sql's alone");
        }
    }
    faults.dedup();
    faults
}
