//! What stands around a PostgreSQL case that a careless program trips over: tables of the same name elsewhere, columns
//! and indexes of an odd kind, triggers on what goes.

use super::encoding::Encoding;
use super::engine::Engine;
use super::oracle;
use super::policy::{Policy, Target};
use super::schema::{Dice, Parts, Table, quoted};
use super::shape::{Class, HOLDS, Shape, TARGET, Twist};

/// Tables that differ from the case's own in nothing but the schema, or in large letters.
pub fn decoys(dice: &mut Dice, tables: &mut Vec<Table>) {
    for _ in 0..dice.below(3) {
        let of = dice.pick(&[TARGET, HOLDS, tables.len() - 1]);
        let mut copy = tables[of].clone();
        if dice.chance(70) {
            copy.schema = Some(dice.pick(&["public", "app", "Other schema"]));
        } else {
            copy.name = copy.name.to_uppercase();
        }
        let named = |table: &Table| (table.schema.unwrap_or("public"), table.name.clone());
        if tables[of].copy_of.is_none() && tables.iter().all(|table| named(table) != named(&copy)) {
            copy.references.clear();
            copy.parts = Parts::One;
            copy.copy_of = Some(of);
            tables.push(copy);
        }
    }
}

/// What follows `CREATE INDEX ... ON table`: indexes that cannot be walked for an age, and some that can.
pub fn indexes(dice: &mut Dice, shape: &Shape, table: &Table) -> Vec<String> {
    let roles = &shape.roles;
    let name = |column: usize| quoted(&table.columns[column].name);
    let (tenant, age, state) = (name(roles.tenant), name(roles.age), name(roles.state));
    let odd = [
        format!("({age}) WHERE {state} = 'live'"),
        format!("({tenant}, {age}) WHERE {state} IS NOT NULL"),
        format!("({tenant}, {age} DESC NULLS LAST)"),
        format!("USING hash ({tenant})"),
        format!("USING brin ({age})"),
        format!("(lower({state}), {age})"),
        format!("({tenant}) INCLUDE ({age})"),
    ];
    (0..dice.below(3)).map(|_| dice.pick(&odd)).collect()
}

/// Functions and triggers.
pub fn triggers(dice: &mut Dice, shape: &Shape, policy: &Policy, tables: &mut [Table]) -> String {
    let target = &policy.targets[0];
    let is_told_apart =
        !shape.key.is_nullable(shape.engine) && !matches!(tables[TARGET].parts, Parts::Heirs(_));
    if shape.engine == Engine::Sqlite || !is_told_apart {
        return String::new();
    }
    let mut script = String::new();
    if dice.chance(25) && target.set.is_none() && shape.class != Class::Loose(Twist::SharedTable) {
        script += &touching(shape, policy, target, tables);
    }
    if dice.chance(20) && shape.class == Class::Exact {
        script += &refusing(dice, shape, policy, tables);
    }
    script
}

/// A dependent that goes or changes makes its root young, as counters and "last activity" do.
fn touching(shape: &Shape, policy: &Policy, target: &Target, tables: &[Table]) -> String {
    let table = &tables[TARGET];
    let age = match shape.encoding {
        Encoding::Text(_) => "'2099-01-01 00:00:00'".into(),
        encoding => shape.engine.literal(&encoding.instant(policy.now + 40_000_000)),
    };
    let own = target
        .dependents
        .iter()
        .filter(|dependent| dependent.of.is_none() && dependent.table != TARGET);
    let one = |dependent: &super::policy::Dependent| {
        let child = &tables[dependent.table];
        let links =
            dependent.columns.iter().map(|column| format!("OLD.{}", child.list(&[*column])));
        let links: Vec<_> = links.collect();
        let (name, column) =
            (quoted(&format!("touch {}", dependent.name)), table.list(&[shape.roles.age]));
        format!(
            "CREATE FUNCTION public.{name}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
               UPDATE {} SET {column} = {age} WHERE ({}) = ({}); RETURN NULL; END $$;
             CREATE TRIGGER {name} AFTER DELETE OR UPDATE ON {} FOR EACH ROW EXECUTE FUNCTION public.{name}();\n",
            // Often without its schema, as applications write it: the login's search path has it.
            table.path(),
            table.list(&dependent.parents),
            links.join(", "),
            child.path()
        )
    };
    own.map(one).collect()
}

/// Some rows of the target cannot go: a trigger says so, or takes the statement's row away without a word.
fn refusing(dice: &mut Dice, shape: &Shape, policy: &Policy, tables: &mut [Table]) -> String {
    let (going, _) = oracle::released(shape, policy, &policy.targets[0], tables, true);
    let mut rows = Vec::new();
    for _ in 0..dice.below(4).min(going.len()) {
        let at = dice.pick(&going);
        tables[TARGET].rows[at].stays = true;
        let literal =
            |column: &usize| shape.engine.literal(&tables[TARGET].rows[at].values[*column]);
        rows.push(format!(
            "({})",
            shape.roles.key.iter().map(literal).collect::<Vec<_>>().join(", ")
        ));
    }
    if rows.is_empty() {
        return String::new();
    }
    let table = &tables[TARGET];
    let key: Vec<_> =
        shape.roles.key.iter().map(|column| format!("OLD.{}", table.list(&[*column]))).collect();
    let body = dice.pick(&["RETURN NULL", "RAISE EXCEPTION 'it stays'"]);
    format!(
        "CREATE FUNCTION public.stays() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body}; END $$;
         CREATE TRIGGER stays BEFORE DELETE OR UPDATE ON {} FOR EACH ROW WHEN (({}) IN ({}))
         EXECUTE FUNCTION public.stays();\n",
        table.path(),
        key.join(", "),
        rows.join(", ")
    )
}
