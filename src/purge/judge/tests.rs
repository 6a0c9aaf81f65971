use std::collections::BTreeSet;

use super::*;
use crate::model::{
    Access, Action, Age, AntiJoin, Encoding, Exemption, Expression, KeepNewest, KeySet,
    OrderColumn, Rights, Scalar, Table, TableKind, TableName,
};

const NOW: &str = "2026-11-21T12:00:00Z";
/// Thirty days before.
const CUTOFF: &str = "2026-10-22T12:00:00Z";

fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

fn table(key: &[&str]) -> Table {
    Table {
        engine: Engine::Postgres,
        name: TableName::plain("t"),
        kind: TableKind::Ordinary,
        columns: vec![],
        key: key.iter().map(|name| (*name).to_owned()).collect(),
        foreign_keys: vec![],
        indexes: vec![],
        delete_triggers: vec![],
        update_triggers: vec![],
        replaces: false,
        leaves: vec![],
        kin: vec![],
        inherits: false,
        rights: Rights::ALL,
        obstacles: vec![],
    }
}

fn target(key: &[&str], age: Option<Encoding>) -> Target {
    Target {
        name: "t".into(),
        table: table(key),
        leaf: None,
        action: Action::Delete,
        tenant: Some(Scalar::Column("org".into())),
        age: age.map(|encoding| Age { scalar: Scalar::Column("at".into()), encoding }),
        keep_newest: None,
        selection: None,
        exemptions: vec![],
        referenced: vec![],
        dependents: vec![],
        order: vec![],
        access: Access::Sweep,
    }
}

fn expression() -> Expression {
    Expression {
        tree: sqlparser::ast::Expr::value(sqlparser::ast::Value::Null),
        parameters: BTreeSet::new(),
        tables: BTreeSet::new(),
        columns: BTreeSet::new(),
        comparisons: vec![],
        written: String::new(),
    }
}

/// acme keeps for 30 days, initech for 40, globex for ever; or, without an age, all their newest alone.
fn cutoffs(has_age: bool) -> Cutoffs {
    let [acme, initech, globex] = if has_age {
        [Fate::Cutoff(at(CUTOFF)), Fate::Cutoff(at("2026-10-12T12:00:00Z")), Fate::Kept]
    } else {
        [Fate::NoWindow; 3]
    };
    Cutoffs::known(&[("acme", acme), ("initech", initech), ("globex", globex)])
}

/// Whether a row of this tenant and age is expired when it was found under this fate.
fn is_expired(encoding: Option<Encoding>, tenant: &str, age: Option<&str>, found: Fate) -> bool {
    let target = target(&["id"], encoding);
    let cutoffs = cutoffs(target.age.is_some());
    let bench = Bench { target: &target, cutoffs: &cutoffs, clock: at(NOW) };
    let tenant = if tenant.is_empty() { Value::Null } else { Value::text(tenant) };
    let row = Row::new(&target, vec![Value::Integer(1), tenant, Value::Null, Value::Integer(1)]);
    bench.is_expired(&row, age.map(at), found)
}

#[test]
fn only_a_row_strictly_older_than_its_own_tenants_cutoff_is_expired() {
    let acme = Fate::Cutoff(at(CUTOFF));
    let initech = Fate::Cutoff(at("2026-10-12T12:00:00Z"));
    for (tenant, age, found, expired) in [
        ("acme", Some("2026-10-22T11:59:59.999999999Z"), acme, true),
        ("acme", Some(CUTOFF), acme, false),
        ("acme", Some("2026-10-22T12:00:00.000000001Z"), acme, false),
        ("acme", None, acme, false),
        ("acme", Some("2000-01-01T00:00:00Z"), Fate::Each, true),
        ("initech", Some("2026-10-15T00:00:00Z"), Fate::Each, false),
        ("initech", Some("2000-01-01T00:00:00Z"), initech, true),
        ("", Some("2000-01-01T00:00:00Z"), acme, false),
        ("", Some("2000-01-01T00:00:00Z"), Fate::Each, false),
        ("globex", Some("2000-01-01T00:00:00Z"), Fate::Each, false),
        ("newcomer", Some("2000-01-01T00:00:00Z"), Fate::Each, false),
    ] {
        let is = is_expired(Some(Encoding::Instant), tenant, age, found);
        assert_eq!(is, expired, "{tenant} {age:?} {found:?}");
    }
}

#[test]
fn a_row_that_belongs_to_somebody_else_by_now_waits_for_the_next_run() {
    // Expired for its new owner too: but its conditions were asked with another cutoff.
    let old = Some("2000-01-01T00:00:00Z");
    let acme = Fate::Cutoff(at(CUTOFF));
    for tenant in ["initech", "globex", "newcomer", ""] {
        assert!(!is_expired(Some(Encoding::Instant), tenant, old, acme), "{tenant}");
    }
}

#[test]
fn without_an_age_every_tenants_rows_are_judged_by_keep_newest_alone() {
    for (tenant, found, expired) in [
        ("acme", Fate::NoWindow, true),
        ("acme", Fate::Each, true),
        ("newcomer", Fate::NoWindow, false),
        ("newcomer", Fate::Each, false),
        ("", Fate::Each, false),
    ] {
        assert_eq!(is_expired(None, tenant, None, found), expired, "{tenant} {found:?}");
    }
}

/// Of a table with a key of three columns: two exemptions, three references, two columns that
/// partition and two that order.
fn wide() -> Target {
    let names = |names: [&str; 2]| names.map(str::to_owned).to_vec();
    let order = |column: String| OrderColumn { column, encoding: None };
    let exemption = |name: &str| Exemption { name: name.into(), when: expression() };
    let reference = AntiJoin {
        at: vec![],
        table: table(&["id"]),
        columns: vec![],
        except: vec![],
        unless_going: vec![],
    };
    Target {
        exemptions: vec![exemption("pinned"), exemption("noted")],
        referenced: vec![reference.clone(), reference.clone(), reference],
        keep_newest: Some(KeepNewest {
            rows: 1,
            partition_by: names(["p", "q"]),
            order_by: names(["o", "u"]).into_iter().map(order).collect(),
        }),
        ..target(&["a", "b", "c"], Some(Encoding::Instant))
    }
}

#[test]
fn every_column_of_an_answer_is_read_from_its_own_place() {
    let target = wide();
    // Exemptions and references hold in every way; all else differs from its neighbours.
    for bits in 0..64_i64 {
        let flag = |at: i64| Value::Integer(bits >> at & 1);
        let flags: Vec<Value> = (1..6).map(flag).collect();
        let text = |text: &str| Value::text(text);
        let mut values = vec![text("a"), text("b"), text("c"), text("org"), text("age"), flag(0)];
        values.extend(flags.clone());
        values.extend([text("p"), text("q"), text("o"), text("u")]);
        let row = Row::new(&target, values);
        assert_eq!(row.key(), Key(vec![text("a"), text("b"), text("c")]));
        assert_eq!((row.tenant(), row.age()), (&text("org"), &text("age")));
        assert_eq!(row.is_selected(), flag(0).is_true());
        assert_eq!(row.first_hold(), flags[..2].iter().position(Value::is_true), "{bits:b}");
        assert_eq!(row.is_referenced(), flags[2..].iter().any(Value::is_true), "{bits:b}");
        assert_eq!(row.partition(), [text("p"), text("q")]);
        assert_eq!(row.order(), [text("o"), text("u")]);
    }
}

#[test]
fn a_row_stays_that_is_among_the_newest_or_that_no_ranking_counts() {
    let key = |id: i64| Key(vec![Value::Integer(id)]);
    let mut newest = KeySet::default();
    newest.insert(&key(1));
    newest.insert(&key(2));
    for (id, limit, stays) in
        [(1, 2, true), (3, 2, false), (3, 1, false), (3, 3, true), (1, 1, true)]
    {
        assert_eq!(floor::stays(&key(id), &newest, limit), stays, "{id} of {limit}");
    }
}
