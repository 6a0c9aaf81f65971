//! Rows for a case's tables, NULLs wherever they can be.

use super::clock::{DAY, Nanos, Zone};
use super::encoding::Encoding;
use super::engine::{is_real, is_text, is_whole};
use super::meaning;
use super::policy::{Age, Policy};
use super::schema::{Dice, OnDelete, Row, Table, Value};
use super::shape::{HOLDS, KeyKind, SETTINGS, Shape, TARGET, Tenancy};
use super::sources;
use super::windows::names;

/// Fills all tables: sources first, since the ages are drawn around the cutoffs they give.
pub fn fill(dice: &mut Dice, shape: &Shape, policy: &Policy, tables: &mut [Table]) {
    sources::fill(dice, shape, policy, tables);
    let count = dice.pick(&[0, 3, 12, 25, 25, 40, 40, 60, 120]);
    let mut maker = Maker {
        shape,
        policy,
        apart: policy.targets[0].cap.is_some(),
        used: Vec::new(),
        seqs: Vec::new(),
    };
    for number in 0..count {
        let row = maker.row(dice, tables, number);
        tables[TARGET].rows.push(row);
    }
    if shape.key == KeyKind::Nothing && !maker.apart {
        twins(dice, &mut tables[TARGET].rows);
    }
    if matches!(tables[TARGET].rows.len(), 2..) && dice.chance(30) {
        dice.0.shuffle(&mut tables[TARGET].rows);
    }
    parents(dice, shape, tables);
    let keys: Vec<Value> =
        tables[TARGET].rows.iter().map(|row| row.values[shape.roles.key[0]].clone()).collect();
    for _ in 0..dice.below(12) {
        let link = if keys.is_empty() || dice.chance(12) { Value::Null } else { dice.pick(&keys) };
        let flag = small(dice);
        tables[HOLDS].rows.push(Row::of(vec![link, flag]));
    }
    for table in SETTINGS + 1..tables.len() {
        match tables[table].copy_of {
            None => followers(dice, shape, tables, table),
            Some(_) if dice.chance(40) => (),
            Some(of) => tables[table].rows = tables[of].rows.clone(),
        }
    }
}

/// Rows that nothing tells apart.
fn twins(dice: &mut Dice, rows: &mut Vec<Row>) {
    for _ in 0..rows.len() / 6 {
        let row = rows[dice.below(rows.len())].clone();
        rows.push(row);
    }
}

fn small(dice: &mut Dice) -> Value {
    dice.pick(&[Value::Null, Value::Int(0), Value::Int(1), Value::Int(2)])
}

fn note(dice: &mut Dice) -> Value {
    dice.pick(&[Value::Null, Value::text("O'Brien"), Value::text(""), Value::text("ü\n\"x\"; --")])
}

pub struct Maker<'a> {
    pub shape: &'a Shape,
    pub policy: &'a Policy,
    /// With a cap the ages keep two seconds from each other, so that "the oldest" has one meaning.
    pub apart: bool,
    /// Ages that rows have; some are shared.
    pub used: Vec<(Value, Option<Nanos>)>,
    seqs: Vec<i64>,
}

impl Maker<'_> {
    fn row(&mut self, dice: &mut Dice, tables: &[Table], number: usize) -> Row {
        let (roles, table) = (&self.shape.roles, &tables[TARGET]);
        let target = dice.pick(&self.policy.targets.iter().collect::<Vec<_>>());
        let mut values = vec![Value::Null; table.columns.len()];
        self.key(dice, number, &mut values);
        values[roles.tenant] = tenant(dice, self.shape.tenancy);
        let cutoff = meaning::cutoff(self.shape, self.policy, tables, target, &values);
        let kind = table.columns[roles.age].kind;
        let (mut age, mut truth) = self.age(dice, kind, cutoff);
        if target.age == Some(Age::Coalesce) {
            if dice.chance(40) {
                (age, truth) = (Value::Null, None);
            }
            if dice.chance(70) {
                let spare = self.age(dice, kind, cutoff);
                values[roles.spare_age] = spare.0;
                truth = if age == Value::Null { spare.1 } else { truth };
            }
        }
        values[roles.age] = age;
        values[roles.state] = dice.pick(&[
            Value::text("live"),
            Value::text("live"),
            Value::text("done"),
            Value::text("archived"),
            Value::text("O'Brien"),
            Value::Null,
        ]);
        values[roles.flag] = small(dice);
        values[roles.touched] = match cutoff {
            _ if dice.chance(15) => Value::Null,
            Some(cutoff) if dice.chance(50) => {
                self.shape.encoding.instant(cutoff + dice.pick(&[-1, 0, 1, -3600, 86_400]))
            }
            _ => self.shape.encoding.instant(self.policy.now - dice.0.i64(-5..90) * DAY),
        };
        values[roles.seq] = self.seq(dice, table.kind(roles.seq));
        values[roles.part] = dice.pick(&[
            Value::Null,
            Value::text("a"),
            Value::text("A"),
            Value::text("b"),
            Value::text("b"),
        ]);
        values[roles.note] = note(dice);
        for (at, column) in table.columns.iter().enumerate() {
            match column.name.as_str() {
                "rowid" if at != roles.key[0] => {
                    values[at] = dice.pick(&[Value::text("zz"), Value::text("aa"), Value::Null]);
                }
                "_rowid_" => values[at] = Value::Int(dice.0.i64(0..5)),
                _ => (),
            }
        }
        Row { values, age: truth, stays: false }
    }

    fn seq(&mut self, dice: &mut Dice, kind: &str) -> Value {
        let mut seq = dice.0.i64(-40..400);
        while self.shape.key != KeyKind::Integer && self.seqs.contains(&seq) {
            seq += 1;
        }
        self.seqs.push(seq);
        if dice.chance(15) {
            Value::Null
        } else {
            let number = if self.shape.key == KeyKind::Integer { seq / 20 } else { seq };
            let endless = dice.chance(15);
            match kind {
                _ if is_whole(kind) => Value::Int(number),
                "numeric" if endless => Value::text("NaN"),
                _ if is_real(kind) && endless => {
                    Value::Real(dice.pick(&[f64::INFINITY, f64::NEG_INFINITY]))
                }
                _ if is_real(kind) => Value::Real(number as f64 / 8.0),
                _ if endless => Value::text(dice.pick(&["infinity", "-infinity"])),
                "date" => Encoding::Date(Zone::Utc).instant(20_000 * DAY + number * DAY),
                _ => Encoding::Instant.instant(20_000 * DAY + number),
            }
        }
    }

    /// Keys are distinct where they are not NULL; some are negative, some far away: a walk by rowid must find them.
    fn key(&self, dice: &mut Dice, number: usize, values: &mut [Value]) {
        let roles = &self.shape.roles;
        let number = number as i64;
        let wide = dice.pick(&[
            number * 3 + 1,
            number * 3 + 1,
            number * 3 + 1,
            -number * 7 - 1,
            number + 5_000_000_000,
            i64::MAX - number,
        ]);
        let own = self.shape.key.is_nullable(self.shape.engine);
        values[roles.key[0]] = match self.shape.key {
            _ if own && dice.chance(8) => Value::Null,
            KeyKind::Integer if number == 7 && dice.chance(10) => Value::Int(i64::MIN),
            KeyKind::Integer | KeyKind::Hidden | KeyKind::NotTheRowid | KeyKind::Nullable => {
                Value::Int(wide)
            }
            KeyKind::Nothing => Value::Int(number / 2),
            KeyKind::Uuid => Value::Text(uuid(dice)),
            KeyKind::Text | KeyKind::TextWithoutRowid if number == 4 => Value::text(""),
            KeyKind::Text | KeyKind::TextWithoutRowid => {
                Value::Text(format!("{}{number}", dice.pick(&["a", "B", "ä", "'", "z\"", "0"])))
            }
            KeyKind::Composite | KeyKind::CompositeWithoutRowid => Value::Int(number / 3),
        };
        if let [_, second] = roles.key[..] {
            values[second] = if own && dice.chance(8) {
                Value::Null
            } else {
                Value::Text(format!("{}{}", dice.pick(&["p", "Q"]), number % 3))
            };
        }
    }
}

fn uuid(dice: &mut Dice) -> String {
    let mut bytes = [0; 16];
    bytes.fill_with(|| dice.0.u8(..));
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// Tenants as the column has them: spellings that are one tenant and spellings that are not.
fn tenant(dice: &mut Dice, tenancy: Tenancy) -> Value {
    if dice.chance(10) {
        return Value::Null;
    }
    match tenancy {
        Tenancy::None | Tenancy::Column => {
            Value::text(dice.pick(&["acme", "acme", "Beta", "42", "O'Brien", "größe", "ACME", ""]))
        }
        Tenancy::NoCase => {
            Value::text(dice.pick(&["acme", "ACME", "Acme", "beta", "BETA", "gamma", "other"]))
        }
        Tenancy::Integer => Value::Int(dice.pick(&[1, 2, 42, 7])),
        Tenancy::Uuid => Value::Text(dice.pick(&names(tenancy)).to_lowercase()),
        Tenancy::Padded => Value::text(dice.pick(&["acme", "beta", "O'Brien", "other", "ACME"])),
        Tenancy::Lower => {
            Value::text(dice.pick(&["acme", "ACME", "Acme", "beta", "O'Brien", "other"]))
        }
        Tenancy::Prefix => Value::text(dice.pick(&["acme", "ac1", "beta", "be2", "O'Brien", "x"])),
    }
}

/// Parents in the target's own table: another row, never the row itself.
fn parents(dice: &mut Dice, shape: &Shape, tables: &mut [Table]) {
    let Some(parent) = shape.roles.parent else {
        return;
    };
    let keys: Vec<Value> =
        tables[TARGET].rows.iter().map(|row| row.values[shape.roles.key[0]].clone()).collect();
    for at in 0..keys.len() {
        let other = dice.below(keys.len());
        if other != at && dice.chance(45) {
            tables[TARGET].rows[at].values[parent] = keys[other].clone();
        }
    }
}

/// Rows of a dependent or a bystander; without a declared key some point at nothing.
fn followers(dice: &mut Dice, shape: &Shape, tables: &mut [Table], at: usize) {
    let dependents: Vec<_> =
        shape.dependents.iter().filter(|dependent| dependent.table == at).collect();
    let mut links: Vec<_> = dependents
        .iter()
        .map(|dependent| {
            (
                dependent.columns.clone(),
                dependent.of.map_or(TARGET, |of| shape.dependents[of].table),
                dependent.parents.clone(),
            )
        })
        .collect();
    if dependents.is_empty() {
        links.extend(
            tables[at]
                .references
                .iter()
                .map(|key| (key.columns.clone(), key.table, key.parents.clone())),
        );
    }
    let bound = tables[at].references.iter().any(|key| key.on_delete != OnDelete::Cascade);
    let many = match (dependents.is_empty(), bound) {
        (true, _) => dice.below(5),
        (false, true) => dice.below(30),
        (false, false) => dice.pick(&[0, 10, 30, 60]),
    };
    for number in 0..many {
        let mut values = vec![Value::Null; tables[at].columns.len()];
        (values[0], values[1]) = (small(dice), note(dice));
        for (columns, parent, parents) in &links {
            let rows = &tables[*parent].rows;
            let keys =
                (!rows.is_empty() && dice.chance(85)).then(|| &rows[dice.below(rows.len())].values);
            for (column, theirs) in columns.iter().zip(parents) {
                values[*column] = keys.map_or(Value::Null, |keys| keys[*theirs].clone());
            }
            if tables[at].references.is_empty() && dice.chance(5) {
                let orphan = match tables[at].kind(columns[0]) {
                    "uuid" => Value::Text(uuid(dice)),
                    kind if is_text(kind) => Value::text("nobody"),
                    _ => Value::Int(-99_999),
                };
                values[columns[0]] = orphan;
            }
        }
        if let [key] = tables[at].key[..] {
            let number = number as i64;
            values[key] = if is_text(tables[at].kind(key)) {
                Value::Text(format!("m{number}"))
            } else {
                Value::Int(number * 2 - 6)
            };
        }
        tables[at].rows.push(Row::of(values));
    }
}
