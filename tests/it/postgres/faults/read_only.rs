//! A database that takes no writes.

use std::path::Path;

use retention_operator::run::{Point, Unwatched};

use super::super::bed::Variant;
use super::super::bouncer::Bouncer;
use super::super::database::{Database, delete};
use super::super::replica::pair;
use super::super::stage::{Stage, old};
use super::own::own;
use super::{assert_failed, assert_the_next_finishes, at};
use crate::skip::aloud;

const ROWS: &str = "CREATE TABLE t (id int PRIMARY KEY, at timestamptz);
                    INSERT INTO t SELECT g, '2020-01-01Z' FROM generate_series(1, 10) g";

#[test]
fn a_standby_is_refused_as_read_only_with_what_to_name_and_counts_all_the_same() {
    let Some((pair, _turn)) = pair() else { return };
    let stage = pair.stage();
    let url = stage.database.url();
    let (_, name) = url.rsplit_once('/').unwrap();
    let url = pair.replica_at(&stage.database.role, name);
    pair.until_replayed();
    let stage = stage.by(url);
    let said = stage.run(&old(""));
    let refused = said.refused();
    assert_eq!(refused.reason, "ReadOnly");
    assert!(refused.message.contains("read only: it follows another"), "{refused}");
    assert!(refused.write.contains("name the primary"), "{refused}");
    let dry = stage.dry_run(&old(""));
    assert_eq!((dry.exit(), dry.target().rows.deleted), (0, 10), "{dry:#?}");
    assert_eq!(stage.left().len(), 10);
}

#[test]
fn a_login_that_is_set_to_read_only_is_refused_until_it_may_write_and_counts_all_the_same() {
    let Some(database) = Database::create() else { return };
    database.execute(ROWS);
    database.grant(&[delete("t", "id")]);
    let url = database.url();
    let stage = Stage::new(database, url);
    let role = &stage.database.role;
    let name = &stage.database.texts("SELECT current_database()::text")[0];
    for who in [format!("DATABASE {name}"), format!("ROLE {role} IN DATABASE {name}")] {
        stage.database.execute(&format!("ALTER {who} SET default_transaction_read_only = on"));
        let said = stage.run(&old(""));
        let refused = said.refused();
        assert_eq!(refused.reason, "ReadOnly");
        assert!(refused.message.contains("default_transaction_read_only is on"), "{refused}");
        assert!(refused.write.contains("ALTER ROLE"), "{refused}");
        assert_eq!(stage.dry_run(&old("")).target().rows.deleted, 10);
        assert_eq!(stage.left().len(), 10);
        // Who asks for it may write in a database that is read only.
        let off = format!("ALTER {who} RESET default_transaction_read_only");
        stage.database.execute(&format!("BEGIN READ WRITE; {off}; COMMIT"));
    }
    stage.run(&old("")).assert_done();
    assert_eq!(stage.left(), [0; 0]);
}

#[test]
fn a_server_that_is_set_to_read_only_in_the_middle_loses_no_further_row() {
    let Some((own, _turn)) = own() else { return };
    for variant in [Variant::NoAction, Variant::Blocks, Variant::BlocksOneByOne] {
        let bed = own.bed(variant).spread();
        let set = at(Point::Committed, 1, || {
            own.execute("ALTER SYSTEM SET default_transaction_read_only = on");
            own.reloaded("default_transaction_read_only", "on");
        });
        let said = bed.run(2, &set);
        own.write_again();
        set.assert_met();
        assert_failed(&said, 1, "ReadOnly", "the server is read only: cannot execute");
        assert_eq!(said.target().kept.failed, Some(0), "no row is to blame: {said:#?}");
        assert!(bed.chats().len() >= 8, "{:?}", bed.chats());
        assert_the_next_finishes(&bed, &said);
    }
    let bed = own.bed(Variant::NoAction);
    bed.run(2, &Unwatched).assert_done();
}

/// As after a failover that a pooler has not noticed.
#[test]
fn a_pooler_that_leads_to_a_standby_in_the_middle_is_told_and_blames_no_row() {
    let Some((pair, _turn)) = pair() else { return };
    let bouncer = aloud("pgbouncer", Bouncer::start(&pair.primary.authority, ""));
    let Some(bouncer) = bouncer else { return };
    let stage = pair.stage();
    let role = &stage.database.role;
    stage.database.execute(&format!("GRANT pg_read_all_stats TO {role}"));
    let url = bouncer.by(&stage.database.url());
    let stage = stage.by(url);
    let (folder, port) = pair.replica_socket();
    let turn = at(Point::Committed, 1, || {
        pair.until_replayed();
        bouncer.turn_to(folder, port);
    });
    let said = stage.ask(&old(""), |_| {}, &turn);
    turn.assert_met();
    assert_failed(&said, 1, "ReadOnly", "the server is read only: cannot execute");
    assert_eq!(said.target().kept.failed, Some(0), "no row is to blame: {said:#?}");
    assert_eq!(stage.left().len() as i64, 10 - said.target().rows.deleted);
    let (host, port) = pair.primary.authority.split_once(':').unwrap();
    bouncer.turn_to(Path::new(host), port.parse().unwrap());
    stage.run(&old("")).assert_done();
    assert_eq!(stage.left(), [0; 0]);
}
