//! `examples/cluster/walk`, and what the documentation says that it prints.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

use super::place::{Place, operator};
use crate::openai_agents::application::root;
use crate::quickstart::application;

/// The claim and the names of `examples/cluster/manifest.yaml`.
const CLAIM: &str = "chat-app";

#[test]
fn a_walk_through_a_cluster_prints_what_the_documentation_shows() {
    let Some((cluster, _turn)) = operator() else { return };
    let folder = tempfile::tempdir().unwrap();
    let made = Command::new(application()).arg(folder.path().join("app.db")).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    let place = Place::new(cluster, "walk", folder.path(), CLAIM);

    let config = tempfile::NamedTempFile::new().unwrap();
    fs::copy(cluster.kubeconfig(), config.path()).unwrap();
    let namespace = ["config", "set-context", "--current", "--namespace", &place.namespace];
    let set = cluster.program("kubectl").args(namespace).env("KUBECONFIG", config.path()).output();
    assert!(set.as_ref().unwrap().status.success(), "{set:?}");

    let programs = cluster.program("kubectl");
    let binary = Path::new(env!("CARGO_BIN_EXE_retention-operator"));
    let example = application();
    let ours = [Path::new(programs.get_program()), binary, &example]
        .map(|path| path.parent().unwrap().to_owned());
    let path = env::var_os("PATH").unwrap();
    let path = env::join_paths(ours.into_iter().chain(env::split_paths(&path))).unwrap();
    let walk = Command::new(root().join("examples/cluster/walk"))
        .arg(folder.path())
        .env("PATH", path)
        .env("KUBECONFIG", config.path())
        .output()
        .unwrap();
    assert!(walk.status.success(), "{walk:?}");
    let printed = String::from_utf8(walk.stdout).unwrap();
    let printed = printed.replace(folder.path().to_str().unwrap(), "FOLDER");
    assert!(printed.contains("7 chats, 21 messages"), "{printed}");

    for (document, least) in [("README.md", 3), ("docs/cluster.md", 35)] {
        let text = fs::read_to_string(root().join(document)).unwrap();
        let lines = shown(&text);
        assert!(lines.len() >= least, "{document} shows only {lines:?}");
        let mut rest = printed.lines().map(timeless);
        for line in lines {
            assert!(
                rest.any(|other| other == timeless(line)),
                "{document} shows a line that is not printed, or not there: {line}\n{printed}"
            );
        }
    }
}

/// The lines of all blocks of text that begin with a command on a cluster.
fn shown(document: &str) -> Vec<&str> {
    let blocks =
        document.split("\n```text\n").skip(1).filter_map(|rest| rest.split("\n```").next());
    let of_a_cluster = blocks.filter(|block| block.starts_with("$ kubectl"));
    of_a_cluster.flat_map(str::lines).filter(|line| !["", "..."].contains(line)).collect()
}

/// What a line says at any time and in any place: without instants, ages, the run's minute, and the width of columns.
fn timeless(line: &str) -> String {
    let words: Vec<String> = line.split_whitespace().map(word).collect();
    words.join(" ")
}

fn word(word: &str) -> String {
    let bytes = word.as_bytes();
    let is_age = bytes.first().is_some_and(u8::is_ascii_digit)
        && bytes.last().is_some_and(u8::is_ascii_lowercase)
        && bytes.iter().all(|byte| byte.is_ascii_digit() || b"smhd".contains(byte));
    if is_age {
        return "AGE".to_owned();
    }
    if word.parse::<jiff::Timestamp>().is_ok() {
        return "INSTANT".to_owned();
    }
    let name = word.trim_end_matches(|char: char| char.is_ascii_digit());
    if word.len() - name.len() >= 8 { format!("{name}MINUTE") } else { word.to_owned() }
}
