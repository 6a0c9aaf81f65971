//! What the program said and left, compared with what the oracle says.

use super::oracle::Outcome;
use super::schema::{Table, Value};
use super::stage::{Checked, Said, Stage, ensure};
use serde_json::Value as Json;
use std::collections::HashMap;

impl Stage<'_> {
    /// Compares a report with what the oracle says; `counts` where rule 17 promises that the held and the selected are known as well.
    pub fn compare(&self, what: &str, said: &Said, outcomes: &[Outcome], counts: bool) -> Checked {
        for ((target, said), outcome) in
            self.case.policy.targets.iter().zip(&said.targets).zip(outcomes)
        {
            let number = |value: &Json| value.as_u64().unwrap_or(0) as usize;
            let told = |name: &str, got: usize, right: usize| {
                ensure(got == right, || {
                    format!(
                        "{what}: target {}: {name}: reported {got}, the oracle says {right}\n{said:#}",
                        target.name
                    )
                })
            };
            let (deleted, updated) =
                if target.set.is_none() { (outcome.gone, 0) } else { (0, outcome.gone) };
            told("rows.deleted", number(&said["rows"]["deleted"]), deleted)?;
            told("rows.updated", number(&said["rows"]["updated"]), updated)?;
            for (dependent, (deleted, updated)) in target.dependents.iter().zip(&outcome.dependents)
            {
                let entry = said["dependents"]
                    .as_array()
                    .and_then(|all| all.iter().find(|entry| entry["name"] == *dependent.name))
                    .unwrap_or(&Json::Null);
                told(
                    &format!("dependents {} deleted", dependent.name),
                    number(&entry["deleted"]),
                    *deleted,
                )?;
                told(
                    &format!("dependents {} updated", dependent.name),
                    number(&entry["updated"]),
                    *updated,
                )?;
            }
            let failed = if what == "dry run" { 0 } else { outcome.failed };
            // Those that a cap leaves out are not even tried.
            if target.cap.is_none() {
                told("kept.failed", number(&said["kept"]["failed"]), failed)?;
            }
            if !counts || target.cap.is_some() {
                continue;
            }
            for (name, held) in &outcome.held {
                told(&format!("kept.held.{name}"), number(&said["kept"]["held"][name]), *held)?;
            }
            if !said["rows"]["selected"].is_null() && what == "dry run" {
                told("rows.selected", number(&said["rows"]["selected"]), outcome.selected)?;
            }
            if !said["kept"]["referenced"].is_null() && what == "dry run" {
                told("kept.referenced", number(&said["kept"]["referenced"]), outcome.referenced)?;
            }
        }
        let uncapped = self.case.policy.targets.iter().all(|target| target.cap.is_none());
        let any = |of: fn(&Outcome) -> bool| outcomes.iter().any(of);
        let must = any(|outcome| !outcome.unknown_and_old.is_empty());
        let must = must || (uncapped && any(|outcome| outcome.failed > 0));
        let may = any(|outcome| {
            !outcome.unknown.is_empty() || outcome.referenced > 0 || outcome.failed > 0
        });
        // The window of a target without tenants can be unknown although it has no row.
        let of_all = |said: &Json| said["unknownTenants"][0]["name"] == "";
        let may = may || said.targets.iter().any(of_all);
        ensure(said.code == 0 || must || may, || {
            format!(
                "{what}: exit code 1, and nothing is unknown or referenced\n{:#?}",
                said.targets
            )
        })?;
        ensure(said.code == 1 || !must, || {
            format!(
                "{what}: exit code 0, and the windows of {:?} are unknown",
                outcomes[0].unknown_and_old
            )
        })?;
        Self::unknown(what, said, outcomes)
    }

    /// An unknown tenant with something to lose is named.
    fn unknown(what: &str, said: &Said, outcomes: &[Outcome]) -> Checked {
        for (said, outcome) in said.targets.iter().zip(outcomes) {
            let named: Vec<_> = said["unknownTenants"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|tenant| tenant["name"].as_str())
                .map(str::to_lowercase)
                .collect();
            for tenant in outcome.unknown_and_old.iter().filter(|tenant| !tenant.is_empty()) {
                ensure(named.contains(&tenant.to_lowercase()), || {
                    format!("{what}: tenant {tenant} is unknown and not named: {named:?}")
                })?;
            }
        }
        Ok(())
    }
}

pub fn sorted(mut tables: Vec<Vec<Vec<Value>>>) -> Vec<Vec<Vec<Value>>> {
    for rows in &mut tables {
        rows.sort_by_cached_key(|row| format!("{row:?}"));
    }
    tables
}

pub fn values(tables: &[Table]) -> Vec<Vec<Vec<Value>>> {
    sorted(
        tables
            .iter()
            .map(|table| table.rows.iter().map(|row| row.values.clone()).collect())
            .collect(),
    )
}

/// Every row of every table must be what the oracle says, no more and no less.
pub fn same(what: &str, tables: &[Table], found: &[Vec<Vec<Value>>]) -> Checked {
    for ((table, right), found) in tables.iter().zip(values(tables)).zip(found) {
        let difference = |one: &[Vec<Value>], other: &[Vec<Value>]| {
            let mut counts: HashMap<String, i64> = HashMap::new();
            for row in other {
                *counts.entry(format!("{row:?}")).or_default() += 1;
            }
            let mut rest = one.iter().map(|row| format!("{row:?}")).collect::<Vec<_>>();
            rest.retain(|row| counts.get_mut(row).is_none_or(|count| (*count -= 1, *count < 0).1));
            rest.join("\n  ")
        };
        ensure(right == *found, || {
            let columns: Vec<_> = table.columns.iter().map(|column| &column.name).collect();
            let (missing, extra) = (difference(&right, found), difference(found, &right));
            format!(
                "{what}: table {} {columns:?}\n gone or changed, and should be there:\n  {missing}\n there, and should be gone or changed:\n  {extra}",
                table.name
            )
        })?;
    }
    Ok(())
}
