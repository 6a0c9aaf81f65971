//! The server's disk is full: where its tables are, and where its log is.

use std::path::Path;

use retention_operator::run::{Point, Unwatched};

use super::super::bed::Variant;
use super::super::client;
use super::super::database::update;
use super::super::server::Start;
use super::super::stage::{Stage, old};
use super::own::{Own, until};
use super::{assert_failed, assert_the_next_finishes, at};
use crate::skip::{aloud, is_forbidden};

const STEP: &str = "make room, a batch needs some for its log; the next run goes on";

/// A server with a disk of so many MiB. None, and a word aloud, where nobody may mount one.
fn on_small(size: &'static str, initdb: &str, settings: &[&str]) -> Option<&'static Own> {
    let may = std::process::Command::new("unshare")
        .args(["--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"])
        .status()
        .is_ok_and(|status| status.success());
    if !may {
        assert!(!is_forbidden(), "a small disk has to be mounted, which root may do");
        return aloud("root, to mount a small disk", None);
    }
    let start = Start { settings, initdb, small: Some(size), comes_back: true };
    let own = aloud("PostgreSQL", Own::start(&start))?;
    Some(Box::leak(Box::new(own)))
}

impl Own {
    fn in_small(&self, command: &str) -> String {
        let small = self.server.folder().join("small");
        format!("COPY (SELECT 1) TO PROGRAM 'cd {} && {command}'", small.display())
    }

    /// Nothing more fits. The server may end of it before it answers.
    fn fill(&self) {
        let sql = self.in_small("cat /dev/zero > filler 2>/dev/null || true");
        if let Err(error) = client::execute(&self.server.own_url("postgres"), &sql) {
            println!("{error}");
        }
    }

    fn make_room(&self) {
        std::fs::write(self.server.folder().join("room"), "").unwrap();
        until("room", || {
            let sql = self.in_small("rm -f filler");
            client::execute(&self.server.own_url("postgres"), &sql).is_ok()
        });
    }
}

#[test]
fn tables_that_cannot_grow_are_told_as_a_full_disk_and_no_row_is_to_blame() {
    let Some(own) = on_small("24m", "", &[]) else { return };
    let database = own.database();
    let folder = own.server.folder().join("small/space");
    own.execute(&own.in_small("mkdir -m 700 space"));
    own.execute(&format!("CREATE TABLESPACE small LOCATION '{}'", folder.display()));
    database.execute(
        "CREATE TABLE t (id bigint PRIMARY KEY, at timestamptz, state text, body text) TABLESPACE small;
         INSERT INTO t SELECT g, '2020-01-01Z', 'open', repeat('x', 1000) FROM generate_series(1, 400) g;
         CHECKPOINT",
    );
    database.grant(&[update("t")]);
    let url = database.url();
    let stage = Stage::new(database, url);
    let spec = old(", where: \"state = 'open'\", set: {state: \"'done'\"}")
        .replace("action: Delete", "action: Update");
    let fill = at(Point::Committed, 1, || own.fill());
    let said = stage.ask(&spec, |options| options.batch_rows = Some(100), &fill);
    fill.assert_met();
    assert_failed(&said, 3, "DiskFull", "No space left on device");
    assert_failed(&said, 3, "DiskFull", STEP);
    assert_eq!(said.target().kept.failed, Some(0), "{said:#?}");
    let changed = "SELECT count(*) FROM t WHERE state = 'done'";
    assert_eq!(stage.database.numbers(changed), [said.target().rows.updated]);
    let again = stage.run(&spec);
    assert_failed(&again, 3, "DiskFull", STEP);
    own.make_room();
    stage.ask(&spec, |options| options.batch_rows = Some(100), &Unwatched).assert_done();
    assert_eq!(stage.database.numbers(changed), [400]);
}

/// Then PostgreSQL itself stops, to begin again when there is room.
#[test]
fn a_log_that_cannot_grow_ends_the_server_and_leaves_whole_batches() {
    let log = Path::new("small/log");
    let initdb = format!("-X \"$folder/{}\" --wal-segsize=1", log.display());
    let Some(own) =
        on_small("24m", &initdb, &["max_wal_size=4MB", "min_wal_size=2MB", "wal_recycle=off"])
    else {
        return;
    };
    let bed = own.bed(Variant::NoAction);
    // Each row that goes writes more log than the server keeps room for.
    bed.stage.database.execute(
        "CREATE TABLE noise (body text);
         CREATE FUNCTION loud() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS '
         BEGIN INSERT INTO noise SELECT md5(g::text) FROM generate_series(1, 30000) g; RETURN old; END';
         CREATE TRIGGER loud BEFORE DELETE ON chats FOR EACH ROW EXECUTE FUNCTION loud()",
    );
    let fill = at(Point::Committed, 1, || own.fill());
    let said = bed.run(1, &fill);
    fill.assert_met();
    let target = said.target();
    // Whose process of the server finds out first; one that is up again in time is gone on with.
    match target.reason.as_deref() {
        None => assert_eq!(said.exit(), 0, "{said:#?}"),
        Some("Unreachable") => assert_eq!(said.exit(), 3, "{said:#?}"),
        _ => assert_failed(&said, 3, "DiskFull", "No space left on device"),
    }
    assert_eq!(target.kept.failed, Some(0), "{said:#?}");
    own.make_room();
    own.until_up();
    bed.stage.database.execute("DROP TRIGGER loud ON chats");
    assert_the_next_finishes(&bed, &said);
}
