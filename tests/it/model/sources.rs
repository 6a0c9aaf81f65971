//! What the tables that know windows say.

use super::engine::Engine;
use super::policy::Policy;
use super::schema::{Dice, Row, Table, Value};
use super::shape::{ORGS, SETTINGS, Shape, Tenancy};
use super::windows::{Origin, names, text_value};

/// The values of organisations and settings. Two rows of one tenant differ, so that their meaning does not depend on how they are compared.
pub fn fill(dice: &mut Dice, shape: &Shape, policy: &Policy, tables: &mut [Table]) {
    let mut units = policy
        .targets
        .iter()
        .flat_map(|target| &target.windows)
        .flat_map(|windows| &windows.sources);
    let unit =
        units.any(|source| source.unit.is_some() && !matches!(source.origin, Origin::ConfigMap(_)));
    for name in names(shape.tenancy) {
        let name = match shape.tenancy {
            Tenancy::Integer => Value::Int(name.parse().unwrap()),
            Tenancy::Uuid => Value::Text(name.to_lowercase()),
            _ => Value::text(name.trim_end()),
        };
        let twin = name == Value::text("ACME")
            || tables[ORGS].rows.iter().any(|row| row.values[0] == name);
        if dice.chance(55) && !twin {
            let value = stored(shape, source_value(dice, unit));
            tables[ORGS].rows.push(Row::of(vec![name.clone(), value, Value::text("chat")]));
        } else if dice.chance(25) && !twin {
            for value in ["7", "30"] {
                let value = Value::Text(format!("{value}{}", if unit { "" } else { "d" }));
                tables[ORGS].rows.push(Row::of(vec![name.clone(), value, Value::text("chat")]));
            }
        }
        let filtered = policy
            .targets
            .iter()
            .flat_map(|target| &target.windows)
            .flat_map(|windows| &windows.sources);
        let mut kinds = filtered.filter_map(|source| {
            if let Origin::Orgs { kind } = source.origin { Some(kind) } else { None }
        });
        if kinds.all(|kind| kind) && dice.chance(30) {
            tables[ORGS].rows.push(Row::of(vec![
                name,
                stored(shape, Value::Int(1)),
                dice.pick(&[Value::text("files"), Value::Null]),
            ]));
        }
    }
    if dice.chance(30) {
        tables[ORGS].rows.push(Row::of(vec![
            Value::Null,
            stored(shape, Value::Int(3)),
            Value::text("chat"),
        ]));
    }
    let value = stored(shape, source_value(dice, unit));
    for key in [Some("chat_days"), Some("other"), None]
        .into_iter()
        .take(1 + dice.below(3))
        .skip(dice.below(2))
    {
        let key = key.map_or(Value::Null, Value::text);
        tables[SETTINGS].rows.push(Row::of(vec![key, value.clone()]));
    }
    if dice.chance(10) {
        tables[SETTINGS].rows.push(Row::of(vec![Value::text("chat_days"), Value::text("1d")]));
    }
}

/// PostgreSQL's columns hold one type, and the values of sources are texts.
fn stored(shape: &Shape, value: Value) -> Value {
    match value {
        Value::Int(number) if shape.engine == Engine::Postgres => Value::Text(number.to_string()),
        value => value,
    }
}

fn source_value(dice: &mut Dice, unit: bool) -> Value {
    let text = text_value(dice, unit);
    match text.parse() {
        _ if dice.chance(15) => Value::Null,
        Ok(number) if dice.chance(60) => Value::Int(number),
        _ => Value::Text(text),
    }
}
