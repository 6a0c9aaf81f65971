//! Conditions as the model has them: a small tree, drawn at random and written out as SQL. What a tree means is the oracle's business.

use super::clock::DAY;
use super::dependents::{FLAG, NOTE};
use super::engine::Engine;
use super::schema::{Dice, Table, Value, quoted};
use super::shape::{HOLDS, Roles, Shape, TARGET, Tenancy};

#[derive(Clone, Debug)]
pub enum Term {
    Column(usize),
    Literal(Value),
    /// `:tenant`, and `lower(:tenant)`
    Tenant,
    LowerTenant,
    Now,
    Cutoff,
    Plus(Box<Term>, i64),
    Coalesce(Box<Term>, Value),
}

/// Rows of another table that belong to a row: `link` equals the row's `own` column.
#[derive(Clone, Debug)]
pub struct Other {
    pub table: usize,
    pub link: usize,
    pub own: usize,
    pub flag: usize,
    /// Only rows whose flag is this.
    pub flagged: Option<i64>,
}

#[derive(Clone, Debug)]
pub enum Cond {
    Compare(Term, &'static str, Term),
    Null(Term),
    /// Equality that takes two NULLs for equal.
    Same(Term, Term),
    Between(Term, i64, i64),
    /// Begins with these letters.
    Like(Term, &'static str),
    In(Term, Vec<Value>),
    Not(Box<Cond>),
    And(Box<Cond>, Box<Cond>),
    Or(Box<Cond>, Box<Cond>),
    Exists(Other),
    /// The row's own column among the links of all rows: NULL where one of them is NULL and none is equal.
    Among(Other),
    /// The greatest flag: NULL without rows.
    Max(Other, &'static str, i64),
    Count(Other, &'static str, i64),
}

/// Writes conditions on the rows of one table; `qualified` says the row by its table's name outside subqueries too.
pub struct Writer<'a> {
    pub tables: &'a [Table],
    pub table: usize,
    pub qualified: bool,
}

impl Writer<'_> {
    pub fn term(&self, term: &Term) -> String {
        match term {
            Term::Column(column) if self.qualified => self.outer(*column),
            Term::Column(column) => quoted(&self.tables[self.table].columns[*column].name),
            Term::Literal(value) => self.engine().literal(value),
            Term::Tenant => ":tenant".into(),
            Term::LowerTenant => "lower(:tenant)".into(),
            Term::Now => ":now".into(),
            Term::Cutoff => ":cutoff".into(),
            Term::Plus(term, number) => match &**term {
                Term::Column(column) if self.kind(*column).starts_with("timestamp") => {
                    format!("{} + interval '{number} seconds'", self.term(term))
                }
                Term::Column(column) if self.kind(*column) == "date" => {
                    format!("{} + {}", self.term(term), number / DAY)
                }
                _ => format!("{} + {number}", self.term(term)),
            },
            Term::Coalesce(term, value) => {
                format!("coalesce({}, {})", self.term(term), self.engine().literal(value))
            }
        }
    }

    fn engine(&self) -> Engine {
        self.tables[self.table].engine
    }

    fn kind(&self, column: usize) -> &'static str {
        self.tables[self.table].kind(column)
    }

    fn outer(&self, column: usize) -> String {
        let table = &self.tables[self.table];
        format!("{}.{}", quoted(&table.name), quoted(&table.columns[column].name))
    }

    pub fn condition(&self, condition: &Cond) -> String {
        match condition {
            Cond::Compare(left, operator, right) => {
                format!("{} {operator} {}", self.term(left), self.term(right))
            }
            Cond::Null(term) => format!("{} is null", self.term(term)),
            Cond::Same(left, right) => {
                format!("{} {} {}", self.term(left), self.engine().is(), self.term(right))
            }
            Cond::Between(term, from, to) => {
                format!("{} between {from} and {to}", self.term(term))
            }
            Cond::Like(term, start) => format!("{} like '{start}%'", self.term(term)),
            Cond::In(term, values) => format!(
                "{} in ({})",
                self.term(term),
                values
                    .iter()
                    .map(|value| self.engine().literal(value))
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
            Cond::Not(inner) => format!("not ({})", self.condition(inner)),
            Cond::And(left, right) => {
                format!("({}) and ({})", self.condition(left), self.condition(right))
            }
            Cond::Or(left, right) => {
                format!("({}) or ({})", self.condition(left), self.condition(right))
            }
            Cond::Exists(other) => format!("exists (select 1 from {})", self.rows(other, true)),
            Cond::Among(other) => format!(
                "{} in (select h.{} from {})",
                self.outer(other.own),
                self.named(other, other.link),
                self.rows(other, false)
            ),
            Cond::Max(other, operator, number) => {
                format!(
                    "(select max(h.{}) from {}) {operator} {number}",
                    self.named(other, other.flag),
                    self.rows(other, true)
                )
            }
            Cond::Count(other, operator, number) => {
                format!("(select count(*) from {}) {operator} {number}", self.rows(other, true))
            }
        }
    }

    fn named(&self, other: &Other, column: usize) -> String {
        quoted(&self.tables[other.table].columns[column].name)
    }

    fn rows(&self, other: &Other, linked: bool) -> String {
        let link = linked
            .then(|| format!("h.{} = {}", self.named(other, other.link), self.outer(other.own)));
        let flag =
            other.flagged.map(|flag| format!("h.{} = {flag}", self.named(other, other.flag)));
        let filters: Vec<_> = link.into_iter().chain(flag).collect();
        let filter = if filters.is_empty() {
            String::new()
        } else {
            format!(" where {}", filters.join(" and "))
        };
        format!("{} h{filter}", self.tables[other.table].path())
    }
}

/// Draws conditions on the target's rows.
pub struct Chooser<'a> {
    pub shape: &'a Shape,
    /// Whether the target has an `age`: only then there is a `:cutoff`, and an encoding for `:now`.
    pub aged: bool,
}

fn column(at: usize) -> Term {
    Term::Column(at)
}

fn compare(left: Term, operator: &'static str, right: Value) -> Cond {
    Cond::Compare(left, operator, Term::Literal(right))
}

impl Chooser<'_> {
    pub fn draw(&self, dice: &mut Dice, depth: usize) -> Cond {
        if depth > 0 && dice.chance(40) {
            let left = Box::new(self.draw(dice, depth - 1));
            return match dice.below(3) {
                0 => Cond::Not(left),
                1 => Cond::And(left, Box::new(self.draw(dice, depth - 1))),
                _ => Cond::Or(left, Box::new(self.draw(dice, depth - 1))),
            };
        }
        let roles = &self.shape.roles;
        if self.shape.engine == Engine::Postgres && dice.chance(25) {
            let flag = column(roles.flag);
            return match dice.below(5) {
                0 => Cond::Same(column(roles.state), column(roles.note)),
                1 => Cond::Same(flag, Term::Literal(Value::Int(1))),
                2 => Cond::Between(flag, 1, 2),
                3 => Cond::Like(column(roles.state), "l"),
                _ => compare(Term::Coalesce(Box::new(flag), Value::Int(1)), "=", Value::Int(1)),
            };
        }
        match dice.below(12) {
            0 => compare(
                column(roles.state),
                dice.pick(&["=", "<>"]),
                Value::text(dice.pick(&["live", "done"])),
            ),
            1 => Cond::In(column(roles.state), vec![Value::text("live"), Value::text("O'Brien")]),
            2 => Cond::Null(column(dice.pick(&[roles.state, roles.flag, roles.note]))),
            3 | 4 => compare(
                column(roles.flag),
                dice.pick(&["=", ">", "<>", ">=", "<"]),
                Value::Int(dice.below(3) as i64),
            ),
            5 => compare(Term::Plus(Box::new(column(roles.flag)), 1), ">=", Value::Int(2)),
            6 | 7 => self.time(dice, roles),
            8 => self.tenant(dice),
            _ => Self::other(
                dice,
                &Other { table: HOLDS, link: 0, own: roles.key[0], flag: 1, flagged: None },
            ),
        }
    }

    fn time(&self, dice: &mut Dice, roles: &Roles) -> Cond {
        if !self.aged || self.shape.encoding.is_text() {
            return compare(column(roles.flag), "=", Value::Int(1));
        }
        let left = if dice.chance(50) {
            column(roles.touched)
        } else {
            Term::Plus(Box::new(column(roles.touched)), self.shape.encoding.step())
        };
        Cond::Compare(
            left,
            dice.pick(&["<", ">=", "="]),
            dice.pick(&[Term::Now, Term::Cutoff, Term::Cutoff]),
        )
    }

    fn tenant(&self, dice: &mut Dice) -> Cond {
        let hold = Value::text(dice.pick(&["acme", "ac", "beta"]));
        match self.shape.tenancy {
            Tenancy::None | Tenancy::Integer | Tenancy::Uuid => {
                Cond::Null(column(self.shape.roles.note))
            }
            Tenancy::NoCase => compare(Term::LowerTenant, "=", hold),
            _ => compare(
                dice.pick(&[Term::Tenant, Term::LowerTenant]),
                dice.pick(&["=", "<>"]),
                hold,
            ),
        }
    }

    /// A condition over another table.
    pub fn other(dice: &mut Dice, other: &Other) -> Cond {
        let other =
            Other { flagged: dice.chance(40).then(|| dice.below(2) as i64), ..other.clone() };
        match dice.below(6) {
            0 | 1 => Cond::Exists(other),
            2 => Cond::Not(Box::new(Cond::Exists(other))),
            3 => Cond::Among(other),
            4 => Cond::Max(other, dice.pick(&[">", "<", "="]), 1),
            _ => Cond::Count(other, dice.pick(&["=", ">", "<"]), dice.below(2) as i64),
        }
    }

    /// The columns a condition may read the target's own table by, under an alias: its parent, or its key.
    pub fn own_rows(&self) -> Other {
        let roles = &self.shape.roles;
        Other {
            table: TARGET,
            link: roles.parent.unwrap_or(roles.key[0]),
            own: roles.key[0],
            flag: roles.flag,
            flagged: None,
        }
    }
}

/// Draws a condition on the rows of a dependent.
pub fn of_dependent(dice: &mut Dice) -> Cond {
    match dice.below(4) {
        0 => compare(column(FLAG), ">", Value::Int(0)),
        1 => Cond::Not(Box::new(compare(column(FLAG), "=", Value::Int(1)))),
        2 => Cond::Null(column(NOTE)),
        _ => Cond::Or(
            Box::new(compare(column(FLAG), "=", Value::Int(2))),
            Box::new(compare(column(NOTE), "=", Value::text("O'Brien"))),
        ),
    }
}
