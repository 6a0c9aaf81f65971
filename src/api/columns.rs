//! What `kubectl get` shows of an object, in this order.

use serde_json::{Value, json};

/// A column: title, type, where it is found, and what it says.
type Column = (&'static str, &'static str, &'static str, &'static str);

/// The columns of a kind: those that are always there, and those of `-o wide`.
pub fn of(kind: &str) -> Value {
    let (always, wide): (&[Column], &[Column]) = match kind {
        "DatabaseConnection" => (DATABASE_CONNECTION, WHY_READY),
        "RetentionPolicy" => (RETENTION_POLICY, WHY_READY),
        _ => (PURGE_RUN, PURGE_RUN_WIDE),
    };
    let column = |(title, of_type, path, says): &Column, priority: i32| json!({"name": title, "type": of_type, "jsonPath": path, "description": says, "priority": priority});
    let always = always.iter().map(|one| column(one, 0));
    always.chain(wide.iter().map(|one| column(one, 1))).collect()
}

const AGE: Column = ("AGE", "date", ".metadata.creationTimestamp", "When it was made.");

const WHY_READY: &[Column] = &[
    (
        "REASON",
        "string",
        r#".status.conditions[?(@.type=="Ready")].reason"#,
        "Why it is ready or not, in one word.",
    ),
    (
        "MESSAGE",
        "string",
        r#".status.conditions[?(@.type=="Ready")].message"#,
        "The same in a sentence, with the next step.",
    ),
];

const DATABASE_CONNECTION: &[Column] = &[
    (
        "READY",
        "string",
        r#".status.conditions[?(@.type=="Ready")].status"#,
        "Whether it can be used as it is written.",
    ),
    ("LAST RUN", "date", ".status.lastRun.time", "When the newest run that used it ended."),
    AGE,
];

// A date column shows how long ago something was, and of what is to come only that it is invalid: the next run is text.
const RETENTION_POLICY: &[Column] = &[
    (
        "CONNECTION",
        "string",
        ".spec.connectionRef.name",
        "The DatabaseConnection that it works on.",
    ),
    ("SCHEDULE", "string", ".spec.schedule", "When it runs."),
    (
        "READY",
        "string",
        r#".status.conditions[?(@.type=="Ready")].status"#,
        "Whether it can run as it is written, and its last scheduled run ended well.",
    ),
    ("LAST RUN", "date", ".status.lastRun.completionTime", "When its last run ended."),
    ("DELETED", "integer", ".status.deletedTotal", "Rows that its runs have deleted so far."),
    (
        "OVERDUE",
        "integer",
        ".status.overdue.rows",
        "Rows that should have gone and were still there after the last run.",
    ),
    ("NEXT RUN", "string", ".status.nextScheduleTime", "The next slot of its schedule."),
    AGE,
];

const PURGE_RUN: &[Column] = &[
    ("POLICY", "string", ".spec.policyRef.name", "The RetentionPolicy that it runs."),
    (
        "STATUS",
        "string",
        r#".status.conditions[?(@.status=="True")].type"#,
        "The first of its conditions that is True.",
    ),
    // Without it, what a dry run counted would look as if it were gone.
    ("DRY RUN", "boolean", ".status.dryRun", "True: the counts tell what a run would do."),
    (
        "DELETED",
        "integer",
        ".status.totals.deleted",
        "Rows of the targets' own tables that were deleted.",
    ),
    (
        "OVERDUE",
        "integer",
        ".status.totals.overdue",
        "Rows that should have gone and are still there.",
    ),
    AGE,
];

const PURGE_RUN_WIDE: &[Column] = &[
    (
        "UPDATED",
        "integer",
        ".status.totals.updated",
        "Rows of the targets' own tables that were changed.",
    ),
    ("HELD", "integer", ".status.totals.held", "Rows that an exemption held."),
    ("STARTED", "date", ".status.startTime", "When work began."),
    (
        "REASON",
        "string",
        r#".status.conditions[?(@.status=="True")].reason"#,
        "Why it is so, in one word.",
    ),
    (
        "MESSAGE",
        "string",
        r#".status.conditions[?(@.status=="True")].message"#,
        "The same in a sentence, with the next step.",
    ),
];
