//! Others hold all connections, of the server or of the pooler before it.

use retention_operator::run::{Point, Unwatched};

use super::super::bed::{Bed, Variant};
use super::super::bouncer::Bouncer;
use super::super::client::Holding;
use super::super::server::server;
use super::own::own;
use super::{assert_failed, assert_the_next_finishes, assert_unreachable, at};
use crate::skip::aloud;

const STEP: &str = "raise max_connections or the pooler's limits";

/// As many sessions as are let in.
fn all_of(url: &str) -> Vec<Holding> {
    std::iter::from_fn(|| Holding::try_begin(url, "SELECT 1")).collect()
}

#[test]
fn a_server_without_a_free_connection_is_told_before_and_after_the_plan() {
    let Some((own, _turn)) = own() else { return };
    let bed = own.bed(Variant::NoAction);
    let url = bed.stage.database.url();
    let all = all_of(&url);
    assert!(all.len() > 10, "{}", all.len());
    // Those that are left are a superuser's.
    let said = bed.run(2, &Unwatched);
    assert_unreachable(&said, "remaining connection slots are reserved");
    assert_unreachable(&said, STEP);
    drop(all);
    let held = std::cell::RefCell::default();
    let hold = at(Point::Planned, 1, || drop(held.replace(all_of(&url))));
    let said = bed.run(2, &hold);
    drop(held.take());
    assert_unreachable(&said, STEP);
    assert_eq!(bed.chats().len(), 10);
    assert_the_next_finishes(&bed, &said);
}

#[test]
fn a_role_or_a_database_with_a_limit_of_its_own_is_told() {
    let Some(bed) = Bed::new(Variant::NoAction) else { return };
    let database = &bed.stage.database;
    let name = &database.texts("SELECT current_database()::text")[0];
    for (who, words) in [
        (format!("ROLE {}", database.role), "too many connections for role"),
        (format!("DATABASE {name}"), "too many connections for database"),
    ] {
        database.execute(&format!("ALTER {who} CONNECTION LIMIT 0"));
        let said = bed.run(2, &Unwatched);
        assert_unreachable(&said, words);
        assert_unreachable(&said, STEP);
        database.execute(&format!("ALTER {who} CONNECTION LIMIT -1"));
    }
    bed.run(2, &Unwatched).assert_done();
}

#[test]
fn a_pooler_that_takes_no_more_clients_is_told() {
    let Some(bed) = Bed::new(Variant::NoAction) else { return };
    let Some(server) = server() else { return };
    let bouncer = Bouncer::start(&server.authority, "max_client_conn = 2\n");
    let Some(bouncer) = aloud("pgbouncer", bouncer) else { return };
    let url = bouncer.by(&bed.stage.database.url());
    let bed = bed.by(url.clone());
    let all = all_of(&url);
    let said = bed.run(2, &Unwatched);
    assert_unreachable(&said, "no more connections allowed");
    assert_unreachable(&said, STEP);
    drop(all);
    bed.run(2, &Unwatched).assert_done();
    assert_eq!(bed.chats(), [9, 10]);
}

#[test]
fn a_pooler_that_lets_nobody_through_is_told_and_blames_no_row() {
    let Some(bed) = Bed::new(Variant::NoAction) else { return };
    let Some(server) = server() else { return };
    let bouncer = Bouncer::start(&server.authority, "query_wait_timeout = 1\n");
    let Some(bouncer) = aloud("pgbouncer", bouncer) else { return };
    let url = bouncer.by(&bed.stage.database.url());
    let bed = bed.by(url.clone());
    let all = || (0..2).map(|_| Holding::begin(&url, "SELECT 1")).collect::<Vec<_>>();
    let held = all();
    assert_unreachable(&bed.run(2, &Unwatched), "query_wait_timeout");
    drop(held);
    let held = std::cell::RefCell::default();
    let hold = at(Point::Committed, 1, || drop(held.replace(all())));
    let said = bed.run(2, &hold);
    hold.assert_met();
    drop(held.take());
    assert_failed(&said, 3, "TooManyConnections", "query_wait_timeout");
    assert_eq!(said.target().kept.failed, Some(0), "{said:#?}");
    assert_the_next_finishes(&bed, &said);
}
