//! Foreign keys: what the database would do by itself, and what stands in the way.

use super::Notes;
use super::target::Context;
use crate::declare;
use crate::model::{
    Action, AntiJoin, Dependent, DependentAction, Engine, ForeignKey, OnDelete, Path, Reason,
    Refusal, Table, Target,
};

/// Looks at every foreign key into the root and into every dependent that is deleted. Adds the
/// references that keep a root; refuses what would go unnamed.
pub fn check(
    declared: &declare::Target,
    target: &mut Target,
    context: &Context<'_>,
    notes: &mut Notes,
) -> Vec<Refusal> {
    let mut refusals = wrong_parents(declared, target);
    let mut found = Vec::new();
    for path in deleted_paths(target) {
        let table = table_at(target, &path);
        for (holder, key) in context.observed.catalog.references_to(table) {
            let reference = Reference { declared, target, path: &path, holder, key, context };
            match reference.judge(notes) {
                Ok(join) => found.extend(join),
                Err(refusal) => refusals.push(*refusal),
            }
        }
    }
    target.referenced = found;
    refusals
}

/// A dependent that hangs on one table by a foreign key to another: rows of strangers whose keys
/// happen to be equal would go.
fn wrong_parents(declared: &declare::Target, target: &Target) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    for (at, dependent) in target.dependents.iter().enumerate() {
        if matches!(dependent.action, DependentAction::Keep) {
            continue;
        }
        let of = |table: &Table, key: &ForeignKey| {
            let same =
                |(own, _): &(String, String)| dependent.references.iter().any(|(by, _)| by == own);
            table.is_meant_by(key)
                && key.columns.len() == dependent.references.len()
                && key.columns.iter().all(same)
        };
        let keys = &dependent.table.foreign_keys;
        let parent = dependent.of.map_or(&target.table, |of| &target.dependents[of].table);
        if keys.iter().any(|key| of(parent, key)) {
            continue;
        }
        let others = target.dependents.iter().enumerate().filter(|(other, _)| *other != at);
        let others = others.map(|(_, other)| (Some(&other.name), &other.table));
        let meant = std::iter::once((None, &target.table))
            .chain(others)
            .find_map(|(name, table)| Some((name, table, keys.iter().find(|key| of(table, key))?)));
        let Some((name, table, key)) = meant else {
            continue;
        };
        let own: Vec<&str> = key.columns.iter().map(|(own, _)| own.as_str()).collect();
        let pairs: Vec<String> =
            key.columns.iter().map(|(own, to)| format!("{own}: {to}")).collect();
        let pairs = pairs.join(", ");
        refusals.push(Refusal::new(
            format!("{}.dependents[{}].of", declared.field, dependent.name),
            Reason::Conflict,
            format!(
                "the database's foreign key on {} points at {}, and here it is read as pointing at {}: rows that hang on others would go",
                own.join(", "),
                table.name.name,
                parent.name.name
            ),
            match name {
                Some(name) => format!("write of: {name}, references: {{{pairs}}}"),
                None => format!("remove of, and write references: {{{pairs}}}"),
            },
        ));
    }
    refusals
}

/// The root, if it is deleted, and every dependent that is.
fn deleted_paths(target: &Target) -> Vec<Path> {
    let root = matches!(target.action, Action::Delete).then(Vec::new);
    let dependents = target.dependents.iter().enumerate();
    let deleted =
        dependents.filter(|(_, dependent)| matches!(dependent.action, DependentAction::Delete));
    root.into_iter().chain(deleted.map(|(at, _)| target.path_to(at))).collect()
}

fn table_at<'t>(target: &'t Target, path: &Path) -> &'t Table {
    path.last().map_or(&target.table, |at| &target.dependents[*at].table)
}

struct Reference<'a> {
    declared: &'a declare::Target,
    target: &'a Target,
    /// What is pointed at.
    path: &'a Path,
    holder: &'a Table,
    key: &'a ForeignKey,
    context: &'a Context<'a>,
}

impl Reference<'_> {
    fn judge(&self, notes: &mut Notes) -> Result<Option<AntiJoin>, Box<Refusal>> {
        let own: Vec<&str> = self.key.columns.iter().map(|(own, _)| own.as_str()).collect();
        let enforced = self.context.enforced;
        // A database that does not enforce its keys does not look for rows by them either.
        if enforced {
            self.check_index(&own)?;
        }
        let named: Vec<&Dependent> = self.covering().collect();
        if named.iter().any(|dependent| dependent.selection.is_none()) {
            return Ok(None);
        }
        match self.key.on_delete {
            OnDelete::Unset if enforced && !self.key.needed.is_empty() => {
                return Err(self.refuse(
                    Reason::Conflict,
                    &format!(
                        "would be left without a value by the database's own ON DELETE SET NULL or SET DEFAULT, and ({}) needs one: no row that they point at could go",
                        self.key.needed.join(", ")
                    ),
                ));
            }
            OnDelete::Unset if enforced => {
                let columns = format!("{}({})", self.holder.name.name, own.join(", "));
                // Two dependents of one table have the same keys pointing at them.
                if !notes.set_null.contains(&columns) {
                    notes.set_null.push(columns);
                }
                return Ok(None);
            }
            OnDelete::Cascade if enforced && !self.is_deleted_somewhere() => {
                return Err(self.refuse(Reason::UnnamedCascade, "would be deleted by the database's own ON DELETE CASCADE, and the policy does not name it"));
            }
            OnDelete::Unset | OnDelete::Cascade | OnDelete::Refuse => {}
        }
        if !enforced {
            // Partly named: what lies outside of `where` was left on purpose.
            if !named.is_empty() {
                return Ok(None);
            }
            return Err(self.refuse(Reason::UnnamedCascade, "point at rows that go, and with foreign keys switched off (a dependent says Keep) the database would leave them dangling"));
        }
        let mut unless_going: Vec<Path> = Vec::new();
        for path in deleted_paths(self.target) {
            if table_at(self.target, &path).name == self.holder.name {
                unless_going.push(path);
            }
        }
        Ok(Some(AntiJoin {
            at: self.path.clone(),
            table: self.holder.clone(),
            columns: self.key.columns.clone(),
            except: named.iter().filter_map(|dependent| dependent.selection.clone()).collect(),
            unless_going,
        }))
    }

    /// Dependents that hang on the same end by the same columns, and leave no reference behind.
    fn covering(&self) -> impl Iterator<Item = &Dependent> {
        let parent = self.path.last().copied();
        self.target.dependents.iter().filter(move |dependent| {
            let same = dependent.of == parent
                && dependent.table.name == self.holder.name
                && dependent.references.len() == self.key.columns.len()
                && dependent.references.iter().all(|pair| self.key.columns.contains(pair));
            same && match &dependent.action {
                DependentAction::Delete | DependentAction::Keep => true,
                DependentAction::Update(set) => set
                    .iter()
                    .any(|(column, _)| self.key.columns.iter().any(|(own, _)| own == column)),
            }
        })
    }

    fn is_deleted_somewhere(&self) -> bool {
        self.target.dependents.iter().any(|dependent| {
            matches!(dependent.action, DependentAction::Delete)
                && dependent.table.name == self.holder.name
        })
    }

    /// The database looks for referencing rows by itself, once for each root.
    fn check_index(&self, own: &[&str]) -> Result<(), Box<Refusal>> {
        if self.holder.has_index_on(own)
            || !self.context.observed.crowded.contains(&self.holder.name)
        {
            return Ok(());
        }
        Err(Box::new(missing_index(&self.declared.field, self.holder, own)))
    }

    fn refuse(&self, reason: Reason, what: &str) -> Box<Refusal> {
        let columns: Vec<String> =
            self.key.columns.iter().map(|(own, to)| format!("{own}: {to}")).collect();
        let of = self.path.last().map(|at| format!("of: {}, ", self.target.dependents[*at].name));
        let name = &self.holder.name;
        let (table, or) = match self.holder.engine {
            Engine::Sqlite => {
                (name.name.clone(), ", or with action Keep to let its rows point at nothing")
            }
            Engine::Postgres => (name.to_string(), ""),
        };
        let yaml = format!(
            "- {{name: {}, {}table: {table}, references: {{{}}}}}",
            part_name(&name.name),
            of.unwrap_or_default(),
            columns.join(", ")
        );
        Box::new(Refusal::new(
            format!("{}.dependents", self.declared.field),
            reason,
            format!("rows of table {table} {what}"),
            format!("add to dependents: {yaml}{or}"),
        ))
    }
}

/// As names of parts of a policy are made.
fn part_name(table: &str) -> String {
    let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '-' };
    let name: String = table.to_ascii_lowercase().chars().map(plain).collect();
    name.trim_matches('-').to_owned()
}

pub fn missing_index(field: &str, table: &Table, columns: &[&str]) -> Refusal {
    Refusal::new(
        field,
        Reason::MissingIndex,
        format!(
            "no index of table {} begins with ({}), and it has more than {} rows: each root would read them all",
            table.name.name,
            columns.join(", "),
            crate::observe::MANY_ROWS
        ),
        format!("{};", table.create_index(columns)),
    )
}
