//! What the other tests stand on.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::client;
use super::database::{Database, delete, read};
use super::tls::{as_localhost, encrypted, with_mode};

const ROWS: &str = "CREATE TABLE t (id bigint PRIMARY KEY, body text); CREATE TABLE w (id bigint);
                    INSERT INTO t SELECT i, 'row ' || i FROM generate_series(1, 5) i";

#[test]
fn a_login_of_the_tests_may_do_what_it_was_granted_and_nothing_else() {
    let Some(database) = Database::create() else { return };
    database.execute(ROWS);
    let url = database.url();
    let can = |sql: &str| client::execute(&url, sql).is_ok();
    assert!(!can("SELECT * FROM t"));
    database.grant(&[delete("t", "id"), read("w")]);
    assert!(can("BEGIN; SELECT 1 FROM t FOR UPDATE; DELETE FROM t WHERE id = 1; COMMIT"));
    for denied in [
        "UPDATE t SET body = ''",
        "INSERT INTO t VALUES (9)",
        "SELECT 1 FROM w FOR UPDATE",
        "CREATE TABLE own (id int)",
        "CREATE TEMPORARY TABLE own (id int)",
    ] {
        assert!(!can(denied), "{denied}");
    }
    assert_eq!(database.numbers("SELECT id FROM t ORDER BY id"), [2, 3, 4, 5]);
    database.revoke_all();
    assert!(!can("SELECT * FROM t"));
}

#[test]
fn a_database_that_another_test_left_is_empty() {
    for _ in 0..2 {
        let Some(database) = Database::create() else { return };
        let made = "SELECT relname::text FROM pg_class WHERE oid >= 16384 UNION ALL SELECT extname FROM pg_extension WHERE oid >= 16384
            UNION ALL SELECT nspname FROM pg_namespace WHERE oid >= 16384 AND nspname <> 'public' AND nspname !~ '^pg_'
            UNION ALL SELECT proname FROM pg_proc WHERE oid >= 16384 UNION ALL SELECT typname FROM pg_type WHERE oid >= 16384
            UNION ALL SELECT acl::text FROM pg_database, unnest(datacl) acl WHERE datname = current_database() AND acl::text !~ '^(postgres|purge_)'";
        assert_eq!(database.texts(made), [""; 0]);
        let role = &database.role;
        database.execute(&format!(
            "{ROWS}; CREATE EXTENSION citext; CREATE SCHEMA other; CREATE TYPE other.mood AS ENUM (); GRANT ALL ON SCHEMA other TO {role};
             CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'; ALTER TABLE w OWNER TO {role}; ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO {role}"
        ));
        database.grant(&[delete("t", "id")]);
    }
}

#[test]
fn two_transactions_in_a_row_meet_different_connections_behind_the_pooler() {
    let Some(database) = Database::create() else { return };
    let Some(url) = database.bouncer_url() else { return };
    database.execute("CREATE TABLE seen (pid int)");
    let role = &database.role;
    database.execute(&format!(
        "GRANT INSERT ON seen TO {role}; GRANT USAGE ON SCHEMA public TO {role}"
    ));
    for _ in 0..2 {
        client::execute(&url, "INSERT INTO seen SELECT pg_backend_pid()").unwrap();
    }
    assert_eq!(database.numbers("SELECT count(DISTINCT pid) FROM seen"), [2]);
    let refused = client::execute(&database.bouncer_url().unwrap(), "SELECT * FROM pg_authid");
    assert!(refused.unwrap_err().to_string().contains("permission denied"));
}

#[test]
fn what_another_client_holds_nobody_else_changes_without_waiting() {
    let Some(database) = Database::create() else { return };
    database.execute(ROWS);
    let held = database.holding("SELECT 1 FROM t WHERE id = 3 FOR UPDATE");
    assert!(
        database.elsewhere("UPDATE t SET body = '' WHERE id = 3").unwrap_err().contains("lock")
    );
    database.elsewhere("UPDATE t SET body = '' WHERE id = 4").unwrap();
    drop(held);
    database.elsewhere("UPDATE t SET body = '' WHERE id = 3").unwrap();
    assert_eq!(database.texts("SELECT body FROM t WHERE id = 3"), [""]);
}

#[test]
fn the_encrypted_server_is_known_by_its_right_name_and_authority_alone() {
    let Some(encrypted) = encrypted() else { return };
    let database = Database::create_on(&encrypted.server, None);
    let folder = tempfile::tempdir().unwrap();
    let verified = |url: &str, authority: &str| {
        let file = folder.path().join("ca.crt");
        std::fs::write(&file, authority).unwrap();
        let url = format!("{}&sslrootcert={}", with_mode(url, "verify-full"), file.display());
        client::execute(&url, "SELECT 1").is_ok()
    };
    let (url, authorities) = (database.url(), &encrypted.authorities);
    assert!(verified(&as_localhost(&url), &authorities.right));
    assert!(!verified(&as_localhost(&url), &authorities.wrong), "nobody vouches for it");
    assert!(!verified(&url, &authorities.right), "127.0.0.1 is not its name");
    assert!(client::execute(&with_mode(&url, "require"), "SELECT 1").is_ok());
    assert!(client::execute(&with_mode(&url, "disable"), "SELECT 1").is_err());
}

#[test]
fn a_server_ends_and_its_folder_with_who_held_it() {
    let folder = tempfile::tempdir().unwrap().keep();
    let mut keeper =
        Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/postgres/keep"))
            .arg(&folder)
            .args(["sh", "-c", "echo $$ >pid; exec tail -f /dev/null"])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
    let deadline = Instant::now() + Duration::from_mins(1);
    let pid = loop {
        let pid = std::fs::read_to_string(folder.join("pid")).unwrap_or_default();
        if pid.ends_with('\n') {
            break pid;
        }
        assert!(Instant::now() < deadline, "the server did not start");
    };
    drop(keeper.stdin.take());
    keeper.wait().unwrap();
    assert!(!folder.exists());
    assert!(!Path::new("/proc").join(pid.trim()).exists());
}
