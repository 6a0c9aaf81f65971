//! Target: which rows of one table go, and everything that goes with them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::dependent::{Dependent, FileRule, Record};
use super::window::WindowSpec;
use super::{merge, rules};

/// Which rows of one table go when their time is up, and everything that goes with them. SQL in it is the
/// database's own, one expression at a time; quote it in YAML. `:now` is the run's clock, `:cutoff` the moment before
/// which a row is too old, `:tenant` the row's tenant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = rules::target::target)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Target {
    /// Required. The name of this target in runs and reports.
    #[schemars(transform = rules::part_name)]
    pub name: String,

    /// Required. The table, spelled as the catalog has it: `agent_chats` or `public.agent_chats`, case included,
    /// without SQL's quotes.
    #[schemars(length(min = 1, max = rules::IDENTIFIER))]
    pub table: String,

    /// Required. `Delete` removes the rows. `Update` changes them as `set` says and leaves them in place.
    pub action: TargetAction,

    /// Default none. With `Update`, and only with it: columns and the SQL expressions they are set to, which see the
    /// row as it was. Example: `{archived: "true", updated_at: ":now"}`. The new values must take the row out of what
    /// this target selects, or it would be changed again by every run; a target where they do not is refused.
    #[schemars(transform = rules::target::set)]
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub set: BTreeMap<String, String>,

    /// Default: the policy's `window`. A window here stands instead of the policy's as a whole; its tenants and
    /// sources are not added to the policy's. Without an `age` only `Forever` and unknown windows have an effect: they
    /// keep rows that `keepNewest` would let go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<WindowSpec>,

    /// Default: what the `*` of a connection's path matched, else no tenants at all. Whose a row is. A row whose
    /// tenant is NULL is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<ColumnOrExpression>,

    /// How old a row is. A row goes only if its age is earlier than the cutoff, never if it is equal. At least one of
    /// `age` and `keepNewest` must be given; with both, a row goes only if both let it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age: Option<Age>,

    /// Keep a number of newest rows and let the rest go. At least one of `age` and `keepNewest` must be given; with
    /// both, a row goes only if both let it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_newest: Option<KeepNewest>,

    /// Default none: the whole table. An SQL condition that says which rows the target is about, for example
    /// `"status = 'finished'"`. Rows for which it is false or NULL are left alone and not counted.
    #[schemars(length(min = 1, max = rules::EXPRESSION))]
    #[serde(rename = "where", skip_serializing_if = "Option::is_none")]
    pub r#where: Option<String>,

    /// Default none. Reasons to keep a row that would otherwise go. Each reports how many rows it held. A list keyed
    /// by `name`.
    #[schemars(length(max = rules::target::PARTS), transform = merge::by_name)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exemptions: Vec<Exemption>,

    /// Default none. Rows of other tables that go, or change, together with a row of this one. Each comes after the
    /// one it hangs on. Hazard: rows of a table that is not listed here are never deleted, so a foreign key that would
    /// cascade into such a table refuses the target. A list keyed by `name`.
    #[schemars(length(max = rules::target::PARTS), transform = merge::by_name)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dependents: Vec<Dependent>,

    /// Default none. Files on the connection's volume that go together with a row. A list keyed by `name`.
    #[schemars(length(max = 16), transform = merge::by_name)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FileRule>,

    /// Default none. Rows written for each row that goes or changes, in the same transaction: an audit trail, or an
    /// archive. A list keyed by `name`.
    #[schemars(length(max = 16), transform = merge::by_name)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub records: Vec<Record>,

    /// Default none: all that is due. At most this many rows of `table` in one run, the oldest first. Their
    /// dependents and files do not count towards it. What remains is reported as overdue.
    #[schemars(range(min = 1))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_rows_per_run: Option<i64>,
}

/// What happens to a target's rows.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[schemars(description = "")]
pub enum TargetAction {
    /// They are removed.
    Delete,
    /// They are changed.
    Update,
}

/// A column, or an SQL expression. Exactly one of them must be given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = rules::target::column_or_expression)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ColumnOrExpression {
    /// The name of a column of the table, for example `org_id`. An index on it can be used.
    #[schemars(length(min = 1, max = rules::IDENTIFIER))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,

    /// An SQL expression on the row, for example `"substr(owner, 1, instr(owner, ':') - 1)"`. No index
    /// is used for it.
    #[schemars(length(min = 1, max = rules::EXPRESSION))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expression: Option<String>,
}

/// How old a row is. Exactly one of `column` and `expression` must be given. A row whose age is NULL, infinite, zero,
/// unreadable or in the future is kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = rules::target::age)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Age {
    /// The column that holds the instant, for example `updated_at`. An index on it can be used.
    #[schemars(length(min = 1, max = rules::IDENTIFIER))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,

    /// An SQL expression for the instant, for example `"coalesce(last_seen_at, created_at)"`. No index is used for it:
    /// each run reads the table once.
    #[schemars(length(min = 1, max = rules::EXPRESSION))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expression: Option<String>,

    /// Default: `Text` where the column is declared as a text, date or time; needed for any other type, and for an
    /// expression. A number's unit is never guessed. `Text` is ISO 8601, as in
    /// `2026-01-31 12:00:00` or `2026-01-31T12:00:00Z`. `UnixSeconds` and `UnixMillis` count from 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<Encoding>,

    /// Default none. The IANA zone in which instants without an offset are meant, for example `Etc/UTC`. Needed with
    /// `Text`, also if all texts name an offset; refused with the others. The policy's `timeZone` does not stand in
    /// for it.
    #[schemars(length(min = 1, max = rules::ZONE))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
}

/// How a column holds an instant.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[schemars(description = "")]
pub enum Encoding {
    /// ISO 8601 text.
    Text,
    /// Seconds since 1970.
    UnixSeconds,
    /// Milliseconds since 1970.
    UnixMillis,
}

/// Keep the newest rows of each partition; the others may go. Rows that are held or still young take up a place among
/// the newest. Tenants whose window is `Forever` or unknown lose nothing by it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = rules::target::keep_newest)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeepNewest {
    /// Required. How many rows of each partition stay, for example 200. Rows equal in all of `orderBy` are told apart
    /// by the primary key.
    #[schemars(range(min = 1))]
    pub rows: i64,

    /// Default none: the rows of each tenant are one partition, and without a tenant all rows that the target is about.
    /// Columns whose values make a partition within that, for example `[session_id]`. Rows with NULL in one of these
    /// columns are kept.
    #[schemars(length(max = 16), inner(length(min = 1, max = rules::IDENTIFIER)), transform = merge::atomic)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub partition_by: Vec<String>,

    /// Required. Columns that say which row is newer: the greatest value is the newest, the first column counts most.
    /// Example: `[created_at, id]`. Rows with NULL or an unreadable value here are kept and take up no place.
    #[schemars(length(min = 1, max = 16), inner(length(min = 1, max = rules::IDENTIFIER)), transform = merge::atomic)]
    pub order_by: Vec<String>,

    /// Default: the age's, where the column is the age's; else values compare as the database compares them. How the
    /// first column of `orderBy` holds its instant: `Text` is ISO 8601, `UnixSeconds` and `UnixMillis` count from
    /// 1970. Give it for instants kept as text, where alphabetical order may not be the order in time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<Encoding>,

    /// Default none. The IANA zone in which instants without an offset in the first column of `orderBy` are meant, for
    /// example `Etc/UTC`.
    #[schemars(length(min = 1, max = rules::ZONE))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
}

/// A reason to keep a row that would otherwise go.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Exemption {
    /// Required. The name under which held rows are counted. A row that several exemptions hold counts under the first.
    #[schemars(transform = rules::part_name)]
    pub name: String,

    /// Required. An SQL condition, for example `"pin_order > 0"`. A row is held unless this is false; NULL holds it
    /// too. Other tables may be asked with `exists (select 1 from messages m where m.chat_id = chats.id)`.
    #[schemars(length(min = 1, max = rules::EXPRESSION))]
    pub when: String,
}
