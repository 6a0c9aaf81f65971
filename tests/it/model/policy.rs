//! What a case's policy says, drawn at random for its tables.

use super::clock::Zone;
use super::condition::{Chooser, Cond, Other, Term, of_dependent};
use super::dependents::{FLAG, NOTE};
use super::engine::is_whole;
use super::schema::{Dice, Table, Value};
use super::shape::{Class, KeyKind, Shape, TARGET, Tenancy, Twist};
use super::windows::Windows;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Treatment {
    Delete,
    DeleteWhere,
    Update,
}

/// A table whose rows go or change with their root; `columns` point at `parents` of the table of `of`, or of the target.
#[derive(Clone, Debug)]
pub struct Dependent {
    pub name: String,
    pub of: Option<usize>,
    pub table: usize,
    pub columns: Vec<usize>,
    pub parents: Vec<usize>,
    pub treatment: Treatment,
    pub condition: Option<Cond>,
    pub set: Vec<(usize, Term)>,
}

#[derive(Clone, Debug)]
pub struct Keep {
    pub rows: usize,
    pub partition: Vec<usize>,
    pub order: Vec<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age {
    Column,
    /// The later column where the first is NULL.
    Coalesce,
}

#[derive(Clone, Debug)]
pub struct Target {
    pub name: &'static str,
    /// Delete where it is none.
    pub set: Option<Vec<(usize, Term)>>,
    pub windows: Option<Windows>,
    pub age: Option<Age>,
    pub keep: Option<Keep>,
    pub condition: Option<Cond>,
    pub exemptions: Vec<(&'static str, Cond)>,
    /// The exemption that reads what the policy writes, if there is one.
    pub volatile: Option<usize>,
    pub dependents: Vec<Dependent>,
    pub cap: Option<usize>,
    pub qualified: bool,
}

#[derive(Clone, Debug)]
pub struct Policy {
    pub now: i64,
    pub zone: Zone,
    pub targets: Vec<Target>,
}

const TIMES: [(i64, i64, i64, i64); 7] = [
    // 36 hours or thirty days after a time that happened twice in Berlin.
    (2026, 10, 26, 45_000),
    (2026, 11, 24, 5_400),
    (2026, 11, 21, 43_200),
    (2026, 11, 21, 43_200),
    (2026, 10, 26, 39_727),
    (2026, 5, 31, 45_296),
    (2026, 3, 31, 36_000),
];
impl Policy {
    pub fn random(dice: &mut Dice, shape: &Shape, tables: &[Table]) -> Policy {
        let (year, month, day, second) = dice.pick(&TIMES);
        let zone = if dice.chance(30) { Zone::Berlin } else { Zone::Utc };
        let first = Target::random(dice, shape, tables);
        let mut targets = vec![first];
        if shape.class == Class::Staged {
            let archived = Cond::Compare(
                Term::Column(shape.roles.state),
                "=",
                Term::Literal(Value::text("archived")),
            );
            let mut second = Target {
                name: "second",
                set: None,
                keep: None,
                cap: None,
                condition: Some(archived),
                ..targets[0].clone()
            };
            second.windows =
                dice.chance(70).then(|| Windows::random(dice, shape)).or(second.windows);
            targets.push(second);
        }
        Policy {
            now: super::clock::days(year, month, day) * super::clock::DAY + second,
            zone,
            targets,
        }
    }
}

impl Target {
    fn random(dice: &mut Dice, shape: &Shape, tables: &[Table]) -> Target {
        let staged = shape.class == Class::Staged;
        let counted = matches!(shape.class, Class::Exact) && dice.chance(25);
        let counted = counted && tables[TARGET].can_be_ranked();
        let age = (staged || !counted || dice.chance(40))
            .then(|| if dice.chance(15) { Age::Coalesce } else { Age::Column });
        let keep = counted.then(|| keep(dice, shape, tables));
        let chooser = Chooser { shape, aged: age.is_some() };
        let stays = !tables[TARGET].is_parted_by(&[shape.roles.age, shape.roles.state]);
        let update = staged || (shape.class == Class::Exact && stays && dice.chance(25));
        let mut condition = dice.chance(60).then(|| chooser.draw(dice, 2));
        let set = update.then(|| set(dice, shape, age, &mut condition));
        let names = ["pinned", "on-hold"];
        let mut exemptions: Vec<_> = names
            .into_iter()
            .take(dice.below(3))
            .map(|name| (name, chooser.draw(dice, 1)))
            .collect();
        let volatile = match shape.class {
            Class::Loose(Twist::ReadsItself) => Some(chooser.own_rows()),
            Class::Loose(Twist::ReadsDependent) => {
                let dependent = &shape.dependents[0];
                Some(Other {
                    table: dependent.table,
                    link: dependent.columns[0],
                    own: dependent.parents[0],
                    flag: FLAG,
                    flagged: None,
                })
            }
            _ => None,
        };
        let volatile = volatile
            .map(|other| exemptions.push(("volatile", Chooser::other(dice, &other))))
            .map(|()| exemptions.len() - 1);
        let mut dependents = shape.dependents.clone();
        for dependent in &mut dependents {
            if dependent.treatment == Treatment::DeleteWhere
                || (dependent.treatment == Treatment::Update
                    && dependent.table != TARGET
                    && dice.chance(30))
            {
                dependent.condition = Some(of_dependent(dice));
            }
            if dependent.treatment == Treatment::Update {
                dependent.set = treatment(dice, dependent, &tables[dependent.table]);
            }
        }
        let windows = (age.is_some() || dice.chance(40)).then(|| Windows::random(dice, shape));
        // Lengths alone, on a target without an age, are refused.
        let windows = windows.filter(|windows| age.is_some() || windows.holds_tenants());
        let cap = (shape.class == Class::Exact && age.is_some() && dice.chance(20))
            .then(|| 1 + dice.below(12));
        Target {
            name: "first",
            set,
            windows,
            age,
            keep,
            condition,
            exemptions,
            volatile,
            dependents,
            cap,
            qualified: dice.chance(10),
        }
    }
}

/// Key, tenant and partition cannot be set; the state always can, and it takes the row out of `where`. Or the age becomes `:now`.
fn set(
    dice: &mut Dice,
    shape: &Shape,
    age: Option<Age>,
    condition: &mut Option<Cond>,
) -> Vec<(usize, Term)> {
    let roles = &shape.roles;
    let fresh =
        age == Some(Age::Column) && !shape.encoding.is_text() && shape.class == Class::Exact;
    if fresh && dice.chance(30) {
        return vec![
            (roles.age, Term::Now),
            (roles.flag, Term::Plus(Box::new(Term::Column(roles.flag)), 1)),
        ];
    }
    let live = Cond::Compare(Term::Column(roles.state), "=", Term::Literal(Value::text("live")));
    *condition = Some(match condition.take() {
        Some(other) => Cond::And(Box::new(live), Box::new(other)),
        None => live,
    });
    let mut set = vec![(roles.state, Term::Literal(Value::text("archived")))];
    if dice.chance(50) {
        set.push((roles.note, Term::Column(roles.state)));
    }
    if dice.chance(30) && fresh {
        set.push((roles.touched, Term::Now));
    }
    set
}

fn treatment(dice: &mut Dice, dependent: &Dependent, table: &Table) -> Vec<(usize, Term)> {
    let bound = table
        .references
        .iter()
        .any(|key| key.columns == dependent.columns && !key.on_delete.lets_go());
    let mut set = Vec::new();
    if bound || dependent.table == TARGET || dice.chance(60) {
        set.extend(dependent.columns.iter().map(|column| (*column, Term::Literal(Value::Null))));
    }
    if dependent.table != TARGET && (set.is_empty() || dice.chance(30)) {
        set.push((NOTE, Term::Literal(Value::text("its chat is gone"))));
    }
    set
}

fn keep(dice: &mut Dice, shape: &Shape, tables: &[Table]) -> Keep {
    let roles = &shape.roles;
    let mut partition = match shape.tenancy {
        Tenancy::None => vec![],
        _ => vec![roles.tenant],
    };
    if dice.chance(50) {
        partition.push(roles.part);
    }
    let numbered = shape.key != KeyKind::Nothing
        && shape.roles.key.len() == 1
        && is_whole(tables[TARGET].kind(roles.key[0]));
    let orders = [vec![roles.seq], vec![roles.seq, roles.key[0]], vec![roles.key[0]]];
    Keep {
        rows: 1 + dice.below(4),
        partition,
        order: orders[dice.below(if numbered { 3 } else { 1 })].clone(),
    }
}
