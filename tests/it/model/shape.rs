//! What a case is about: every kind of key, encodings of age, tenants, foreign keys, drawn at random.

use super::clock::Zone;
use super::dependents::dependents;
use super::encoding::Encoding;
use super::engine::Engine;
use super::policy::Dependent;
use super::schema::{Dice, Table};
use super::target::{others, target};
use super::traps::decoys;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    Integer,
    /// Not the primary key, but unique.
    Hidden,
    Text,
    Composite,
    TextWithoutRowid,
    CompositeWithoutRowid,
    NotTheRowid,
    Uuid,
    /// Unique where it is not NULL, which tells no rows apart.
    Nullable,
    /// None at all: some rows are there twice.
    Nothing,
}

impl KeyKind {
    /// Whether keys of this kind may hold a NULL.
    pub fn is_nullable(self, engine: Engine) -> bool {
        use KeyKind::{Composite, Hidden, NotTheRowid, Nothing, Nullable, Text};
        match engine {
            Engine::Sqlite => matches!(self, Hidden | Text | Composite | NotTheRowid),
            Engine::Postgres => matches!(self, Nothing | Nullable),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tenancy {
    None,
    Column,
    /// SQLite's NOCASE, PostgreSQL's citext.
    NoCase,
    Integer,
    Lower,
    Prefix,
    Uuid,
    /// char(n)
    Padded,
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
#[derive(Clone, Debug, Default)]
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
    pub engine: Engine,
    pub class: Class,
    pub encoding: Encoding,
    pub key: KeyKind,
    pub tenancy: Tenancy,
    pub roles: Roles,
    pub dependents: Vec<Dependent>,
}

impl Shape {
    /// Draws the tables, without rows.
    pub fn random(dice: &mut Dice, engine: Engine) -> (Shape, Vec<Table>) {
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
        let encoding = dice.pick(encodings(engine, zone).as_slice());
        let key = match class {
            Class::Loose(_) => KeyKind::Integer,
            _ => dice.pick(keys(engine)),
        };
        let tenancy = dice.pick(tenancies(engine));
        let mut shape = Shape {
            engine,
            class,
            encoding,
            key,
            tenancy,
            roles: Roles::default(),
            dependents: Vec::new(),
        };
        let mut tables = vec![target(dice, &mut shape)];
        others(dice, &mut tables, &shape);
        dependents(dice, &mut tables, &mut shape);
        if engine == Engine::Postgres {
            decoys(dice, &mut tables);
        }
        (shape, tables)
    }
}

fn encodings(engine: Engine, zone: Zone) -> Vec<Encoding> {
    use Encoding::{Civil, Date, Instant, Millis, RealSeconds, Seconds, Text};
    match engine {
        Engine::Sqlite => vec![Text(zone), Text(zone), Seconds, RealSeconds, Millis],
        Engine::Postgres => vec![
            Instant,
            Instant,
            Instant,
            Civil(zone),
            Civil(Zone::Berlin),
            Date(zone),
            Text(zone),
            Seconds,
            RealSeconds,
            Millis,
        ],
    }
}

fn keys(engine: Engine) -> &'static [KeyKind] {
    use KeyKind::{
        Composite, CompositeWithoutRowid, Hidden, Integer, NotTheRowid, Nothing, Nullable, Text,
        TextWithoutRowid, Uuid,
    };
    match engine {
        Engine::Sqlite => &[
            Integer,
            Integer,
            Hidden,
            Text,
            Composite,
            TextWithoutRowid,
            CompositeWithoutRowid,
            NotTheRowid,
        ],
        Engine::Postgres => {
            &[Integer, Integer, Hidden, Text, Text, Composite, Uuid, Nothing, Nothing, Nullable]
        }
    }
}

fn tenancies(engine: Engine) -> &'static [Tenancy] {
    use Tenancy::{Column, Integer, Lower, NoCase, None, Padded, Prefix, Uuid};
    match engine {
        Engine::Sqlite => &[None, None, Column, Column, NoCase, Integer, Lower, Prefix],
        Engine::Postgres => {
            &[None, None, Column, Column, NoCase, NoCase, Integer, Lower, Prefix, Uuid, Padded]
        }
    }
}
