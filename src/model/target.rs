//! A target once it is resolved against the catalog: all that statements are made of.

use super::{ADDRESS, Encoding, Engine, Expression, OnDelete, Parameter, Table, TableName};

/// What is purged: rows of one table, with what goes or changes with them.
#[derive(Debug, Clone)]
pub struct Target {
    pub name: String,
    pub table: Table,
    /// The one table of a family that holds the rows in hand: a partition, or a table that
    /// inherits. `None`: the table itself.
    pub leaf: Option<Table>,
    pub action: Action,
    /// Whose a row is; `None`: the target has no tenants.
    pub tenant: Option<Scalar>,
    pub age: Option<Age>,
    pub keep_newest: Option<KeepNewest>,
    pub selection: Option<Expression>,
    pub exemptions: Vec<Exemption>,
    /// References that the policy does not name: a row that has one is kept.
    pub referenced: Vec<AntiJoin>,
    /// In the order of the manifest; parents stand before their children.
    pub dependents: Vec<Dependent>,
    /// The dependents' places in the order in which they are acted on, before the root.
    pub order: Vec<usize>,
    pub access: Access,
}

#[derive(Debug, Clone)]
pub enum Action {
    Delete,
    Update(Assignments),
}

/// Columns and what each is set to, seen from the row as it was.
pub type Assignments = Vec<(String, Expression)>;

/// A value of the row: one of its columns, or computed from them.
#[derive(Debug, Clone)]
pub enum Scalar {
    Column(String),
    Expression(Expression),
}

#[derive(Debug, Clone)]
pub struct Age {
    pub scalar: Scalar,
    pub encoding: Encoding,
}

#[derive(Debug, Clone)]
pub struct KeepNewest {
    pub rows: u64,
    pub partition_by: Vec<String>,
    pub order_by: Vec<OrderColumn>,
}

#[derive(Debug, Clone)]
pub struct OrderColumn {
    pub column: String,
    /// The column holds instants, ranked as such; `None`: as the database orders its values.
    pub encoding: Option<Encoding>,
}

#[derive(Debug, Clone)]
pub struct Exemption {
    pub name: String,
    pub when: Expression,
}

#[derive(Debug, Clone)]
pub struct Dependent {
    pub name: String,
    /// The place in the target's list of the dependent that this one hangs on; `None`: the root.
    pub of: Option<usize>,
    pub table: Table,
    /// Pairs of (own column, parent's column).
    pub references: Vec<(String, String)>,
    pub selection: Option<Expression>,
    pub action: DependentAction,
}

#[derive(Debug, Clone)]
pub enum DependentAction {
    Delete,
    Update(Assignments),
    /// Not followed, not touched.
    Keep,
}

/// From the root down to one dependent: places in the target's list. Empty: the root itself.
pub type Path = Vec<usize>;

/// Rows of `table` that point at what hangs on a root by a key the policy does not name.
#[derive(Debug, Clone)]
pub struct AntiJoin {
    /// What is pointed at.
    pub at: Path,
    pub table: Table,
    /// Pairs of (own column, referenced column).
    pub columns: Vec<(String, String)>,
    /// Rows that one of these selects do not count: they go with the root.
    pub except: Vec<Expression>,
    /// Rows that are going with the same root do not count: where they hang.
    pub unless_going: Vec<Path>,
}

/// How rows are found.
#[derive(Debug, Clone, PartialEq)]
pub enum Access {
    /// Through an index that starts with (tenant, age).
    TenantIndex,
    /// Through an index that starts with the age.
    AgeIndex,
    /// One pass over the table in the order of its key.
    Sweep,
    /// Partition by partition.
    Partitions,
}

impl Dependent {
    /// Whether its `where` reads this table.
    pub fn reads(&self, table: &TableName) -> bool {
        let selection = self.selection.as_ref();
        selection.is_some_and(|selection| selection.tables.contains(table))
    }

    /// Whether rows that its `where` does not select keep their parent, by a foreign key: should one
    /// be left when the parent goes, the database would delete it, or the parent could not go.
    pub fn holds_its_parent(&self) -> bool {
        self.selection.is_some()
            && self.table.foreign_keys.iter().any(|key| {
                key.on_delete != OnDelete::Unset
                    && key.columns.len() == self.references.len()
                    && self.references.iter().all(|pair| key.columns.contains(pair))
            })
    }

    /// Whether these assignments are to take the row off a foreign key by which the database would
    /// delete it with its parent.
    pub fn cascades_through(&self, set: &Assignments) -> bool {
        let is_set = |column: &String| set.iter().any(|(name, _)| name == column);
        self.table.foreign_keys.iter().any(|key| {
            key.on_delete == OnDelete::Cascade
                && key.columns.len() == self.references.len()
                && self.references.iter().all(|pair| key.columns.contains(pair))
                && key.columns.iter().any(|(own, _)| is_set(own))
        })
    }
}

fn asks_for_cutoff(expression: &Expression) -> bool {
    expression.uses(Parameter::Cutoff)
}

impl Target {
    /// Whether rows that hang on this dependent can keep it from going.
    pub fn is_held_by_children(&self, at: usize) -> bool {
        self.dependents.iter().any(|child| child.of == Some(at) && child.holds_its_parent())
    }

    /// The table that the rows in hand are addressed in.
    pub fn rows(&self) -> &Table {
        self.leaf.as_ref().unwrap_or(&self.table)
    }

    /// The same target with the rows in hand known by where they lie: while they are locked, and
    /// nothing of ours moves them.
    pub fn by_address(&self) -> Self {
        let mut own = self.clone();
        own.leaf.as_mut().unwrap_or(&mut own.table).key = vec![ADDRESS.to_owned()];
        own
    }

    /// The tables that a batch of the rows in hand writes to.
    pub fn written(&self) -> Vec<&Table> {
        let touched = self.dependents.iter().filter(|d| !matches!(d.action, DependentAction::Keep));
        std::iter::once(self.rows()).chain(touched.map(|d| &d.table)).collect()
    }

    /// Whether rows of the dependent at this place are deleted; `None`: those of the target itself.
    pub fn is_deleted(&self, at: Option<usize>) -> bool {
        match at {
            None => matches!(self.action, Action::Delete),
            Some(at) => matches!(self.dependents[at].action, DependentAction::Delete),
        }
    }

    /// Dependents of which some rows stay, and which the database would delete with their parents.
    /// Nothing locks these parents, other than a root, before they go: a row may come in between.
    /// Where triggers delete too, it cannot be told who deleted what.
    pub fn cascading_below(&self) -> Vec<usize> {
        let mut tables =
            std::iter::once(&self.table).chain(self.dependents.iter().map(|d| &d.table));
        if tables.any(|table| !table.delete_triggers.is_empty()) {
            return Vec::new();
        }
        let may_lose = |at: &usize| {
            let dependent = &self.dependents[*at];
            let stays = match &dependent.action {
                DependentAction::Delete => dependent.holds_its_parent(),
                DependentAction::Update(set) => dependent.cascades_through(set),
                DependentAction::Keep => false,
            };
            stays
                && dependent.of.is_some()
                && self.is_deleted(dependent.of)
                && !dependent.table.is_family()
                && dependent.table.name != self.table.name
        };
        (0..self.dependents.len()).filter(may_lose).collect()
    }

    /// Whether a condition that a row is judged by names `:cutoff`.
    pub fn is_judged_by_cutoff(&self) -> bool {
        self.selection.as_ref().is_some_and(asks_for_cutoff)
            || self.exemptions.iter().any(|exemption| asks_for_cutoff(&exemption.when))
            || self.referenced.iter().any(|reference| reference.except.iter().any(asks_for_cutoff))
    }

    /// Whether what is done to a row, or to what hangs on it, asks for it.
    pub fn acts_by_cutoff(&self) -> bool {
        let sets = |set: &Assignments| set.iter().any(|(_, value)| asks_for_cutoff(value));
        let of_dependent = |dependent: &Dependent| {
            dependent.selection.as_ref().is_some_and(asks_for_cutoff)
                || match &dependent.action {
                    DependentAction::Update(set) => sets(set),
                    DependentAction::Delete | DependentAction::Keep => false,
                }
        };
        let of_action = match &self.action {
            Action::Delete => false,
            Action::Update(set) => sets(set),
        };
        of_action || self.dependents.iter().any(of_dependent)
    }

    /// Whether rows of tenants with unlike cutoffs can be judged and taken together: each is judged by
    /// its own then.
    pub fn takes_all_cutoffs(&self) -> bool {
        let by_row = self.table.engine == Engine::Postgres
            && self.age.is_some()
            && self.keep_newest.is_none();
        !self.acts_by_cutoff() && (by_row || !self.is_judged_by_cutoff())
    }

    /// Whether nothing but the row itself decides whether it goes.
    pub fn reads_only_itself(&self) -> bool {
        let alone = |expression: &Expression| expression.tables.is_empty();
        let scalar = |scalar: &Scalar| match scalar {
            Scalar::Column(_) => true,
            Scalar::Expression(expression) => alone(expression),
        };
        self.keep_newest.is_none()
            && self.referenced.is_empty()
            && self.selection.as_ref().is_none_or(alone)
            && self.exemptions.iter().all(|exemption| alone(&exemption.when))
            && self.tenant.as_ref().is_none_or(scalar)
            && self.age.as_ref().is_none_or(|age| scalar(&age.scalar))
    }

    /// What hangs on a dependent goes before it, and a table that points at another by a foreign
    /// key goes before that one; where such keys form a ring, depth alone decides.
    pub fn acting_order(dependents: &[Dependent]) -> Vec<usize> {
        let mut left: Vec<usize> = (0..dependents.len()).collect();
        let mut order = Vec::new();
        while !left.is_empty() {
            let hangs = |at: usize| left.iter().any(|other| dependents[*other].of == Some(at));
            let pointed_at = |at: usize| {
                left.iter().any(|other| {
                    *other != at
                        && dependents[*other].table.name != dependents[at].table.name
                        && dependents[*other]
                            .table
                            .foreign_keys
                            .iter()
                            .any(|key| dependents[at].table.is_meant_by(key))
                })
            };
            // Of two dependents of one table the deleting one comes first: what is updated first
            // might not be found again.
            let updates = |at: &usize| matches!(dependents[*at].action, DependentAction::Update(_));
            let mut free: Vec<usize> =
                left.iter().copied().filter(|at| !hangs(*at) && !pointed_at(*at)).collect();
            // Whose `where` reads another dependent's table reads it before its rows go.
            let read = |at: &usize| {
                left.iter().any(|other| {
                    dependents[*other].table.name != dependents[*at].table.name
                        && dependents[*other].reads(&dependents[*at].table.name)
                })
            };
            free.sort_by_key(|at| (read(at), updates(at)));
            let free = free.first().copied();
            let leaf = || left.iter().copied().find(|at| !hangs(*at));
            let Some(next) = free.or_else(leaf) else {
                break;
            };
            left.retain(|at| *at != next);
            order.push(next);
        }
        order
    }

    /// The path from the root to a dependent, both ends included.
    pub fn path_to(&self, dependent: usize) -> Path {
        let mut path = vec![dependent];
        let mut at = dependent;
        while let Some(parent) = self.dependents[at].of {
            path.insert(0, parent);
            at = parent;
        }
        path
    }
}
