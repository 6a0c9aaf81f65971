//! How the database is reached: by TLS or not, and beside other clients of a pooler.

use std::sync::atomic::{AtomicBool, Ordering};

use retention_operator::api::ServerReport;

use super::client;
use super::database::{Database, delete};
use super::stage::{Said, Stage, old};
use super::tls::{Encrypted, as_localhost, encrypted, with_mode};

const ROWS: &str = "CREATE TABLE t (id bigint PRIMARY KEY, at timestamptz);
                    INSERT INTO t VALUES (1, '2026-01-01Z'), (2, '2026-11-20Z')";

/// A run by what a URL becomes, with the certificate of an authority or none.
fn reached(
    encrypted: &'static Encrypted,
    url: impl Fn(&str) -> String,
    ca: Option<&String>,
) -> (Said, Vec<i64>) {
    let database = Database::create_on(&encrypted.server, None);
    database.execute(ROWS);
    database.grant(&[delete("t", "id")]);
    let url = url(&database.url());
    let mut stage = Stage::new(database, url);
    stage.authority = ca.cloned();
    let said = stage.run(&old(""));
    let left = stage.left();
    (said, left)
}

fn told_of_server(said: &Said) -> &ServerReport {
    let server = said.status().server.as_ref().unwrap_or_else(|| panic!("{said:#?}"));
    let version = server.version.strip_prefix("PostgreSQL ");
    assert!(version.is_some_and(|version| version.starts_with(|c: char| c.is_ascii_digit())));
    server
}

#[test]
fn without_a_word_about_it_tls_is_required_and_the_name_is_not_verified() {
    let Some(encrypted) = encrypted() else { return };
    for (mode, works) in
        [(None, true), (Some("require"), true), (Some("prefer"), true), (Some("disable"), false)]
    {
        let url = |url: &str| mode.map_or(url.to_owned(), |mode| with_mode(url, mode));
        let (said, left) = reached(encrypted, url, None);
        assert_eq!(said.exit() == 0, works, "{mode:?}: {said:#?}");
        assert_eq!(left.len(), if works { 1 } else { 2 });
        assert!(!works || !told_of_server(&said).tls_verified, "{mode:?}");
    }
    let Some(database) = Database::create() else { return };
    database.execute(ROWS);
    database.grant(&[delete("t", "id")]);
    if database.url().ends_with("?sslmode=disable") {
        let url = database.url().replace("?sslmode=disable", "");
        let stage = Stage::new(database, url);
        let said = stage.run(&old(""));
        assert_eq!((said.exit(), stage.left()), (3, vec![1, 2]), "it has no TLS: {said:#?}");
    }
}

#[test]
fn with_an_authority_certificate_and_name_are_verified_whatever_the_url_says() {
    let Some(encrypted) = encrypted() else { return };
    let authorities = &encrypted.authorities;
    for mode in [None, Some("require"), Some("prefer"), Some("verify-full")] {
        let with = |url: &str| mode.map_or(url.to_owned(), |mode| with_mode(url, mode));
        let named = |url: &str| with(&as_localhost(url));
        let (said, left) = reached(encrypted, named, Some(&authorities.right));
        assert_eq!((said.exit(), left), (0, vec![2]), "{mode:?}: {said:#?}");
        assert!(told_of_server(&said).tls_verified);
        let (said, left) = reached(encrypted, named, Some(&authorities.wrong));
        assert_eq!(
            (said.exit(), left),
            (3, vec![1, 2]),
            "nobody vouches for it, {mode:?}: {said:#?}"
        );
        let (said, left) = reached(encrypted, with, Some(&authorities.right));
        assert_eq!((said.exit(), left), (3, vec![1, 2]), "not its name, {mode:?}: {said:#?}");
    }
}

#[test]
fn no_secret_is_told_when_the_database_is_out_of_reach() {
    let Some(database) = Database::create() else { return };
    let url = database.url();
    let (login, rest) = url.split_once('@').unwrap();
    let (user, password) = login.rsplit_once(':').unwrap();
    let (_, behind) = rest.split_once('/').unwrap();
    for (url, secret) in [
        (format!("{user}:a-wrong-one@{rest}"), "a-wrong-one"),
        (format!("{login}@127.0.0.1:1/{behind}"), password),
    ] {
        let Some(database) = Database::create() else { return };
        let said = Stage::new(database, url).run(&old(""));
        assert_eq!((said.exit(), said.0.unreachable.len()), (3, 1), "{said:#?}");
        assert!(!said.0.unreachable[0].contains(secret), "{said:#?}");
    }
}

#[test]
fn clients_of_one_pool_never_get_each_other_s_answers() {
    let Some(database) = Database::create() else { return };
    let Some(url) = database.bouncer_url() else { return };
    database.execute(
        "CREATE TABLE t (id bigint PRIMARY KEY, at timestamptz);
         INSERT INTO t SELECT i, '2026-01-01Z' FROM generate_series(1, 300) i;
         INSERT INTO t SELECT -i, '2026-11-20Z' FROM generate_series(1, 300) i",
    );
    database.grant(&[delete("t", "id")]);
    let stage = Stage::new(database, url.clone());
    let done = AtomicBool::new(false);
    let ended = std::thread::scope(|scope| {
        // More than there are connections, each with a question of its own.
        let others: Vec<_> = (0..3)
            .map(|own: i64| {
                let (url, done) = (&url, &done);
                scope.spawn(move || {
                    client::repeat(url, &format!("SELECT {own} + 0 * count(*) FROM t"), own, done)
                })
            })
            .collect();
        let said = stage.ask(
            &old(""),
            |options| options.batch_rows = Some(5),
            &retention_operator::run::Unwatched,
        );
        done.store(true, Ordering::Relaxed);
        let answered = others.into_iter().map(|other| other.join().unwrap());
        answered.for_each(|answers| assert!(answers > 0));
        said
    });
    ended.assert_done();
    assert_eq!(ended.target().rows.deleted, 300);
    assert_eq!(stage.database.numbers("SELECT count(*) FROM t WHERE id < 0"), [300]);
}
