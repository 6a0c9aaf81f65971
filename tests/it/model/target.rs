//! The target's table, and those that every case has beside it.

use super::encoding::Encoding;
use super::engine::{Engine, LABEL};
use super::parts::parts;
use super::schema::{Dice, OnDelete, Parts, Reference, Table};
use super::shape::{Class, KeyKind, Roles, Shape, TARGET, Tenancy, Twist};
use super::traps::indexes;

/// Sorted as people do.
const ICU: &str = "text COLLATE \"en-x-icu\"";

/// Where the case's tables are, if that is said.
pub fn schema(dice: &mut Dice, engine: Engine) -> Option<&'static str> {
    match engine {
        Engine::Sqlite => None,
        Engine::Postgres => {
            dice.pick(&[None, None, Some("public"), Some("app"), Some("Other schema")])
        }
    }
}

pub fn target(dice: &mut Dice, shape: &mut Shape) -> Table {
    let engine = shape.engine;
    let name =
        dice.pick(&["sessions", "Chat Logs", "order", "größe", "we\"ird", "select", "v1.data"]);
    let schema = schema(dice, engine);
    let mut table = Table { engine, schema, name: name.into(), ..Table::default() };
    let shadow = if engine == Engine::Sqlite { dice.below(8) } else { 1 };
    let first = if shadow == 0 && shape.key == KeyKind::Integer {
        "rowid"
    } else {
        dice.pick(&["id", "ID", "key id", "Schlüssel"])
    };
    let (age, touched, seq) = instants(dice, shape);
    let mut wanted = vec![
        (first, key_kind(dice, engine, shape.key)),
        (dice.pick(&["tenant", "org_id", "group", "Tenant Id"]), tenant_kind(dice, shape)),
        (dice.pick(&["updated_at", "age", "Updated At", "when", "größe"]), age),
        ("created_at", age),
        (dice.pick(&["state", "select", "st\"ate"]), "TEXT"),
        (dice.pick(&["flag", "is", "Pin Order"]), "INTEGER"),
        (dice.pick(&["touched", "TOUCHED", "to"]), touched),
        (dice.pick(&["seq", "order"]), seq),
        (dice.pick(&["part", "table"]), "TEXT"),
        (dice.pick(&["note", "not"]), "TEXT"),
    ];
    let composite = matches!(shape.key, KeyKind::Composite | KeyKind::CompositeWithoutRowid);
    if composite {
        wanted.push(("k2", "TEXT"));
    }
    let own = matches!(
        shape.class,
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
    shape.roles = Roles {
        key: keys,
        tenant: at[1],
        age: at[2],
        spare_age: at[3],
        state: at[4],
        flag: at[5],
        touched: at[6],
        seq: at[7],
        part: at[8],
        note: at[9],
        parent: own.then(|| at[fixed - 1]),
    };
    keyed(dice, shape, &mut table);
    table.parts = if engine == Engine::Postgres { parts(dice, shape) } else { Parts::One };
    if let Some(parent) = shape.roles.parent {
        own_reference(dice, shape, &mut table, parent);
    }
    table
}

/// Keys and indexes.
fn keyed(dice: &mut Dice, shape: &Shape, table: &mut Table) {
    let roles = &shape.roles;
    let (engine, key) = (shape.engine, shape.key);
    table.without_rowid = matches!(key, KeyKind::TextWithoutRowid | KeyKind::CompositeWithoutRowid);
    table.autoincrement = engine == Engine::Sqlite && key == KeyKind::Integer && dice.chance(30);
    match key {
        KeyKind::Nothing => (),
        KeyKind::Hidden | KeyKind::Nullable => {
            table.unique = Some(roles.key[0]);
            let is_told = key == KeyKind::Hidden && engine == Engine::Postgres;
            table.not_null = is_told.then_some(roles.key[0]);
        }
        _ => table.key.clone_from(&roles.key),
    }
    table.indexes = match dice.below(4) {
        0 => vec![],
        1 => vec![vec![roles.age]],
        2 => vec![vec![roles.tenant, roles.age]],
        _ => vec![vec![roles.age], vec![roles.tenant, roles.age], vec![roles.part, roles.seq]],
    };
    if engine == Engine::Postgres && dice.chance(40) {
        table.odd_indexes = indexes(dice, shape, table);
        table.has_history = dice.chance(50);
    }
}

fn own_reference(dice: &mut Dice, shape: &Shape, table: &mut Table, parent: usize) {
    table.indexes.push(vec![parent]);
    let on_delete = match shape.class {
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
        parents: shape.roles.key.clone(),
        on_delete,
    }));
}

/// The types of the ages, of instants that conditions compare, and of what the newest are told by.
fn instants(dice: &mut Dice, shape: &Shape) -> (&'static str, &'static str, &'static str) {
    if shape.engine == Engine::Sqlite {
        let age = match shape.encoding {
            Encoding::Seconds | Encoding::Millis => dice.pick(&["INTEGER", "BIGINT"]),
            Encoding::RealSeconds => dice.pick(&["REAL", "DOUBLE"]),
            _ => dice.pick(&["TEXT", "DATETIME", "TIMESTAMP", "VARCHAR(30)", ""]),
        };
        return (age, "INTEGER", "INTEGER");
    }
    let age = match shape.encoding {
        Encoding::Instant => "timestamptz",
        Encoding::Civil(_) => "timestamp",
        Encoding::Date(_) => "date",
        Encoding::Text(_) => dice.pick(&["text", "text", "varchar(40)", "char(40)"]),
        Encoding::Seconds => dice.pick(&["bigint", "integer"]),
        Encoding::RealSeconds => dice.pick(&["double precision", "numeric"]),
        Encoding::Millis => "bigint",
    };
    let touched = if age.starts_with("timestamp") || age == "date" { age } else { "bigint" };
    let orders = ["bigint", "integer", "numeric", "double precision", "timestamptz", "date"];
    (age, touched, dice.pick(&orders))
}

fn key_kind(dice: &mut Dice, engine: Engine, key: KeyKind) -> &'static str {
    match key {
        KeyKind::Text | KeyKind::TextWithoutRowid if engine == Engine::Postgres => {
            dice.pick(&["text", ICU, "varchar(20)", "char(12)", "citext", LABEL])
        }
        KeyKind::Text | KeyKind::TextWithoutRowid => "TEXT",
        KeyKind::NotTheRowid => "int",
        KeyKind::Uuid => "uuid",
        _ => "INTEGER",
    }
}

fn tenant_kind(dice: &mut Dice, shape: &Shape) -> &'static str {
    match (shape.engine, shape.tenancy) {
        (Engine::Sqlite, Tenancy::NoCase) => "TEXT COLLATE NOCASE",
        (Engine::Postgres, Tenancy::NoCase) => "citext",
        (Engine::Postgres, Tenancy::Integer) => dice.pick(&["bigint", "integer"]),
        (_, Tenancy::Integer) => "INTEGER",
        (_, Tenancy::Uuid) => "uuid",
        (_, Tenancy::Padded) => "char(8)",
        (Engine::Postgres, Tenancy::Column) => dice.pick(&["text", "varchar", ICU, LABEL]),
        _ => "TEXT",
    }
}

/// Holds, organisations with windows, settings.
pub fn others(dice: &mut Dice, tables: &mut Vec<Table>, shape: &Shape) {
    let engine = shape.engine;
    let link = tables[TARGET].kind(shape.roles.key[0]);
    let table = |dice: &mut Dice, names: &[&str]| Table {
        engine,
        schema: schema(dice, engine),
        name: dice.pick(names).into(),
        ..Table::default()
    };
    let mut holds = table(dice, &["holds", "Holds 2", "group"]);
    holds.column(dice.pick(&["k", "of row"]), link);
    holds.column("flag", "INTEGER");
    let mut orgs = table(dice, &["orgs", "from"]);
    let name = match (engine, shape.tenancy) {
        (_, Tenancy::Integer) => "INTEGER",
        (Engine::Postgres, Tenancy::Uuid | Tenancy::Padded | Tenancy::NoCase) => {
            dice.pick(&["TEXT", tables[TARGET].kind(shape.roles.tenant)])
        }
        _ => "TEXT",
    };
    orgs.column(dice.pick(&["name", "Org"]), name);
    orgs.column(dice.pick(&["days", "limit"]), "");
    orgs.column("kind", "TEXT");
    let mut settings = table(dice, &["settings", "values"]);
    settings.column("key", "TEXT");
    settings.column("value", "");
    tables.extend([holds, orgs, settings]);
}
