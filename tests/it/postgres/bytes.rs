//! Databases that hold texts as bytes: of what no encoding says, rows go and stay like others.

use super::database::{Database, delete};
use super::stage::{Stage, old};

#[test]
fn a_text_that_is_no_utf_8_neither_stops_a_run_nor_is_anybody_elses() {
    let index = "CREATE INDEX ON t (org, at)";
    for (pooled, index) in [(false, ""), (true, ""), (false, index), (true, index)] {
        let Some(database) = Database::create_of_bytes() else { return };
        database.execute(
            "CREATE TABLE t (n bigint, id text PRIMARY KEY, org text, at timestamptz, held text);
             INSERT INTO t (n, id, org, at) VALUES (1, 'a', 'acme', '2026-01-01Z'), (2, 'b', 'acme', '2026-11-20Z'),
                 (3, E'k\\xfc', E'M\\xfcller', '2026-01-01Z'), (4, 'd', E'M\\xfcller', '2026-11-20Z'),
                 (5, E'k\\xfe', 'kept', '2026-01-01Z');
             INSERT INTO t VALUES (6, 'f', 'acme', '2026-01-01Z', E'\\xff');
             CREATE TABLE d (t_id text REFERENCES t); CREATE INDEX ON d (t_id); INSERT INTO d VALUES (E'k\\xfc'), ('b');",
        );
        database.grant(&[delete("t", "id"), delete("d", "t_id")]);
        let url = if pooled { database.bouncer_url() } else { Some(database.url()) };
        let Some(url) = url else { return };
        let spec =
            old(r#", tenant: {column: org}, exemptions: [{name: held, when: "held is not null"}],
            dependents: [{name: d, table: public.d, references: {t_id: id}}]"#)
            .replace("default: 30d", "default: 30d, tenants: [{name: kept, window: Forever}]");
        database.execute(index);
        let stage = Stage::new(database, url);
        let dry = stage.dry_run(&spec);
        dry.assert_done();
        let said = stage.run(&spec);
        said.assert_done();
        assert_eq!((dry.target().rows.deleted, said.target().rows.deleted), (2, 2), "{said:#?}");
        assert_eq!(stage.database.numbers("SELECT n FROM t ORDER BY n"), [2, 4, 5, 6]);
        assert_eq!(stage.database.numbers("SELECT count(*) FROM d"), [1]);
    }
}
