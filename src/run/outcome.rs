//! What a run came to, and how it is said.

use super::record::Fault;
use crate::api::{PurgeRun, ServerReport};
use crate::declare::Refused;
use crate::model::Refusal;

/// One thing that is wrong with the input; nothing was touched.
#[derive(Debug, Clone, serde::Serialize)]
pub struct RefusalLine {
    /// The manifest, or `command line`.
    pub file: String,
    /// `Kind/name`.
    pub object: String,
    /// Where in the object.
    pub field: String,
    /// A documented word.
    pub reason: String,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub write: String,
}

impl std::fmt::Display for RefusalLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { file, object, field, reason: _, message, write } = self;
        for part in [file, object, field] {
            if !part.is_empty() {
                write!(f, "{part}: ")?;
            }
        }
        write!(f, "{}: {write}", one_line(message))
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What a run came to.
#[derive(Debug)]
pub struct Outcome {
    /// One for each policy that ran.
    pub reports: Vec<PurgeRun>,
    /// Not empty: nothing was touched.
    pub refusals: Vec<RefusalLine>,
    /// Databases that could not be reached, each with its policy, or the API.
    pub unreachable: Vec<String>,
    /// The server that was reached last.
    pub server: Option<ServerReport>,
    /// Why the run was stopped, where its record says so.
    pub stopped: Option<String>,
    /// What was left aside, for the log.
    pub notes: Vec<String>,
    /// The process's exit code: 0 complete, 1 a target failed or stopped, a row could not go or a
    /// window is unknown, 2 refused, 3 not reached. Of several the highest.
    pub exit: u8,
}

impl Outcome {
    pub(super) fn new(notes: Vec<String>, exit: u8) -> Self {
        let (reports, refusals, unreachable) = (Vec::new(), Vec::new(), Vec::new());
        Self { reports, refusals, unreachable, server: None, stopped: None, notes, exit }
    }

    pub(super) fn refused(refused: Vec<Refused>, notes: Vec<String>) -> Self {
        let refusals = refused.into_iter().map(line).collect();
        Self { refusals, ..Self::new(notes, 2) }
    }

    /// The record could not be asked or told.
    pub(super) fn untold(mut self, fault: Fault, so: &str) -> Self {
        match fault {
            Fault::Gone(message) => {
                self.stopped = Some(format!("{message}: {so}"));
                self.exit = 1;
            }
            Fault::Unreachable(message) => {
                self.unreachable.push(format!("{message}: {so}"));
                self.exit = 3;
            }
        }
        self
    }

    /// What it came to in few words, for who sees the pod and not its log.
    pub fn last_words(&self) -> String {
        let mut lines: Vec<String> = self.refusals.iter().map(ToString::to_string).collect();
        lines.extend(self.unreachable.iter().map(|message| format!("not reached: {message}")));
        lines.extend(self.stopped.iter().map(|why| format!("stopped: {why}")));
        let statuses = self.reports.iter().filter_map(|report| report.status.as_ref());
        for status in statuses {
            if let Some(totals) = &status.totals {
                let least = if totals.at_least == Some(true) { "at least " } else { "" };
                lines.push(format!(
                    "{least}{} deleted, {} updated, {} overdue",
                    totals.deleted, totals.updated, totals.overdue
                ));
            }
            lines.extend(status.targets.iter().map(|target| {
                let outcome = target.outcome.map(|outcome| format!("{outcome:?}"));
                let message = target.message.iter().map(|message| format!(": {message}"));
                format!(
                    "{}: {}{}",
                    target.name,
                    outcome.unwrap_or_default(),
                    message.collect::<String>()
                )
            }));
        }
        lines.join("\n")
    }
}

fn line(Refused { file, object, refusal }: Refused) -> RefusalLine {
    let Refusal { field, reason, message, write } = refusal;
    RefusalLine { file, object, field, reason: reason.word().to_owned(), message, write }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_words_say_what_it_came_to_and_why() {
        let mut run = PurgeRun::new("r", crate::api::PurgeRunSpec::default());
        let status = serde_json::json!({
            "totals": {"deleted": 8, "updated": 0, "dependents": 16, "files": 0, "held": 1, "overdue": 2},
            "targets": [
                {"name": "chats", "outcome": "Done"},
                {"name": "logs", "outcome": "Failed", "message": "see the table's triggers"},
            ],
        });
        run.status = serde_json::from_value(status).expect("a status");
        let outcome = Outcome { reports: vec![run], ..Outcome::new(Vec::new(), 1) };
        assert_eq!(
            outcome.last_words(),
            "8 deleted, 0 updated, 2 overdue\nchats: Done\nlogs: Failed: see the table's triggers"
        );
        let fault = Fault::Unreachable("PurgeRun/r: no answer".to_owned());
        let untold = Outcome::new(Vec::new(), 0).untold(fault, "nothing was touched");
        assert_eq!(untold.last_words(), "not reached: PurgeRun/r: no answer: nothing was touched");
        assert_eq!(untold.exit, 3);
    }
}
