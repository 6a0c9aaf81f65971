//! The rows of some blocks whose time is up, and taking them where nothing but themselves decides.

use std::ops::Range;

use super::bulk::verdict;
use super::due::cutoff_cast;
use super::walk::never_goes;
use super::{GOES, deleted_of, is_judged_alone};
use crate::model::{Engine, ROW, Table, Target, Value};
use crate::sql::statement::{Binds, Instants, Statement};
use crate::sql::words::{
    age, as_age_is_shown, cast, compared_tenant, grouped_tenant, root_from, scalar_cast, selected,
    tenant_of,
};

/// Lists that are looked through one by one: rows stay in their order then, and so do their
/// dependents. With more of them a join finds the cutoff at once, and sorts.
const MOST_LISTS: usize = 16;

/// Whose rows are due below which cutoff.
pub enum Due {
    /// Below each cutoff those of its tenants, and of nobody else.
    Own(Vec<(Value, Vec<Value>)>),
    /// Of whomever, below one cutoff.
    Below(Value),
}

/// Some blocks of a table, and what in them is due.
pub struct Blocks<'a> {
    pub range: Range<u64>,
    pub due: &'a Due,
    /// Before it is what programs write for "none".
    pub earliest: &'a Value,
}

/// Rows of some blocks that are due: what the table is joined with, and what is asked of both.
pub(super) struct Candidates {
    /// Lists of tenants, by a name each.
    lists: String,
    /// A table, and on what.
    joined: Option<(String, String)>,
    /// Whether due or not.
    within: String,
    due: String,
}

impl Blocks<'_> {
    /// Where `where` reads other tables, or its row's cutoff, they are those that it may select.
    pub(super) fn candidates(&self, target: &Target, binds: &mut Binds) -> Candidates {
        let to = cutoff_cast(target);
        let (tenant, age) = (compared_tenant(target, ROW), age(target, ROW));
        let Range { start, end } = self.range;
        let mut within = format!(
            "{ROW}.ctid >= '({start},0)'::pg_catalog.tid AND {ROW}.ctid < '({end},0)'::pg_catalog.tid"
        );
        let is_own = target.selection.as_ref().is_some_and(|where_| where_.tables.is_empty());
        if is_own || is_judged_alone(target) {
            within += &format!(" AND {}", selected(target, ROW, false));
        }
        let mut conditions =
            vec![format!("{age} >= {}", binds.add_once(self.earliest.clone(), to))];
        let kind = tenant_of(target).and_then(|scalar| scalar_cast(target.rows(), scalar));
        let kinds = format!("{}[]", kind.unwrap_or_default());
        let (mut with, mut joined) = (String::new(), None);
        match self.due {
            Due::Own(lists) if lists.len() <= MOST_LISTS => {
                let mut own = |(at, (cutoff, tenants)): (usize, &(Value, Vec<Value>))| {
                    let cutoff = binds.add_once(cutoff.clone(), to);
                    let tenants = cast(&super::texts(tenants.iter(), binds), &kinds);
                    // As a list in the text each name would be looked up in the column's statistics.
                    with += &format!(
                        "ro_list{at}(tenant) AS MATERIALIZED (SELECT pg_catalog.unnest({tenants})), "
                    );
                    let listed =
                        format!("{tenant} IN (SELECT ro_list{at}.tenant FROM ro_list{at})");
                    format!("{age} < {cutoff} AND ({listed}) IS TRUE")
                };
                let own: Vec<String> = lists.iter().enumerate().map(&mut own).collect();
                let any = if own.is_empty() { "FALSE".to_owned() } else { own.join(" OR ") };
                conditions.push(format!("({any})"));
            }
            Due::Own(lists) => {
                let each =
                    |(cutoff, tenants): &(Value, Vec<Value>)| vec![cutoff.clone(); tenants.len()];
                let cutoffs = binds.add_list(lists.iter().flat_map(each).collect());
                let tenants = super::texts(lists.iter().flat_map(|(_, tenants)| tenants), binds);
                // Once for all spellings that the column takes for equal: they have one cutoff.
                let windows = format!(
                    "(SELECT DISTINCT ro_each.* FROM ROWS FROM (pg_catalog.unnest({}), \
                     pg_catalog.unnest({})) AS ro_each(tenant, cutoff)) AS ro_windows",
                    cast(&tenants, &kinds),
                    cast(&cutoffs, &format!("{to}[]")),
                );
                joined = Some((windows, format!("{tenant} = ro_windows.tenant")));
                conditions.push(format!("{age} < ro_windows.cutoff"));
            }
            Due::Below(cutoff) => {
                conditions.push(format!("{age} < {}", binds.add_once(cutoff.clone(), to)));
                if target.tenant.is_some() {
                    conditions.push(format!("{tenant} IS NOT NULL"));
                }
            }
        }
        Candidates { lists: with, joined, within, due: conditions.join(" AND ") }
    }
}

impl Candidates {
    /// The table, with what it is joined with behind this word.
    pub(super) fn from(&self, target: &Target, word: &str) -> String {
        let joined = self.joined.as_ref().map(|(joined, _)| format!(" {word} {joined}"));
        format!("{}{}", root_from(target, ROW), joined.unwrap_or_default())
    }

    /// Where the names of a statement begin.
    pub(super) fn with(&self) -> String {
        format!("WITH {}", self.lists)
    }

    pub(super) fn conditions(&self) -> String {
        let on = self.joined.as_ref().map(|(_, on)| format!(" AND {on}"));
        format!("{}{} AND {}", self.within, on.unwrap_or_default(), self.due)
    }

    /// The table, with all its rows.
    fn whole(&self, target: &Target) -> String {
        let joined =
            self.joined.as_ref().map(|(joined, on)| format!(" LEFT JOIN {joined} ON {on}"));
        format!("{}{}", root_from(target, ROW), joined.unwrap_or_default())
    }
}

/// In place of a verdict: a row that can never go, which another statement is to count.
pub const NEVER_GOES: i64 = -2;

/// Deletes what is due in some blocks and that nothing holds, if no more than `most` rows are due: by
/// tenant how many, and the youngest age among them. Further rows, without a tenant, say how many are
/// due by verdict, and which rows of these tables the transaction had deleted before.
///
/// Whoever changes a row meanwhile is waited for, and the row is looked at again as it
/// is then. That holds for the row alone, and not for another that a condition reads: [`is_judged_alone`].
pub fn delete_due(
    target: &Target,
    instants: &Instants,
    blocks: &Blocks<'_>,
    most: usize,
    tables: &[&Table],
) -> Statement {
    let mut binds = Binds::new(Engine::Postgres, instants);
    let candidates = blocks.candidates(target, &mut binds);
    let (before, nulls) = before(tables);
    let youngest = as_age_is_shown(target, "pg_catalog.max(ro_age)".to_owned());
    let verdict = verdict(target);
    let (tenant, shown) = grouped_tenant(target, ROW, "ro_tenant");
    let held = format!(" AND {verdict} = {GOES}");
    let held = if target.exemptions.is_empty() { "" } else { &held };
    let Candidates { within, due, .. } = &candidates;
    let age = age(target, ROW);
    let mut never = never_goes(target).unwrap_or_default();
    never.push(format!("{age} < {}", binds.add_once(blocks.earliest.clone(), cutoff_cast(target))));
    let never = never.join(" OR ");
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let most = binds.add_once(Value::Integer(most), "pg_catalog.int8");
    let text = format!(
        "{}ro_due AS MATERIALIZED (SELECT CASE WHEN {never} THEN {NEVER_GOES} ELSE {verdict} END AS ro_verdict, \
         pg_catalog.count(*) AS ro_rows FROM {} WHERE {within} AND ({never} OR {due}) GROUP BY 1), \
         ro_gone AS (DELETE FROM {} WHERE {}{held} AND (SELECT pg_catalog.sum(ro_rows) FROM ro_due \
         WHERE ro_verdict <> {NEVER_GOES}) <= {most} RETURNING {tenant} AS ro_tenant, {age} AS ro_age) \
         SELECT TRUE, {shown}, pg_catalog.count(*), {youngest}, NULL{nulls} FROM ro_gone GROUP BY ro_tenant \
         UNION ALL SELECT FALSE, NULL, ro_rows, NULL, ro_verdict{before} FROM ro_due",
        candidates.with(),
        candidates.whole(target),
        candidates.from(target, "USING"),
        candidates.conditions(),
    );
    Statement::new(text, binds)
}

/// Rows of these tables that the transaction had deleted before a statement takes their roots, and
/// as many columns without a value. What hangs on the roots goes when the statement ends, so none of it
/// is counted yet.
pub(super) fn before(tables: &[&Table]) -> (String, String) {
    let before = tables.iter().map(|table| format!(", {}", deleted_of(table)));
    (before.collect(), ", NULL".repeat(tables.len()))
}
