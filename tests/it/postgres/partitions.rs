//! Tables of several parts: a row's place means something in its own part alone.

use super::database::{Grant, delete, read};
use super::stage::{both, old};

const COLUMNS: &str = "(id bigint, org text, at timestamptz, note text)";

/// Every part has three old rows and three young ones, at the same places as the rows of other parts are in another order.
fn filled(parts: &[&str]) -> String {
    let mut sql = String::new();
    for (at, part) in parts.iter().enumerate() {
        let (first, second) = if at % 2 == 0 { ("old", "young") } else { ("young", "old") };
        for note in [first, second] {
            let age = if note == "old" { "2026-01-01Z" } else { "2026-11-20Z" };
            sql += &format!(
                "INSERT INTO {part} SELECT i, '{part}', '{age}', '{note}' FROM generate_series(1, 3) i;"
            );
        }
    }
    sql
}

/// What makes the parts, and their names: by list and below it by hash, by the age itself, and by inheritance.
fn tables() -> [(String, Vec<&'static str>); 3] {
    let listed = format!(
        "CREATE TABLE t {COLUMNS} PARTITION BY LIST (org);
         CREATE TABLE a PARTITION OF t FOR VALUES IN ('a');
         CREATE TABLE b PARTITION OF t FOR VALUES IN ('b');
         CREATE TABLE \"C c\" (note text, at timestamptz, org text, gone int, id bigint); ALTER TABLE \"C c\" DROP COLUMN gone;
         CREATE TABLE below PARTITION OF t FOR VALUES IN ('c') PARTITION BY HASH (id);
         CREATE TABLE b0 PARTITION OF below FOR VALUES WITH (MODULUS 2, REMAINDER 0);
         CREATE TABLE b1 PARTITION OF below FOR VALUES WITH (MODULUS 2, REMAINDER 1);
         ALTER TABLE t ATTACH PARTITION \"C c\" FOR VALUES IN ('d');
         INSERT INTO t SELECT i, 'c', '2026-01-01Z', 'old' FROM generate_series(1, 9) i;
         INSERT INTO t SELECT i, 'c', '2026-11-20Z', 'young' FROM generate_series(1, 9) i;
         INSERT INTO t SELECT i, 'd', '2026-01-01Z', 'old' FROM generate_series(1, 9) i;
         INSERT INTO t SELECT i, 'd', '2026-11-20Z', 'young' FROM generate_series(1, 9) i; {}",
        filled(&["a", "b"])
    );
    let ranged = format!(
        "CREATE TABLE t {COLUMNS} PARTITION BY RANGE (at);
         CREATE TABLE a PARTITION OF t FOR VALUES FROM ('2026-01-01Z') TO ('2026-11-01Z');
         CREATE TABLE b PARTITION OF t FOR VALUES FROM ('2026-11-01Z') TO ('2027-01-01Z');
         CREATE TABLE c PARTITION OF t DEFAULT;
         INSERT INTO t SELECT i, 'x', '2026-01-01Z', 'old' FROM generate_series(1, 9) i;
         INSERT INTO t SELECT i, 'x', '2026-11-20Z', 'young' FROM generate_series(1, 9) i;
         INSERT INTO t VALUES (0, 'x', NULL, 'young'), (0, 'x', '2000-01-01Z', 'old');"
    );
    let inherited = format!(
        "CREATE TABLE t {COLUMNS}; CREATE TABLE a (more int) INHERITS (t); CREATE TABLE b () INHERITS (a); {}",
        filled(&["t", "a", "b"])
    );
    [
        (listed, vec!["t", "a", "b", "\"C c\"", "below", "b0", "b1"]),
        (ranged, vec!["t", "a", "b", "c"]),
        (inherited, vec!["t", "a", "b"]),
    ]
}

fn grants(parts: &[&str]) -> Vec<Grant> {
    parts.iter().map(|part| delete(part, "id")).collect()
}

#[test]
fn of_every_part_the_old_rows_go_and_no_young_one() {
    for (sql, parts) in tables() {
        let indexes: String =
            parts.iter().map(|part| format!("CREATE INDEX ON {part} (at);")).collect();
        for index in ["", &indexes] {
            both(&format!("{sql}{index}"), &grants(&parts), |stage| {
                let due = stage.database.numbers("SELECT count(*) FROM t WHERE note = 'old'");
                let young = stage.database.numbers("SELECT count(*) FROM t WHERE note = 'young'");
                let dry = stage.dry_run(&old(""));
                dry.assert_done();
                let said = stage.run(&old(""));
                said.assert_done();
                assert_eq!([dry.target().rows.deleted], *due, "{sql}{index}");
                assert_eq!([said.target().rows.deleted], *due, "{sql}{index}");
                assert_eq!(stage.database.numbers("SELECT count(*) FROM t"), young, "{sql}{index}");
                let left = stage.database.numbers("SELECT count(*) FROM t WHERE note = 'young'");
                assert_eq!(left, young, "{sql}{index}");
            });
        }
    }
}

#[test]
fn dependents_conditions_and_groups_reach_over_all_parts() {
    let sql = "CREATE TABLE t (id bigint, org text, at timestamptz, PRIMARY KEY (org, id)) PARTITION BY LIST (org);
               CREATE TABLE a PARTITION OF t FOR VALUES IN ('a'); CREATE TABLE b PARTITION OF t FOR VALUES IN ('b');
               INSERT INTO t SELECT i, org, timestamptz '2026-01-01Z' + i * interval '1h' FROM generate_series(1, 4) i, unnest(ARRAY['a', 'b']) org;
               CREATE TABLE d (id bigint, org text, t_id bigint, FOREIGN KEY (org, t_id) REFERENCES t (org, id) ON DELETE CASCADE) PARTITION BY LIST (org);
               CREATE TABLE d_a PARTITION OF d FOR VALUES IN ('a'); CREATE TABLE d_b PARTITION OF d FOR VALUES IN ('b');
               CREATE INDEX ON d (org, t_id);
               INSERT INTO d SELECT i, org, id FROM t, generate_series(1, 2) i;
               CREATE TABLE holds (org text, t_id bigint); INSERT INTO holds VALUES ('a', 1);";
    let mut rights = grants(&["t", "a", "b", "d", "d_a", "d_b"]);
    rights.push(read("holds"));
    both(sql, &rights, |stage| {
        // One and the same group in two parts: the four newest of eight.
        let spec = old(r#", keepNewest: {rows: 4, orderBy: [at]},
            exemptions: [{name: held, when: "exists (select 1 from public.holds h where h.org = t.org and h.t_id = t.id)"}],
            dependents: [{name: d, table: public.d, references: {org: org, t_id: id}}]"#);
        let said = stage.run(&spec);
        said.assert_done();
        let left = "SELECT org || id FROM t ORDER BY 1";
        assert_eq!(stage.database.texts(left), ["a1", "a3", "a4", "b3", "b4"]);
        assert_eq!(said.target().dependents[0].deleted, 6);
        assert_eq!(stage.database.numbers("SELECT count(*) FROM d"), [10]);
    });
}

#[test]
fn a_part_is_a_table_of_its_own() {
    let (sql, parts) = &tables()[0];
    both(sql, &grants(parts), |stage| {
        let said = stage.run(&old("").replace("public.t", "public.b"));
        said.assert_done();
        assert_eq!(said.target().rows.deleted, 3);
        assert_eq!(stage.database.numbers("SELECT count(*) FROM t WHERE note = 'old'"), [21]);
    });
}

#[test]
fn a_login_that_may_not_touch_a_part_is_refused_or_takes_its_rows_by_the_whole() {
    let (sql, _) = &tables()[0];
    both(sql, &grants(&["t"]), |stage| {
        let said = stage.run(&old(""));
        let left = stage.database.numbers("SELECT count(*) FROM t WHERE note = 'old'");
        match said.exit() {
            0 => assert_eq!(left, [0]),
            _ => {
                assert!(
                    said.0.refusals.iter().all(|refused| refused.write.contains("GRANT")),
                    "{said:#?}"
                );
                assert_eq!((said.exit(), left), (2, vec![24]));
            }
        }
    });
}
