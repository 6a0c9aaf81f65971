//! The whole predicate, asked of rows by their keys. Inside of a batch's transaction this is the
//! judgement; outside it is a dry run's.

mod floor;
mod row;

use std::collections::HashMap;

use floor::Newest;
use jiff::Timestamp;
use row::Row;

use crate::database::{Error, ErrorClass, Session};
use crate::model::{DependentAction, Engine, Key, Reading, Target, Value, read_age};
use crate::plan::{Cutoffs, Fate};
use crate::sql::{self, Instants, postgres};

/// What becomes of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Goes,
    /// By the exemption at this place, the first that holds it.
    Held(usize),
    /// Something that the policy does not name still points at it.
    Referenced,
    /// It would go, and someone else has it locked.
    Locked,
    /// It would go, and is too young for what maxRowsPerRun leaves.
    Capped,
    /// It is gone, young, pinned, re-owned, or otherwise not (any more) what the target is about.
    NotSelected,
}

#[derive(Debug, Clone)]
pub struct JudgedRow {
    pub key: Key,
    pub tenant: Value,
    pub verdict: Verdict,
    /// Its age, where the target has one.
    pub age: Option<Timestamp>,
    /// Its tenant's cutoff.
    pub cutoff: Option<Timestamp>,
    /// The first value of orderBy, where there is no age to rank by.
    pub order: Option<Value>,
}

/// Rows that only we can change until the transaction ends.
pub enum Locked {
    Keys(Vec<Key>),
    /// With the columns of a judgement: where nothing but the row itself decides, the lock gives
    /// it as it is now, and nothing is left to ask.
    Rows(Vec<Vec<Value>>),
}

/// What rows are judged by.
#[derive(Clone, Copy)]
pub struct Bench<'a> {
    pub target: &'a Target,
    pub cutoffs: &'a Cutoffs,
    pub clock: Timestamp,
}

impl Bench<'_> {
    pub fn instants(&self, fate: Fate) -> Instants {
        let cutoff = match fate {
            Fate::Cutoff(cutoff) => Some(cutoff),
            Fate::NoWindow | Fate::Each | Fate::Kept => None,
        };
        Instants::bind(self.clock, cutoff, self.target.age.as_ref().map(|age| &age.encoding))
    }

    /// Judges the rows with these keys, found under this fate. A row that is not there any more
    /// has no verdict.
    pub async fn judge(
        &self,
        keys: &[Key],
        fate: Fate,
        session: &mut Session,
    ) -> Result<Vec<JudgedRow>, Error> {
        if self.is_by_row(fate) {
            return self.judge_by_row(keys, session).await;
        }
        let rows = session.rows(&sql::judge(self.target, &self.instants(fate), keys)).await?;
        self.read(rows, fate, session).await
    }

    /// Whether each row is asked under the cutoff of its own tenant.
    fn is_by_row(&self, fate: Fate) -> bool {
        fate == Fate::Each && self.target.is_judged_by_cutoff()
    }

    /// First whose rows they are, then their conditions under the cutoffs that follow. Outside of a
    /// batch a row may be given to somebody else in between: then it was asked under a cutoff that is
    /// not its own, and waits for the next run.
    async fn judge_by_row(
        &self,
        keys: &[Key],
        session: &mut Session,
    ) -> Result<Vec<JudgedRow>, Error> {
        let (target, instants) = (self.target, self.instants(Fate::Each));
        let mut under = HashMap::new();
        let mut due = Vec::new();
        for mut row in session.rows(&postgres::tenants_of(target, &instants, keys)).await? {
            let tenant = row.pop().unwrap_or(Value::Null);
            if let Fate::Cutoff(cutoff) = self.cutoffs.of(&tenant) {
                let key = Key(row);
                under.insert(key.identity(), cutoff);
                let bound = self.instants(Fate::Cutoff(cutoff)).cutoff;
                due.push((key, bound));
            }
        }
        if due.is_empty() {
            return Ok(Vec::new());
        }
        let rows = session.rows(&postgres::judge_by_row(target, &instants, &due)).await?;
        let mut judged = self.read(rows, Fate::Each, session).await?;
        for row in &mut judged {
            if row.cutoff.is_none() || row.cutoff != under.get(&row.key.identity()).copied() {
                row.verdict = Verdict::NotSelected;
            }
        }
        Ok(judged)
    }

    /// Reads the columns of a judgement.
    async fn read(
        &self,
        rows: Vec<Vec<Value>>,
        fate: Fate,
        session: &mut Session,
    ) -> Result<Vec<JudgedRow>, Error> {
        let mut newest = Newest::default();
        let mut judged = Vec::with_capacity(rows.len());
        for row in rows {
            let row = Row::new(self.target, row);
            let age =
                self.target.age.as_ref().and_then(|age| match read_age(row.age(), &age.encoding) {
                    Reading::At(instant) => Some(instant),
                    Reading::Undatable | Reading::Unreadable => None,
                });
            let verdict = if !self.is_expired(&row, age, fate)
                || !row.is_selected()
                || newest.keeps(self, &row, fate, session).await?
            {
                Verdict::NotSelected
            } else if let Some(exemption) = row.first_hold() {
                Verdict::Held(exemption)
            } else if row.is_referenced() {
                Verdict::Referenced
            } else {
                Verdict::Goes
            };
            judged.push(JudgedRow {
                key: row.key(),
                tenant: row.tenant().clone(),
                verdict,
                age,
                cutoff: match self.cutoffs.of(row.tenant()) {
                    Fate::Cutoff(cutoff) => Some(cutoff),
                    Fate::NoWindow | Fate::Each | Fate::Kept => None,
                },
                order: row.order().first().cloned(),
            });
        }
        Ok(judged)
    }

    /// Locks the rows with these keys, where the engine locks rows: who else has one locked is not
    /// waited for.
    pub async fn lock(
        &self,
        keys: &[Key],
        fate: Fate,
        session: &mut Session,
    ) -> Result<Locked, Error> {
        if session.engine() == Engine::Sqlite {
            return Ok(Locked::Keys(keys.to_vec()));
        }
        let judges = self.target.reads_only_itself() && !self.is_by_row(fate);
        let claim = sql::claim(self.target, &self.instants(fate), keys, judges);
        let claimed = session.rows(&claim).await?;
        Ok(if judges {
            Locked::Rows(claimed)
        } else {
            Locked::Keys(claimed.into_iter().map(Key).collect())
        })
    }

    /// Judges what is locked.
    pub async fn judge_locked(
        &self,
        locked: Locked,
        fate: Fate,
        session: &mut Session,
    ) -> Result<Vec<JudgedRow>, Error> {
        match locked {
            Locked::Rows(rows) => self.read(rows, fate, session).await,
            // A second statement, with a snapshot of its own: it sees what was committed before
            // the locks were had, in other tables too.
            Locked::Keys(keys) => self.judge(&keys, fate, session).await,
        }
    }

    /// How many rows of a dependent stay behind that must not: those that a trigger would not let
    /// go, and those that an Update left pointing at a root, with which the database itself would
    /// delete them.
    pub async fn count_left(
        &self,
        at: usize,
        going: &[Key],
        fate: Fate,
        session: &mut Session,
    ) -> Result<u64, Error> {
        let dependent = &self.target.dependents[at];
        let instants = self.instants(fate);
        let statement = match &dependent.action {
            DependentAction::Delete if !dependent.table.delete_triggers.is_empty() => {
                sql::count_dependent(self.target, &instants, at, going)
            }
            DependentAction::Update(set) if dependent.cascades_through(set) => {
                sql::count_left(self.target, &instants, at, going)
            }
            DependentAction::Delete | DependentAction::Update(_) | DependentAction::Keep => {
                return Ok(0);
            }
        };
        let rows = session.rows(&statement).await?;
        Ok(rows.first().and_then(|row| row[0].as_integer()).map_or(0, i64::unsigned_abs))
    }

    /// Rows that a dependent's `where` did not select when the roots were judged would have kept them.
    /// Somebody may have changed such a row meanwhile, and the database would delete it with its
    /// parent: the root, or the dependent at this place.
    pub async fn none_held(
        &self,
        of: Option<usize>,
        going: &[Key],
        fate: Fate,
        session: &mut Session,
    ) -> Result<(), Error> {
        if session.engine() == Engine::Sqlite {
            return Ok(());
        }
        for (at, dependent) in self.target.dependents.iter().enumerate() {
            if dependent.of != of || !dependent.holds_its_parent() {
                continue;
            }
            let statement = sql::count_left(self.target, &self.instants(fate), at, going);
            let rows = session.rows(&statement).await?;
            if rows.first().and_then(|row| row[0].as_integer()) != Some(0) {
                return Err(changed_meanwhile(&dependent.name));
            }
        }
        Ok(())
    }

    /// How many rows of a dependent go or change with these roots; none of one that is kept.
    pub async fn count_dependent(
        &self,
        at: usize,
        going: &[Key],
        fate: Fate,
        session: &mut Session,
    ) -> Result<u64, Error> {
        if matches!(self.target.dependents[at].action, DependentAction::Keep) {
            return Ok(0);
        }
        let statement = sql::count_dependent(self.target, &self.instants(fate), at, going);
        let rows = session.rows(&statement).await?;
        Ok(rows.first().and_then(|row| row[0].as_integer()).map_or(0, i64::unsigned_abs))
    }

    /// Tenant and age. A row whose tenant has another fate by now was found under the wrong
    /// cutoff, which its conditions were asked with: it waits for the next run.
    fn is_expired(&self, row: &Row<'_>, age: Option<Timestamp>, fate: Fate) -> bool {
        // A row without a tenant has the fate Kept, and no row is ever found under that.
        let own = self.cutoffs.of(row.tenant());
        if fate != Fate::Each && own != fate {
            return false;
        }
        match (own, &self.target.age) {
            (Fate::Kept | Fate::Each, _) | (Fate::NoWindow, Some(_)) => false,
            (Fate::Cutoff(cutoff), Some(_)) => age.is_some_and(|age| age < cutoff),
            // Without an age keepNewest alone decides; a target has one of the two.
            (Fate::Cutoff(_) | Fate::NoWindow, None) => true,
        }
    }
}

/// Tried again, and so judged again, the roots are kept.
pub fn changed_meanwhile(dependent: &str) -> Error {
    let message = format!("rows of the dependent {dependent} changed while their roots went");
    Error { class: ErrorClass::Busy, message }
}

#[cfg(test)]
mod tests;
