//! How much of a report is told: a status has to stay small, whatever the policy and the database.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::report::count;
use crate::api;
use crate::model::{Key, TenantCounts, Value};
use crate::plan::TenantWindow;

/// So many of a list are shown; the rest is counted.
pub const SHOWN: usize = 20;
/// So many characters of a message are shown, of a part of the target said back, and of a name.
pub const MESSAGE: usize = 500;
const UNDERSTOOD: usize = 2_000;
const NAME: usize = 256;

/// So much that a status has room for it, whatever the policy and the database.
/// So many tenants are left out already.
pub fn shorten(mut target: api::TargetReport, left_out: usize) -> api::TargetReport {
    let tenants = &mut target.tenants;
    tenants.sort_by_cached_key(|tenant| {
        (Reverse(tenant.deleted + tenant.updated + tenant.overdue), tenant.name.clone())
    });
    let omitted = (tenants.len().saturating_sub(SHOWN) + left_out) as u64;
    tenants.truncate(SHOWN);
    target.tenants_omitted = target.tenants_omitted.max((omitted > 0).then(|| count(omitted)));
    if let Some(access) = &mut target.access {
        clip(&mut access.why, MESSAGE);
        for list in [&mut access.triggers, &mut access.set_null, &mut access.notes] {
            let more = list.len().saturating_sub(SHOWN);
            list.truncate(SHOWN);
            for text in list.iter_mut() {
                clip(text, MESSAGE);
            }
            list.extend((more > 0).then(|| format!("and {more} more")));
        }
    }
    for text in target.understood.values_mut() {
        clip(text, UNDERSTOOD);
    }
    let unknown = target.unknown_tenants.iter_mut().map(|tenant| &mut tenant.message);
    let failed = target.failures.iter_mut().map(|failure| &mut failure.message);
    for text in unknown.chain(failed).chain(&mut target.message) {
        clip(text, MESSAGE);
    }
    target
}

/// What may be told of a tenant.
#[derive(Clone, Copy)]
pub struct Told<'p> {
    pub name: &'p str,
    /// `None`: there is no window, keepNewest alone decides; or the name is another spelling of one
    /// that the column takes for equal.
    pub window: Option<&'p TenantWindow>,
    pub counts: TenantCounts,
}

/// Those of whom may be told, the most affected and all that an earlier pod told of; and how many
/// there are. Of thousands only these are put into words.
pub fn most_affected<'p>(
    counts: &'p BTreeMap<String, TenantCounts>,
    windows: &'p [TenantWindow],
    told: &BTreeSet<&str>,
) -> (Vec<Told<'p>>, usize) {
    let mut all: Vec<Told<'_>> = Vec::with_capacity(windows.len());
    let (mut counted, mut known) = (counts.iter().peekable(), windows.iter().peekable());
    // Both are in the order of their names.
    loop {
        let next = match (counted.peek(), known.peek()) {
            (None, None) => break,
            (Some((name, _)), Some(window)) => name.as_str().min(&window.name),
            (Some((name, _)), None) => name.as_str(),
            (None, Some(window)) => &window.name,
        };
        all.push(Told {
            name: next,
            window: known.next_if(|window| window.name == next),
            counts: counted
                .next_if(|(name, _)| *name == next)
                .map(|(_, own)| *own)
                .unwrap_or_default(),
        });
    }
    all.sort_by_key(|tenant| Reverse(tenant.counts.gone + tenant.counts.overdue));
    let is_told = |name: &str| !told.is_empty() && told.contains(short_name(name).as_str());
    let first = all.iter().take(SHOWN);
    let more = all.iter().skip(SHOWN).filter(|tenant| is_told(tenant.name));
    (first.chain(more).copied().collect(), all.len())
}

/// At most so many characters.
pub fn clip(text: &mut String, most: usize) {
    if let Some((at, _)) = text.char_indices().nth(most) {
        text.truncate(at);
        text.push('…');
    }
}

/// Names stay apart when they are shortened, and every pod shortens them alike.
pub fn short_name(name: &str) -> String {
    if name.chars().nth(NAME).is_none() {
        return name.to_owned();
    }
    let mut short = name.to_owned();
    clip(&mut short, NAME);
    short + &Key(vec![Value::Text(name.to_owned())]).hash()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Window;

    fn windows(names: impl IntoIterator<Item = String>) -> Vec<TenantWindow> {
        let forever = |name| TenantWindow { name, window: Window::Forever, cutoff: None };
        names.into_iter().map(forever).collect()
    }

    #[test]
    fn a_status_stays_small_whatever_the_database_is_full_of() {
        let long = |at: usize| format!("{at:05}{}", "é".repeat(5_000));
        let tenants = (0..10_000).map(|at| api::TenantReport {
            name: short_name(&long(at)),
            deleted: 1,
            ..api::TenantReport::default()
        });
        let access = api::Access {
            path: api::AccessPath::Sweep,
            why: long(0),
            index: None,
            triggers: (0..100).map(long).collect(),
            set_null: Vec::new(),
            notes: vec![long(1)],
        };
        let whole = api::TargetReport {
            tenants: tenants.collect(),
            access: Some(access),
            message: Some(long(2)),
            understood: [("where".to_owned(), long(3))].into(),
            ..api::TargetReport::default()
        };
        let target = shorten(whole, 5);
        let json = serde_json::to_string(&target).expect("plain data");
        assert!(json.len() < 60_000, "{}", json.len());
        assert_eq!((target.tenants.len(), target.tenants_omitted), (20, Some(9_985)));
        let triggers = target.access.expect("it has one").triggers;
        assert_eq!((triggers.len(), triggers[20].as_str()), (21, "and 80 more"));
    }

    #[test]
    fn of_thousands_of_tenants_only_those_are_put_into_words_of_whom_may_be_told() {
        let windows = windows((0..1_000).map(|at| format!("{at:04}")));
        let lost =
            |at: usize| (format!("{at:04}"), TenantCounts { gone: at as u64 / 100, overdue: 0 });
        let counts: BTreeMap<String, TenantCounts> = (100..1_000).map(lost).collect();
        let (told, all) = most_affected(&counts, &windows, &["0007", "0900"].into());
        let names: Vec<&str> = told.iter().map(|tenant| tenant.name).collect();
        let expected: Vec<String> = (900..920).chain([7]).map(|at| format!("{at:04}")).collect();
        assert_eq!((names, all), (expected.iter().map(String::as_str).collect(), 1_000));
    }

    #[test]
    fn who_lost_nothing_is_told_with_its_window_and_who_has_no_window_with_what_it_lost() {
        let windows = windows(["acme", "globex", "initech"].map(str::to_owned));
        let lost = |name: &str, gone| (name.to_owned(), TenantCounts { gone, overdue: 0 });
        let counts = [lost("GLOBEX", 2), lost("initech", 3), lost("umbrella", 0)].into();
        let (told, all) = most_affected(&counts, &windows, &BTreeSet::new());
        let said: Vec<_> = told
            .iter()
            .map(|tenant| (tenant.name, tenant.window.is_some(), tenant.counts.gone))
            .collect();
        let expected = [
            ("initech", true, 3),
            ("GLOBEX", false, 2),
            ("acme", true, 0),
            ("globex", true, 0),
            ("umbrella", false, 0),
        ];
        assert_eq!((said.as_slice(), all), (expected.as_slice(), 5));
    }

    #[test]
    fn long_names_stay_apart() {
        let (one, other) = ("x".repeat(256) + "1", "x".repeat(256) + "2");
        assert_ne!(short_name(&one), short_name(&other));
        assert_eq!(short_name(&one), short_name(&one));
        assert_eq!(short_name("acme"), "acme");
    }
}
