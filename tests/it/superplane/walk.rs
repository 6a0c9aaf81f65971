//! The example as a user meets it: `examples/superplane/walk` on a server that is verified, and what the README shows of it.

use std::collections::HashSet;
use std::env;
use std::path::Path;
use std::process::Command;

use super::bed::example;
use crate::openai_agents::application::root;
use crate::postgres::database::Database;
use crate::postgres::keep::program;
use crate::postgres::tls::{as_localhost, encrypted};
use crate::skip;

#[test]
fn a_walk_through_the_example_prints_what_its_readme_shows() {
    let Some(encrypted) = encrypted() else { return };
    let Some(psql) = program("psql") else {
        skip::lacking("psql");
        skip::aloud::<()>("psql", None);
        return;
    };
    let database = Database::create_on(&encrypted.server, None);
    // The example's own role: databases come and go, and so does the server.
    database.execute("CREATE ROLE retention LOGIN PASSWORD 'walk'");
    let url = database.superuser_url();
    let (login, address) = url.strip_prefix("postgres://").unwrap().split_once('@').unwrap();
    let (user, password) = login.split_once(':').unwrap();
    let (authority, name) = address.split_once('/').unwrap();
    let (host, port) = authority.split_once(':').unwrap();
    database.execute(&format!("GRANT CONNECT ON DATABASE {name} TO retention"));
    let binary = Path::new(env!("CARGO_BIN_EXE_retention-operator"));
    let ours = [psql.as_path(), binary].map(|path| path.parent().unwrap().to_owned());
    let path = env::var_os("PATH").unwrap();
    let path = env::join_paths(ours.into_iter().chain(env::split_paths(&path))).unwrap();
    let walk = Command::new(root().join("examples/superplane/walk"))
        .env("PATH", path)
        .envs([
            ("PGHOST", host),
            ("PGPORT", port),
            ("PGUSER", user),
            ("PGPASSWORD", password),
            ("PGDATABASE", name),
        ])
        .env("SUPERPLANE_URI", as_localhost(&format!("postgresql://retention:walk@{address}")))
        .env("SUPERPLANE_CA", &encrypted.authorities.right)
        .output()
        .unwrap();
    assert!(walk.status.success(), "{walk:?}");
    let printed = String::from_utf8(walk.stdout).unwrap();

    let readme = example("README.md");
    let mut rest = printed.lines().map(timeless);
    let mut shown = 0;
    for line in readme
        .split("\n```text\n")
        .skip(1)
        .flat_map(|rest| rest.split("\n```").next().unwrap().lines())
    {
        if !["", "..."].contains(&line) {
            shown += 1;
            assert!(
                rest.any(|other| other == timeless(line)),
                "not printed, or not there: {line}\n{printed}"
            );
        }
    }
    assert!(shown > 20, "{shown} lines");
}

/// A line without its instants.
fn timeless(line: &str) -> String {
    let is_instant = |word: &&str| word.len() == 20 && word.ends_with('Z') && word.contains('T');
    let words =
        line.split_whitespace().map(|word| if is_instant(&word) { "INSTANT" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn every_file_of_the_example_is_told_of_in_its_readme() {
    let readme = example("README.md");
    let files = std::fs::read_dir(root().join("examples/superplane")).unwrap();
    let files: HashSet<String> =
        files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    for file in files.iter().filter(|file| *file != "README.md" && *file != "walk") {
        assert!(readme.contains(file), "{file}");
    }
}
