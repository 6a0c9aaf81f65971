//! What other variables than ours would do, tried in a process of its own.

use std::process::Command;

use crate::database::postgres::login::options;

/// What is said of a few URLs in a process with these variables.
fn said_with(variables: &[(&str, &str)]) -> String {
    let name = "database::postgres::login::tests::environment::the_child_says_what_it_understands";
    let output = Command::new(std::env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture"])
        .env(CHILD, "1")
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let said = said.lines().filter_map(|line| Some(line.split_once("SAID ")?.1));
    said.collect::<Vec<_>>().join("\n")
}

const CHILD: &str = "RETENTION_OPERATOR_TEST_CHILD";

#[test]
fn the_child_says_what_it_understands() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let urls = [
        "postgres://app@db.team",
        "postgres://app@/?host=/run/pg",
        "postgres://app:hunter2@db.team:5433/chats?sslmode=verify-full",
    ];
    for url in urls {
        match options(url, None) {
            Ok(options) => println!("\nSAID {:?}", options.connect),
            Err(fault) => println!("\nSAID {fault:?}"),
        }
    }
}

#[test]
fn the_environment_and_the_password_file_have_no_say() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join(".pgpass");
    std::fs::write(&file, "*:*:*:*:from-the-file\n").unwrap();
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let plain = said_with(&[]);
    assert_eq!(plain.lines().count(), 3, "{plain}");
    let file = file.display().to_string();
    let said = said_with(&[
        ("PGHOST", "elsewhere"),
        ("PGHOSTADDR", "10.9.9.9"),
        ("PGPORT", "9"),
        ("PGUSER", "root"),
        ("PGDATABASE", "other"),
        ("PGPASSWORD", "from-the-environment"),
        ("PGPASSFILE", &file),
        ("HOME", &home.path().display().to_string()),
        ("PGSSLMODE", "disable"),
        ("PGSSLROOTCERT", "/elsewhere/ca.pem"),
        ("PGAPPNAME", "other"),
        ("PGCONNECT_TIMEOUT", "1"),
    ]);
    assert_eq!(said, plain);
    for variable in ["PGOPTIONS", "PGSSLCERT", "PGSSLKEY"] {
        let said = said_with(&[(variable, "elsewhere")]);
        assert_eq!(said.matches(&format!("unset {variable}")).count(), 3, "{said}");
    }
}
