//! The connection is lost: the server stops at once, ends the session, hangs, or the network swallows all.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use retention_operator::run::{Point, Unwatched};

use super::super::bed::{Bed, Variant};
use super::super::database::Database;
use super::super::stage::Said;
use super::own::{own, signal};
use super::{assert_failed, assert_the_next_finishes, assert_unreachable, at};

const WITHIN: [Point; 5] =
    [Point::Found, Point::Locked, Point::Judged, Point::Acted, Point::Committed];

/// A run that lost its server ended for it, or went on with another connection.
fn assert_told_or_went_on(said: &Said, words: &str) {
    if said.exit() != 0 {
        assert_failed(said, 3, "Unreachable", words);
    }
    assert_eq!(said.target().kept.failed, Some(0), "no row is to blame: {said:#?}");
}

#[test]
fn a_server_that_starts_again_at_once_leaves_whole_batches_and_the_next_run_finishes() {
    let Some((own, _turn)) = own() else { return };
    for variant in [Variant::NoAction, Variant::Blocks, Variant::BlocksOneByOne] {
        for point in WITHIN {
            let bed = own.bed(variant).spread();
            let restart = at(point, if point == Point::Found { 1 } else { 2 }, || {
                own.down();
                own.up();
            });
            let said = bed.run(2, &restart);
            restart.assert_met();
            assert_told_or_went_on(&said, "the connection was lost");
            assert_the_next_finishes(&bed, &said);
        }
    }
}

#[test]
fn a_server_that_stays_down_is_told_with_what_to_do_and_the_next_run_finishes() {
    let Some((own, _turn)) = own() else { return };
    for point in [Point::Planned, Point::Acted] {
        let bed = own.bed(Variant::NoAction);
        let stop = at(point, 1, || own.down());
        let said = bed.run(2, &stop);
        stop.assert_met();
        if point == Point::Planned {
            assert_unreachable(&said, "Connection refused");
        } else {
            assert_failed(&said, 3, "Unreachable", "see that it is there and answers");
        }
        let again = bed.run(2, &Unwatched);
        assert_unreachable(&again, "DatabaseConnection/app: 127.0.0.1:");
        assert_unreachable(&again, "Connection refused");
        assert_unreachable(&again, "see that it is there and answers");
        own.up();
        assert_the_next_finishes(&bed, &said);
    }
}

/// The run's own sessions in a database.
fn sessions(bed: &Bed, of: &str) -> String {
    let Database { role, .. } = &bed.stage.database;
    format!("SELECT {of} FROM pg_stat_activity WHERE usename = '{role}'")
}

#[test]
fn a_session_that_somebody_ends_is_told_in_the_servers_words_and_costs_no_more_than_its_batch() {
    for point in WITHIN {
        let Some(bed) = Bed::new(Variant::NoAction) else { return };
        let terminate = sessions(&bed, "pg_terminate_backend(pid, 10000)::int::bigint");
        let end = at(point, if point == Point::Found { 1 } else { 2 }, || {
            assert_eq!(bed.stage.database.numbers(&terminate), [1]);
        });
        let said = bed.run(2, &end);
        end.assert_met();
        assert_told_or_went_on(&said, "terminating connection due to administrator command");
        assert_the_next_finishes(&bed, &said);
    }
}

/// Statements take a second at most here, an answer that is not there five seconds later never comes, and another
/// connection is tried for 40 seconds.
const LONGEST: Duration = Duration::from_secs(90);

#[test]
fn a_server_that_hangs_is_given_up_and_what_it_held_is_undone() {
    let Some((own, _turn)) = own() else { return };
    for point in [Point::Found, Point::Judged] {
        let mut bed = own.bed(Variant::NoAction);
        bed.stage.statement_timeout = "1s";
        let process = sessions(&bed, "pid::bigint");
        let stopped = std::cell::RefCell::new(String::new());
        let hang = at(point, 1, || {
            let pid = bed.stage.database.numbers(&process)[0].to_string();
            signal("STOP", &pid);
            stopped.replace(pid);
        });
        let began = Instant::now();
        let said = bed.run(2, &hang);
        let took = began.elapsed();
        signal("CONT", &stopped.borrow());
        assert!(took < LONGEST, "{took:?}");
        assert_told_or_went_on(&said, "no answer within 6 s: the server hangs");
        let gone = sessions(&bed, "pid::bigint");
        super::own::until("its end", || bed.stage.database.numbers(&gone).is_empty());
        assert_the_next_finishes(&bed, &said);
    }
}

/// A way to a server that can begin to swallow what is said.
struct Way {
    port: u16,
    swallows: Arc<AtomicBool>,
}

impl Way {
    fn to(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let swallows = Arc::new(AtomicBool::new(false));
        let (server, flag) = (server.to_owned(), Arc::clone(&swallows));
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let server = TcpStream::connect(&server).unwrap();
                let ways =
                    [(client.try_clone().unwrap(), server.try_clone().unwrap()), (server, client)];
                for (from, to) in ways {
                    let flag = Arc::clone(&flag);
                    std::thread::spawn(move || pass(from, to, &flag));
                }
            }
        });
        Self { port, swallows }
    }
}

/// What it has swallowed never comes, and nobody is told of an end.
fn pass(mut from: TcpStream, mut to: TcpStream, swallows: &AtomicBool) {
    let mut bytes = [0; 4096];
    while let Ok(read @ 1..) = from.read(&mut bytes) {
        if !swallows.load(Ordering::Relaxed) && to.write_all(&bytes[..read]).is_err() {
            break;
        }
    }
    if !swallows.load(Ordering::Relaxed) {
        let _ = to.shutdown(std::net::Shutdown::Both);
    }
}

#[test]
fn a_network_that_swallows_everything_is_given_up_in_the_batch_and_at_the_start() {
    let Some((own, _turn)) = own() else { return };
    let way = Way::to(&own.server.authority);
    let database = own.database();
    let url = database.url().replace(&own.server.authority, &format!("127.0.0.1:{}", way.port));
    let mut bed = Bed::on(database, format!("{url}&connect_timeout=2"), Variant::NoAction);
    bed.stage.statement_timeout = "1s";
    let swallow = at(Point::Acted, 1, || way.swallows.store(true, Ordering::Relaxed));
    let began = Instant::now();
    let said = bed.run(2, &swallow);
    assert_failed(&said, 3, "Unreachable", "the network swallows what is said");
    assert_unreachable(&bed.run(2, &Unwatched), "no connection within 2 s");
    assert!(began.elapsed() < LONGEST, "{:?}", began.elapsed());
    way.swallows.store(false, Ordering::Relaxed);
    // Its rows stay locked until the server finds out: here by being told.
    bed.stage.database.numbers(&sessions(&bed, "pg_terminate_backend(pid, 10000)::int::bigint"));
    assert_the_next_finishes(&bed, &said);
}
