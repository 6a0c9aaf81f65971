//! Conditions as Kubernetes has them: what is wanted, laid over what was.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

/// Longer messages end here; the whole is in the log or the report.
const LONGEST: usize = 1024;

/// A condition without its times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    pub type_: &'static str,
    pub status: bool,
    pub reason: String,
    pub message: String,
}

impl Wanted {
    pub fn new(
        type_: &'static str,
        status: bool,
        reason: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        let mut message: String = message.into();
        if let Some((end, _)) = message.char_indices().nth(LONGEST) {
            message.truncate(end);
            message.push_str(" ...");
        }
        Self { type_, status, reason: reason.into(), message }
    }
}

/// All that is wanted and nothing else, sorted by type; a time changes only where a status does.
pub fn merged(
    old: &[Condition],
    wanted: &[Wanted],
    generation: Option<i64>,
    now: Timestamp,
) -> Vec<Condition> {
    let mut conditions: Vec<Condition> = wanted
        .iter()
        .map(|wanted| {
            let status = if wanted.status { "True" } else { "False" };
            let since = old
                .iter()
                .find(|old| old.type_ == wanted.type_ && old.status == status)
                .map_or_else(|| seconds(now), |old| old.last_transition_time.clone());
            Condition {
                type_: wanted.type_.to_owned(),
                status: status.to_owned(),
                reason: wanted.reason.clone(),
                message: wanted.message.clone(),
                observed_generation: generation,
                last_transition_time: since,
            }
        })
        .collect();
    conditions.sort_by(|a, b| a.type_.cmp(&b.type_));
    conditions
}

/// Whole seconds, as Kubernetes writes them.
pub fn seconds(instant: Timestamp) -> Time {
    Time(Timestamp::from_second(instant.as_second()).unwrap_or(instant))
}

/// The condition of a type, if it is there.
pub fn find<'a>(conditions: &'a [Condition], type_: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.type_ == type_)
}

/// Whether the condition is there and True.
pub fn is_true(conditions: &[Condition], type_: &str) -> bool {
    find(conditions, type_).is_some_and(|condition| condition.status == "True")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_time_changes_only_where_a_status_does() {
        let first = merged(&[], &[Wanted::new("Ready", true, "A", "a")], Some(1), at(10));
        let same = merged(&first, &[Wanted::new("Ready", true, "B", "b")], Some(2), at(20));
        assert_eq!(same[0].last_transition_time, Time(at(10)));
        assert_eq!((same[0].reason.as_str(), same[0].observed_generation), ("B", Some(2)));
        let other = merged(&same, &[Wanted::new("Ready", false, "C", "c")], Some(2), at(30));
        assert_eq!(other[0].last_transition_time, Time(at(30)));
    }

    #[test]
    fn what_is_no_longer_wanted_goes() {
        let both = [Wanted::new("Stalled", true, "A", ""), Wanted::new("Ready", false, "A", "")];
        let old = merged(&[], &both, None, at(1));
        assert_eq!(old.iter().map(|c| c.type_.as_str()).collect::<Vec<_>>(), ["Ready", "Stalled"]);
        let new = merged(&old, &[Wanted::new("Ready", true, "B", "")], None, at(2));
        assert_eq!(new.len(), 1);
    }

    #[test]
    fn a_long_message_is_cut_between_letters() {
        let wanted = Wanted::new("Ready", false, "A", "ü".repeat(3000));
        assert_eq!(wanted.message.chars().count(), LONGEST + 4);
    }
}
