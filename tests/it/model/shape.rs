//! What tables a case has: every kind of key, names that need quoting, encodings of age, tenants, foreign keys, drawn at random.

use super::clock::Zone;
use super::dependents::dependents;
use super::policy::Dependent;
use super::schema::{Dice, OnDelete, Reference, Table};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    Text(Zone),
    Seconds,
    RealSeconds,
    Millis,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    Integer,
    Hidden,
    Text,
    Composite,
    TextWithoutRowid,
    CompositeWithoutRowid,
    NotTheRowid,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tenancy {
    None,
    Column,
    NoCase,
    Integer,
    Lower,
    Prefix,
}

/// What makes a case one whose counts nobody can promise (rule 17).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Twist {
    SelfReferenced,
    SelfNulled,
    Children,
    ReadsItself,
    ReadsDependent,
    SharedTable,
}

/// The two classes of rule 17, and two stages on one table in between: their runs are exact, their dry runs look at each stage alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    Exact,
    Staged,
    Loose(Twist),
}

/// The tables every case has; those of dependents and bystanders follow.
pub const TARGET: usize = 0;
pub const HOLDS: usize = 1;
pub const ORGS: usize = 2;
pub const SETTINGS: usize = 3;

/// Which column of the target plays which part. `key` is what other tables point at.
#[derive(Clone, Debug)]
pub struct Roles {
    pub key: Vec<usize>,
    pub tenant: usize,
    pub age: usize,
    pub spare_age: usize,
    pub state: usize,
    pub flag: usize,
    pub touched: usize,
    pub seq: usize,
    pub part: usize,
    pub note: usize,
    pub parent: Option<usize>,
}

/// The schema of a case, and the decisions it was drawn by.
#[derive(Clone, Debug)]
pub struct Shape {
    pub class: Class,
    pub encoding: Encoding,
    pub key: KeyKind,
    pub tenancy: Tenancy,
    pub roles: Roles,
    pub dependents: Vec<Dependent>,
}

impl Shape {
    /// Draws the tables, without rows.
    pub fn random(dice: &mut Dice) -> (Shape, Vec<Table>) {
        let twists = [
            Twist::SelfReferenced,
            Twist::SelfNulled,
            Twist::Children,
            Twist::ReadsItself,
            Twist::ReadsItself,
            Twist::ReadsDependent,
            Twist::SharedTable,
        ];
        let class = match dice.below(100) {
            0..64 => Class::Exact,
            64..73 => Class::Staged,
            _ => Class::Loose(dice.pick(&twists)),
        };
        let zone = if dice.chance(30) { Zone::Berlin } else { Zone::Utc };
        let encoding = dice.pick(&[
            Encoding::Text(zone),
            Encoding::Text(zone),
            Encoding::Seconds,
            Encoding::RealSeconds,
            Encoding::Millis,
        ]);
        let kinds = [
            KeyKind::Integer,
            KeyKind::Integer,
            KeyKind::Hidden,
            KeyKind::Text,
            KeyKind::Composite,
            KeyKind::TextWithoutRowid,
            KeyKind::CompositeWithoutRowid,
            KeyKind::NotTheRowid,
        ];
        let key =
            if matches!(class, Class::Loose(_)) { KeyKind::Integer } else { dice.pick(&kinds) };
        let tenancies = [
            Tenancy::None,
            Tenancy::None,
            Tenancy::Column,
            Tenancy::Column,
            Tenancy::NoCase,
            Tenancy::Integer,
            Tenancy::Lower,
            Tenancy::Prefix,
        ];
        let tenancy = dice.pick(&tenancies);
        let (target, roles) = target(dice, class, encoding, key, tenancy);
        let mut tables = vec![target];
        let link = tables[TARGET].columns[roles.key[0]].kind;
        others(dice, &mut tables, link, tenancy);
        let mut shape = Shape { class, encoding, key, tenancy, roles, dependents: Vec::new() };
        dependents(dice, &mut tables, &mut shape);
        (shape, tables)
    }
}

fn target(
    dice: &mut Dice,
    class: Class,
    encoding: Encoding,
    key: KeyKind,
    tenancy: Tenancy,
) -> (Table, Roles) {
    let mut table = Table {
        name: dice
            .pick(&["sessions", "Chat Logs", "order", "größe", "we\"ird", "select", "v1.data"])
            .into(),
        ..Table::default()
    };
    let age = match encoding {
        Encoding::Text(_) => dice.pick(&["TEXT", "DATETIME", "TIMESTAMP", "VARCHAR(30)", ""]),
        Encoding::RealSeconds => dice.pick(&["REAL", "DOUBLE"]),
        Encoding::Seconds | Encoding::Millis => dice.pick(&["INTEGER", "BIGINT"]),
    };
    let tenant = match tenancy {
        Tenancy::NoCase => "TEXT COLLATE NOCASE",
        Tenancy::Integer => "INTEGER",
        _ => "TEXT",
    };
    let shadow = dice.below(8);
    let first = if shadow == 0 && key == KeyKind::Integer {
        "rowid"
    } else {
        dice.pick(&["id", "ID", "key id", "Schlüssel"])
    };
    let mut wanted = vec![
        (
            first,
            if matches!(key, KeyKind::Text | KeyKind::TextWithoutRowid) {
                "TEXT"
            } else if key == KeyKind::NotTheRowid {
                "int"
            } else {
                "INTEGER"
            },
        ),
        (dice.pick(&["tenant", "org_id", "group", "Tenant Id"]), tenant),
        (dice.pick(&["updated_at", "age", "Updated At", "when", "größe"]), age),
        ("created_at", age),
        (dice.pick(&["state", "select", "st\"ate"]), "TEXT"),
        (dice.pick(&["flag", "is", "Pin Order"]), "INTEGER"),
        (dice.pick(&["touched", "TOUCHED", "to"]), "INTEGER"),
        (dice.pick(&["seq", "order"]), "INTEGER"),
        (dice.pick(&["part", "table"]), "TEXT"),
        (dice.pick(&["note", "not"]), "TEXT"),
    ];
    let composite = matches!(key, KeyKind::Composite | KeyKind::CompositeWithoutRowid);
    if composite {
        wanted.push(("k2", "TEXT"));
    }
    let own = matches!(
        class,
        Class::Loose(
            Twist::SelfReferenced | Twist::SelfNulled | Twist::Children | Twist::ReadsItself
        )
    );
    if own {
        wanted.push((dice.pick(&["parent", "parent id"]), "INTEGER"));
    }
    let fixed = wanted.len();
    wanted.extend([("rowid", "TEXT"), ("_rowid_", "INTEGER")].into_iter().take(if shadow == 0 {
        0
    } else {
        shadow.saturating_sub(5)
    }));
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    dice.0.shuffle(&mut order);
    let mut at = vec![0; wanted.len()];
    for from in order {
        at[from] = table.column(wanted[from].0, wanted[from].1);
    }
    let mut keys = vec![at[0]];
    keys.extend(composite.then(|| at[10]));
    let parent = own.then(|| at[fixed - 1]);
    let roles = Roles {
        key: keys.clone(),
        tenant: at[1],
        age: at[2],
        spare_age: at[3],
        state: at[4],
        flag: at[5],
        touched: at[6],
        seq: at[7],
        part: at[8],
        note: at[9],
        parent,
    };
    table.without_rowid = matches!(key, KeyKind::TextWithoutRowid | KeyKind::CompositeWithoutRowid);
    table.autoincrement = key == KeyKind::Integer && dice.chance(30);
    if key == KeyKind::Hidden {
        table.unique = Some(at[0]);
    } else {
        table.key.clone_from(&keys);
    }
    table.indexes = match dice.below(4) {
        0 => vec![],
        1 => vec![vec![roles.age]],
        2 => vec![vec![roles.tenant, roles.age]],
        _ => vec![vec![roles.age], vec![roles.tenant, roles.age], vec![roles.part, roles.seq]],
    };
    if let Some(parent) = parent {
        table.indexes.push(vec![parent]);
        let on_delete = match class {
            Class::Loose(Twist::SelfReferenced) => {
                Some(dice.pick(&[OnDelete::NoAction, OnDelete::Deferred]))
            }
            Class::Loose(Twist::SelfNulled) => Some(OnDelete::SetNull),
            Class::Loose(Twist::Children) if dice.chance(60) => Some(OnDelete::NoAction),
            _ => None,
        };
        table.references.extend(on_delete.map(|on_delete| Reference {
            columns: vec![parent],
            table: TARGET,
            parents: keys,
            on_delete,
        }));
    }
    (table, roles)
}

/// Holds, organisations with windows, settings.
fn others(dice: &mut Dice, tables: &mut Vec<Table>, link: &'static str, tenancy: Tenancy) {
    let mut holds =
        Table { name: dice.pick(&["holds", "Holds 2", "group"]).into(), ..Table::default() };
    holds.column(dice.pick(&["k", "of row"]), link);
    holds.column("flag", "INTEGER");
    let mut orgs = Table { name: dice.pick(&["orgs", "from"]).into(), ..Table::default() };
    orgs.column(
        dice.pick(&["name", "Org"]),
        if tenancy == Tenancy::Integer { "INTEGER" } else { "TEXT" },
    );
    orgs.column(dice.pick(&["days", "limit"]), "");
    orgs.column("kind", "TEXT");
    let mut settings =
        Table { name: dice.pick(&["settings", "values"]).into(), ..Table::default() };
    settings.column("key", "TEXT");
    settings.column("value", "");
    tables.extend([holds, orgs, settings]);
}
