//! What goes, changes or is written together with a row of a target.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rules;

/// Rows of another table that go, or change, together with a row of the target's table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = rules::target::dependent)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Dependent {
    /// Required. The name of this dependent in reports, and for `of`.
    #[schemars(transform = rules::part_name)]
    pub name: String,

    /// Default: the target's own rows. The name of an earlier dependent whose rows this one's rows point to.
    #[schemars(length(min = 1, max = rules::PART_NAME))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,

    /// Required. The table of these rows, spelled as the catalog has it.
    #[schemars(length(min = 1, max = rules::IDENTIFIER))]
    pub table: String,

    /// Required. Which rows belong: columns of this table, each with the column it points to. `{chat_id: id}` reads
    /// as: our `chat_id` is the `id` of the row that goes. Hazard: above 10,000 rows `chat_id` needs an index, or the
    /// target is refused.
    #[schemars(transform = rules::target::references)]
    pub references: BTreeMap<String, String>,

    /// Default none: all rows that belong. An SQL condition that narrows them, for example `"not archived"`.
    #[schemars(length(min = 1, max = rules::EXPRESSION))]
    #[serde(rename = "where", skip_serializing_if = "Option::is_none")]
    pub r#where: Option<String>,

    /// Default Delete. `Delete` removes the rows. `Update` changes them as `set` says. `Keep` leaves them as they are,
    /// pointing to a row that is gone: the policy then runs with foreign keys switched off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<DependentAction>,

    /// Default none. With `Update`, and only with it: columns and the SQL expressions they are set to, for example
    /// `{parent_id: "null"}`.
    #[schemars(transform = rules::target::set)]
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub set: BTreeMap<String, String>,
}

/// What happens to dependent rows.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[schemars(description = "")]
pub enum DependentAction {
    /// They are removed.
    Delete,
    /// They are changed.
    Update,
    /// They stay.
    Keep,
}

/// A file that goes together with a row. Exactly one of `column` and `expression` must be given. A path that leads out of
/// the volume, through a symbolic link, or to something the connection does not allow keeps its row.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = rules::target::column_or_expression)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FileRule {
    /// Required. The name of this rule in reports.
    #[schemars(transform = rules::part_name)]
    pub name: String,

    /// Default: the target's own rows. The name of a dependent whose rows own the files.
    #[schemars(length(min = 1, max = rules::PART_NAME))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,

    /// The column that holds the path, for example `file_path`. NULL means that there is no file.
    #[schemars(length(min = 1, max = rules::IDENTIFIER))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,

    /// An SQL expression for the path, for example `"'agents/' || :tenant || '/' || id || '.jsonl'"`. NULL means that
    /// there is no file.
    #[schemars(length(min = 1, max = rules::EXPRESSION))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expression: Option<String>,

    /// Default File. `File` is one file; one that is missing is no error. `Directory` is a folder with all that is in
    /// it, which must not hold what belongs to another row.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub r#type: Option<FileType>,
}

/// What a path is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[schemars(description = "")]
pub enum FileType {
    /// One file.
    File,
    /// A folder and what is in it.
    Directory,
}

/// A row written for each row that goes or changes. The connection must allow `Insert` on the table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Record {
    /// Required. The name of this record in messages.
    #[schemars(transform = rules::part_name)]
    pub name: String,

    /// Required. The table written to, spelled as the catalog has it, for example `audit_logs`.
    #[schemars(length(min = 1, max = rules::IDENTIFIER))]
    pub table: String,

    /// Required. Columns of that table and the SQL expressions for their values, which see the row as it was. Example:
    /// `{time: ":now", resource_id: "id", action: "'archive'"}`.
    #[schemars(transform = rules::target::set)]
    pub values: BTreeMap<String, String>,
}
