//! The tables of dependents and of bystanders, with and without declared keys.

use super::engine::Engine;
use super::policy::{Dependent, Treatment};
use super::schema::{Dice, OnDelete, Parts, Reference, Table};
use super::shape::{Class, KeyKind, Shape, TARGET, Twist};
use super::target::schema;

/// Columns of a dependent's table, after the columns that point at its parent.
pub const FLAG: usize = 0;
pub const NOTE: usize = 1;

/// Dependents with their tables, and bystanders: tables that point at the target or a dependent and that no policy names.
pub fn dependents(dice: &mut Dice, tables: &mut Vec<Table>, shape: &mut Shape) {
    let mut names = vec!["messages", "message parts", "table", "Äste", "links", "index"];
    let count = match shape.class {
        Class::Loose(Twist::SharedTable) => 1,
        Class::Loose(Twist::ReadsDependent) => 1 + dice.below(2),
        Class::Loose(_) => dice.below(2),
        // Where rows are there twice nobody could say whose dependents are whose.
        _ if shape.key == KeyKind::Nothing => 0,
        _ if matches!(tables[TARGET].parts, Parts::Heirs(_)) => 0,
        _ => dice.below(4),
    };
    for number in 0..count {
        let mut of = (0..number).filter(|of| {
            shape.dependents[*of].treatment != Treatment::Update
                && !tables[shape.dependents[*of].table].key.is_empty()
        });
        let of = if dice.chance(50) { of.next_back() } else { None };
        let treatment = dice.pick(&[
            Treatment::Delete,
            Treatment::Delete,
            Treatment::DeleteWhere,
            Treatment::Update,
        ]);
        let name = dice.name(&mut names);
        shape.dependents.push(dependent(
            dice,
            tables,
            shape,
            of.map(|of| shape.dependents[of].table),
            name,
            treatment,
            of,
        ));
    }
    if shape.class == Class::Loose(Twist::SharedTable) {
        let mut second = shape.dependents[0].clone();
        let table = &mut tables[second.table];
        second.name = "second".into();
        second.columns = vec![table.column("other end", "INTEGER")];
        second.treatment = Treatment::Delete;
        table.indexes.push(second.columns.clone());
        shape.dependents.push(second);
    }
    if shape.class == Class::Loose(Twist::Children) {
        let columns = vec![shape.roles.parent.unwrap()];
        let parents = shape.roles.key.clone();
        shape.dependents.push(Dependent {
            name: "children".into(),
            of: None,
            table: TARGET,
            columns,
            parents,
            treatment: Treatment::Update,
            condition: None,
            set: vec![],
        });
    }
    let mut names = vec!["audit", "where", "my\"refs"];
    for _ in 0..[0, 0, 0, 1, 1, 2][dice.below(6)] {
        let towards: Vec<usize> = shape
            .dependents
            .iter()
            .filter(|dependent| !tables[dependent.table].key.is_empty())
            .map(|dependent| dependent.table)
            .collect();
        let of =
            if towards.is_empty() || dice.chance(60) { None } else { Some(dice.pick(&towards)) }
                .filter(|table| *table != TARGET);
        let name = dice.name(&mut names);
        let on_delete = dice.pick(&[
            OnDelete::NoAction,
            OnDelete::NoAction,
            OnDelete::Deferred,
            OnDelete::Restrict,
            OnDelete::SetNull,
            OnDelete::SetDefault,
        ]);
        if !tables[of.unwrap_or(TARGET)].can_be_referenced() {
            continue;
        }
        let bystander = dependent(dice, tables, shape, of, name, Treatment::Delete, None);
        let table = &mut tables[bystander.table];
        // A key of a table holds in none that inherits from it.
        if matches!(table.parts, Parts::Heirs(_)) {
            table.parts = Parts::One;
        }
        table.references.clear();
        table.references.push(Reference {
            columns: bystander.columns,
            table: of.unwrap_or(TARGET),
            parents: bystander.parents,
            on_delete,
        });
    }
}

fn dependent(
    dice: &mut Dice,
    tables: &mut Vec<Table>,
    shape: &Shape,
    parent: Option<usize>,
    name: String,
    treatment: Treatment,
    of: Option<usize>,
) -> Dependent {
    let schema = schema(dice, shape.engine);
    let mut table = Table { engine: shape.engine, schema, name: name.clone(), ..Table::default() };
    table.column(dice.pick(&["flag", "on"]), "INTEGER");
    table.column("note", "TEXT");
    let parents = parent.map_or(shape.roles.key.clone(), |parent| tables[parent].key.clone());
    let parent = parent.unwrap_or(TARGET);
    let links = dice.pick(&[["chat_id", "chat_k2"], ["from", "from 2"], ["Ref\"x", "ref y"]]);
    let columns: Vec<usize> = parents
        .iter()
        .zip(links)
        .map(|(column, link)| (tables[parent].columns[*column].kind, link))
        .map(|(kind, link)| table.column(link, kind))
        .collect();
    table.indexes.push(columns.clone());
    match dice.below(4) {
        0 => (),
        1 => {
            table.key = vec![table.column("id", "TEXT")];
            table.without_rowid = shape.engine == Engine::Sqlite;
        }
        _ => table.key = vec![table.column(dice.pick(&["id", "Id"]), "INTEGER")],
    }
    let actions: &[Option<OnDelete>] = match treatment {
        Treatment::Delete => &[
            None,
            Some(OnDelete::NoAction),
            Some(OnDelete::Deferred),
            Some(OnDelete::Restrict),
            Some(OnDelete::Cascade),
            Some(OnDelete::SetNull),
        ],
        Treatment::DeleteWhere | Treatment::Update => {
            &[None, Some(OnDelete::NoAction), Some(OnDelete::SetNull)]
        }
    };
    let on_delete = dice.pick(actions).filter(|_| tables[parent].can_be_referenced());
    // Where a row lies no update may change.
    let stays = treatment != Treatment::Update;
    if shape.engine == Engine::Postgres && table.key.is_empty() && stays && dice.chance(35) {
        table.parts = dice.pick(&[
            Parts::Heirs(1),
            Parts::Partitions(
                "HASH",
                columns[0],
                (0..2).map(|at| format!("FOR VALUES WITH (MODULUS 2, REMAINDER {at})")).collect(),
            ),
        ]);
    }
    let on_delete = on_delete.filter(|_| !matches!(table.parts, Parts::Heirs(_)));
    table.references.extend(on_delete.map(|on_delete| Reference {
        columns: columns.clone(),
        table: parent,
        parents: parents.clone(),
        on_delete,
    }));
    tables.push(table);
    let name = name.to_lowercase().replace(|c: char| !c.is_ascii_lowercase(), "-");
    Dependent {
        name: format!("d{name}"),
        of,
        table: tables.len() - 1,
        columns,
        parents,
        treatment,
        condition: None,
        set: vec![],
    }
}
