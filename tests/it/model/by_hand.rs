//! Cases worked out by hand, for the oracle.

use super::clock::{DAY, SECOND, Window, Zone};
use super::condition::{Cond, Term};
use super::encoding::Encoding;
use super::engine::Engine;
use super::meaning::{self, Answer};
use super::oracle;
use super::policy::{Age, Keep, Policy, Target};
use super::schema::{OnDelete, Reference, Row, Table, Value};
use super::shape::{Class, KeyKind, ORGS, Roles, Shape, TARGET, Tenancy};
use super::windows::{Origin, Source, Windows};

const NOW: i64 = 20_778 * DAY;

/// A table of sessions (id, tenant, age, created, state, flag, touched, seq, part, note), no dependents, thirty days.
fn plain_case() -> (Shape, Policy, Vec<Table>) {
    let roles = Roles {
        key: vec![0],
        tenant: 1,
        age: 2,
        spare_age: 3,
        state: 4,
        flag: 5,
        touched: 6,
        seq: 7,
        part: 8,
        note: 9,
        parent: None,
    };
    let shape = Shape {
        engine: Engine::Sqlite,
        class: Class::Exact,
        encoding: Encoding::Seconds,
        key: KeyKind::Integer,
        tenancy: Tenancy::Column,
        roles,
        dependents: vec![],
    };
    let mut sessions = Table { name: "sessions".into(), key: vec![0], ..Table::default() };
    for name in
        ["id", "tenant", "age", "created", "state", "flag", "touched", "seq", "part", "note"]
    {
        sessions.column(name, "INTEGER");
    }
    let windows = Windows {
        default: Window::Of(30, "d"),
        tenants: vec![],
        sources: vec![],
        start_of_day: false,
    };
    let target = Target {
        name: "first",
        set: None,
        windows: Some(windows),
        age: Some(Age::Column),
        keep: None,
        condition: None,
        exemptions: vec![],
        volatile: None,
        dependents: vec![],
        cap: None,
        qualified: false,
    };
    (
        shape,
        Policy { now: NOW, zone: Zone::Utc, targets: vec![target] },
        vec![sessions, Table::default(), Table::default(), Table::default()],
    )
}

/// A row of it: days old, tenant, flag, seq.
fn add(tables: &mut [Table], seconds_old: Option<i64>, tenant: &str, flag: Value, seq: Value) {
    let mut values = vec![Value::Null; 10];
    values[0] = Value::Int(tables[TARGET].rows.len() as i64);
    (values[1], values[5], values[7]) = (Value::text(tenant), flag, seq);
    values[2] = seconds_old.map_or(Value::Null, |old| Value::Int(NOW - old));
    tables[TARGET].rows.push(Row {
        values,
        age: seconds_old.map(|old| i128::from(NOW - old) * SECOND),
        stays: false,
    });
}

fn left(tables: &[Table]) -> Vec<i64> {
    tables[TARGET]
        .rows
        .iter()
        .filter_map(|row| if let Value::Int(id) = row.values[0] { Some(id) } else { None })
        .collect()
}

#[test]
fn the_oracle_lets_go_what_is_strictly_older_and_never_a_null() {
    let (shape, policy, mut tables) = plain_case();
    for old in [Some(30 * DAY), Some(30 * DAY + 1), Some(30 * DAY - 1), None, Some(-DAY)] {
        add(&mut tables, old, "acme", Value::Null, Value::Null);
    }
    let outcome = oracle::purge(&shape, &policy, &policy.targets[0], &mut tables, true);
    assert_eq!((outcome.gone, left(&tables)), (1, vec![0, 2, 3, 4]));
}

#[test]
fn the_oracle_reads_null_as_not_selected_in_where_and_as_held_in_when() {
    let (shape, mut policy, mut tables) = plain_case();
    let flagged = |operator, number| {
        Cond::Compare(Term::Column(5), operator, Term::Literal(Value::Int(number)))
    };
    policy.targets[0].condition =
        Some(Cond::Or(Box::new(flagged(">", 0)), Box::new(Cond::Null(Term::Column(7)))));
    policy.targets[0].exemptions = vec![("pinned", flagged("=", 2)), ("second", flagged(">", 0))];
    for (flag, seq) in [
        (Value::Null, Value::Int(1)),
        (Value::Null, Value::Null),
        (Value::Int(2), Value::Null),
        (Value::Int(1), Value::Null),
        (Value::Int(0), Value::Null),
    ] {
        add(&mut tables, Some(40 * DAY), "acme", flag, seq);
    }
    let outcome = oracle::purge(&shape, &policy, &policy.targets[0], &mut tables, true);
    assert_eq!(
        (outcome.selected, outcome.held["pinned"], outcome.held["second"], outcome.gone),
        (4, 2, 1, 1)
    );
    assert_eq!(left(&tables), [0, 1, 2, 3]);
}

#[test]
fn the_oracle_keeps_the_newest_of_each_partition_held_and_young_rows_in_their_places() {
    let (shape, mut policy, mut tables) = plain_case();
    let target = &mut policy.targets[0];
    target.keep = Some(Keep { rows: 2, partition: vec![1], order: vec![7] });
    target.exemptions =
        vec![("pinned", Cond::Compare(Term::Column(5), "=", Term::Literal(Value::Int(1))))];
    add(&mut tables, Some(DAY), "acme", Value::Int(0), Value::Int(9));
    add(&mut tables, Some(40 * DAY), "acme", Value::Int(1), Value::Int(8));
    add(&mut tables, Some(40 * DAY), "acme", Value::Int(0), Value::Int(7));
    add(&mut tables, Some(40 * DAY), "acme", Value::Int(0), Value::Null);
    add(&mut tables, Some(DAY), "acme", Value::Int(0), Value::Int(1));
    add(&mut tables, Some(40 * DAY), "beta", Value::Int(0), Value::Int(5));
    add(&mut tables, Some(40 * DAY), "beta", Value::Int(0), Value::Int(5));
    add(&mut tables, Some(40 * DAY), "beta", Value::Int(0), Value::Int(5));
    let outcome = oracle::purge(&shape, &policy, &policy.targets[0], &mut tables, true);
    assert_eq!((outcome.gone, left(&tables)), (2, vec![0, 1, 3, 4, 6, 7]));
}

#[test]
fn the_oracle_asks_the_list_the_sources_and_the_default_and_stops_at_what_is_unknown() {
    let (shape, mut policy, mut tables) = plain_case();
    let source =
        |name, non_positive, origin| Source { name, unit: Some("Days"), non_positive, origin };
    let windows = policy.targets[0].windows.as_mut().unwrap();
    windows.tenants = vec![("listed".into(), Window::Forever)];
    let map = vec![("silent".into(), "9".into()), ("zero".into(), "0".into())];
    windows.sources = vec![
        source("orgs", Some("Silent"), Origin::Orgs { kind: false }),
        source("map", None, Origin::ConfigMap(Some(map))),
    ];
    for (tenant, value) in [
        ("silent", Value::Null),
        ("seven", Value::Int(7)),
        ("many", Value::text("many")),
        ("twice", Value::Int(1)),
        ("twice", Value::Int(2)),
        ("zero", Value::Int(0)),
        ("listed", Value::Int(1)),
    ] {
        tables[ORGS].rows.push(Row::of(vec![Value::text(tenant), value, Value::Null]));
    }
    let windows = policy.targets[0].windows.clone().unwrap();
    let ask = |tenant: &str| meaning::window(&shape, &windows, &tables, &Value::text(tenant));
    assert_eq!(
        (ask("listed"), ask("seven")),
        (Answer::Window(Window::Forever), Answer::Window(Window::Of(7, "d")))
    );
    assert_eq!(
        (ask("silent"), ask("nobody")),
        (Answer::Window(Window::Of(9, "d")), Answer::Window(Window::Of(30, "d")))
    );
    assert_eq!(
        (ask("many"), ask("twice"), ask("zero")),
        (Answer::Unknown, Answer::Unknown, Answer::Unknown)
    );
}

#[test]
fn the_oracle_keeps_what_is_referenced_and_moves_the_next_oldest_up_under_a_cap() {
    let (shape, mut policy, mut tables) = plain_case();
    policy.targets[0].cap = Some(2);
    for days in [50, 60, 45, 70] {
        add(&mut tables, Some(days * DAY), "acme", Value::Null, Value::Null);
    }
    let mut audit = Table { name: "audit".into(), ..Table::default() };
    audit.column("chat_id", "INTEGER");
    audit.references.push(Reference {
        columns: vec![0],
        table: TARGET,
        parents: vec![0],
        on_delete: OnDelete::NoAction,
    });
    audit.rows.push(Row::of(vec![Value::Int(3)]));
    tables.push(audit);
    let outcome = oracle::purge(&shape, &policy, &policy.targets[0], &mut tables, true);
    assert_eq!((outcome.gone, outcome.referenced, left(&tables)), (2, 1, vec![2, 3]));
}
