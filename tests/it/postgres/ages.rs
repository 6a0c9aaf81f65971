//! Which ages are too old, for every type that can hold one.

use super::database::{Grant, delete};
use super::stage::{both, old};

/// With a window of 30 days the cutoff is 2026-10-22T12:00:00Z.
struct Ages {
    table: &'static str,
    kind: &'static str,
    /// What the age says beyond its column.
    age: &'static str,
    go: &'static [&'static str],
    stay: &'static [&'static str],
}

const AGES: &[Ages] = &[
    Ages {
        table: "instants",
        kind: "timestamptz",
        age: "",
        go: &["'2000-01-01Z'", "'2026-10-22 11:59:59.999999Z'", "'1969-12-31 23:00Z'"],
        stay: &[
            "'2026-10-22 12:00Z'",
            "'2026-10-22 12:00:00.000001Z'",
            "'2027-01-01Z'",
            "'infinity'",
            "'-infinity'",
            "NULL",
        ],
    },
    Ages {
        table: "civil",
        kind: "timestamp",
        age: ", timeZone: Europe/Berlin",
        go: &["'2026-10-22 13:59:59.999999'", "'2026-03-29 02:30'"],
        stay: &["'2026-10-22 14:00'", "'2027-01-01'", "'infinity'", "'-infinity'", "NULL"],
    },
    Ages {
        table: "whole_seconds",
        kind: "timestamp(0)",
        age: ", timeZone: Etc/UTC",
        go: &["'2026-10-22 11:59:59'"],
        stay: &["'2026-10-22 12:00:00'"],
    },
    Ages {
        // A date is as young as its last instant.
        table: "dates",
        kind: "date",
        age: ", timeZone: Etc/UTC",
        go: &["'2026-10-21'"],
        stay: &["'2026-10-22'", "'2027-01-01'", "'infinity'", "'-infinity'", "NULL"],
    },
    Ages {
        table: "far_dates",
        kind: "date",
        age: ", timeZone: Pacific/Kiritimati",
        go: &["'2026-10-22'"],
        stay: &["'2026-10-23'"],
    },
    Ages {
        table: "seconds",
        kind: "bigint",
        age: ", encoding: UnixSeconds",
        go: &["1792670399", "1"],
        stay: &["1792670400", "0", "1800000000", "NULL"],
    },
    Ages {
        table: "small_seconds",
        kind: "integer",
        age: ", encoding: UnixSeconds",
        go: &["1792670399"],
        stay: &["1792670400", "0", "NULL"],
    },
    Ages {
        table: "millis",
        kind: "bigint",
        age: ", encoding: UnixMillis",
        go: &["1792670399999"],
        stay: &["1792670400000", "0", "1800000000000", "NULL"],
    },
    Ages {
        table: "numerics",
        kind: "numeric",
        age: ", encoding: UnixSeconds",
        go: &["1792670399.999999", "1792670399"],
        stay: &["1792670400", "1792670400.5", "0", "'NaN'", "'Infinity'", "'-Infinity'", "NULL"],
    },
    Ages {
        table: "texts",
        kind: "text",
        age: ", encoding: Text, timeZone: Etc/UTC",
        go: &[
            "'2026-10-22T11:59:59Z'",
            "'2026-10-22 11:59:59.999'",
            "'2026-10-22T13:30:00+02:00'",
            "'2026-10-21'",
        ],
        stay: &[
            "'2026-10-22T12:00:00Z'",
            "'2026-10-22T11:30:00-02:00'",
            "'2026-10-22'",
            "'2027-01-01'",
            "'2026-02-30'",
            "'12:00:00'",
            "'31/12/2020'",
            "'20200101'",
            "'now'",
            "'yesterday'",
            "'epoch'",
            "'-infinity'",
            "''",
            "NULL",
        ],
    },
    Ages {
        table: "short_texts",
        kind: "varchar(40)",
        age: ", encoding: Text, timeZone: Europe/Berlin",
        go: &["'2026-10-22 13:59:59'", "'2026-10-22T11:59:59Z'"],
        stay: &["'2026-10-22 14:00:00'", "'n/a'"],
    },
];

/// Kinds of tables, and what stands behind the columns of a target of one. Those with owners have
/// each row twice: alone with its tenant, and among all others of one tenant.
const KINDS: [(&str, &str); 4] = [
    ("", ""),
    ("indexed_", ""),
    ("owned_", ", tenant: {column: ten}"),
    ("owned_down_", ", tenant: {column: ten}"),
];

/// Those that go have ids from 1, those that stay from 101; of the one tenant from 501 and 601.
fn tables() -> String {
    let mut sql = String::new();
    for Ages { table, kind, go, stay, .. } in AGES {
        sql += &format!("CREATE TABLE {table} (id bigint PRIMARY KEY, at {kind});");
        for (first, values) in [(1, go), (101, stay)] {
            for (id, value) in (first..).zip(*values) {
                sql += &format!("INSERT INTO {table} VALUES ({id}, {value});");
            }
        }
        sql += &format!(
            "CREATE TABLE indexed_{table} (LIKE {table} INCLUDING ALL); INSERT INTO indexed_{table} SELECT * FROM {table};
             CREATE INDEX ON indexed_{table} (at, id);"
        );
        for (owned, down) in [("owned_", ""), ("owned_down_", "DESC")] {
            sql += &format!(
                "CREATE TABLE {owned}{table} (id bigint PRIMARY KEY, at {kind}, ten text);
                 INSERT INTO {owned}{table} SELECT id, at, id::text FROM {table} UNION ALL SELECT id + 500, at, 'all' FROM {table};
                 CREATE INDEX ON {owned}{table} (ten, at {down});"
            );
        }
    }
    sql
}

fn spec() -> String {
    let mut targets = Vec::new();
    for Ages { table, age, .. } in AGES {
        for (index, more) in KINDS {
            let table = format!("{index}{table}");
            targets.push(format!(
                "{{name: {}, table: public.{table}, action: Delete, age: {{column: at{age}}}{more}}}",
                table.replace('_', "-")
            ));
        }
    }
    format!("window: {{default: 30d}}, targets: [{}]", targets.join(", "))
}

fn grants() -> Vec<Grant> {
    let names =
        AGES.iter().flat_map(|ages| KINDS.map(|(index, _)| format!("{index}{}", ages.table)));
    names.map(|table| delete(&table, "id")).collect()
}

#[test]
fn what_is_strictly_older_than_the_cutoff_goes_and_what_has_no_age_stays() {
    both(&tables(), &grants(), |stage| {
        let dry = stage.dry_run(&spec());
        dry.assert_done();
        let said = stage.run(&spec());
        said.assert_done();
        let reports = dry.status().targets.iter().zip(&said.status().targets);
        let cases = AGES.iter().flat_map(|ages| KINDS.map(|(index, more)| (index, more, ages)));
        for ((index, more, Ages { table, go, stay, .. }), (counted, went)) in cases.zip(reports) {
            let left =
                stage.database.numbers(&format!("SELECT id FROM {index}{table} ORDER BY id"));
            let twice = if more.is_empty() { 1 } else { 2 };
            let of = |first: i64| (first..).take(stay.len());
            let expected: Vec<i64> = [101, 601].into_iter().take(twice).flat_map(of).collect();
            assert_eq!(left, expected, "{index}{table}: 1.. are {go:?}, 101.. are {stay:?}");
            let due = (go.len() * twice) as i64;
            assert_eq!((counted.rows.deleted, went.rows.deleted), (due, due), "{index}{table}");
        }
        // NULL and both infinities; 2027.
        let kept = &dry.target().kept;
        assert_eq!((kept.undatable, kept.future), (Some(3), Some(1)), "{kept:?}");
    });
}

#[test]
fn a_cutoff_in_the_hour_that_comes_twice_takes_nothing_of_that_hour() {
    // In Berlin 02:45 is 00:45Z and 01:45Z on this day, and what says 02:15 may be half an hour younger than 00:45Z.
    let rows = "CREATE TABLE t (id bigint PRIMARY KEY, at timestamp);
                INSERT INTO t VALUES (1, '2026-10-25 01:59:59'), (2, '2026-10-25 02:15'), (3, '2026-10-25 02:50'), (4, '2026-10-25 03:00')";
    let spec = old("").replace("column: at", "column: at, timeZone: Europe/Berlin");
    for (now, left) in [
        ("2026-11-24T00:45:00Z", [2, 3, 4].as_slice()),
        ("2026-11-24T01:45:00Z", &[3, 4]),
        ("2026-11-24T02:00:00Z", &[4]),
    ] {
        both(rows, &[delete("t", "id")], |stage| {
            let clock = |options: &mut retention_operator::run::Options| {
                options.now = Some(now.parse().unwrap());
            };
            stage.ask(&spec, clock, &retention_operator::run::Unwatched).assert_done();
            assert_eq!(stage.left(), left, "{now}");
        });
    }
}

#[test]
fn an_age_may_be_an_expression() {
    let rows = "CREATE TABLE t (id bigint PRIMARY KEY, at timestamptz, closed timestamptz);
                INSERT INTO t VALUES (1, '2026-01-01Z', NULL), (2, '2026-01-01Z', '2026-11-20Z'), (3, '2026-11-20Z', '2026-01-01Z'), (4, NULL, NULL)";
    both(rows, &[delete("t", "id")], |stage| {
        stage
            .run(&old("").replace("column: at", "expression: \"coalesce(closed, at)\""))
            .assert_done();
        assert_eq!(stage.left(), [2, 4]);
    });
}

#[test]
fn a_civil_age_without_a_zone_is_refused() {
    for kind in ["timestamp", "date"] {
        let rows = format!(
            "CREATE TABLE t (id bigint PRIMARY KEY, at {kind}); INSERT INTO t VALUES (1, '2020-01-01')"
        );
        both(&rows, &[delete("t", "id")], |stage| {
            let said = stage.run(&old(""));
            assert!(said.refused().field.starts_with("spec.targets[t].age"), "{said:?}");
            assert_eq!(stage.left(), [1]);
        });
    }
}

/// The application goes on writing while a run is at work, and not by the same clock.
#[test]
fn what_was_written_since_the_clock_was_read_is_not_counted_as_from_the_future() {
    let rows = "CREATE TABLE t (id bigint PRIMARY KEY, at timestamptz);
                INSERT INTO t SELECT i, timestamptz '2026-11-21 12:00Z' + i * interval '1min' FROM generate_series(1, 7) i";
    both(rows, &[delete("t", "id")], |stage| {
        let said = stage.dry_run(&old(""));
        said.assert_done();
        assert_eq!(said.target().kept.future, Some(2), "those of 12:06 and 12:07");
    });
}
