//! Windows: how long data is kept, and who says so.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{merge, rules};

/// How long data is kept. A tenant's window is the one under `tenants`, else the first answer from `sources`, else
/// `default`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WindowSpec {
    /// Required. The window of every tenant for whom nobody else has an answer. A whole number and a unit, `14d`,
    /// or the word `Forever`. Units are `s`, `min`, `h`, `d`, `w`, `mo` and `y`; at least `1s`. A plain `m` is
    /// refused, because it could be minutes or months. Months and years are steps of the calendar in the policy's
    /// `timeZone`, all others have a fixed length.
    #[schemars(length(max = 32), transform = rules::window::length)]
    pub default: String,

    /// Default none. Windows of single tenants; they come before every source. A list keyed by `name`.
    #[schemars(length(max = rules::window::TENANTS), transform = merge::by_name)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tenants: Vec<TenantWindow>,

    /// Default none. Where else windows are found. Asked in the order written until one answers; one that has
    /// nothing to say passes the question on. One that fails ends the asking: that tenant's window is unknown,
    /// all its rows are kept, and the report names it. A list keyed by `name`.
    #[schemars(length(max = 8), transform = merge::by_name)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<WindowSource>,

    /// Default Exact. `Exact` takes the window back from the run's clock, to the second. `StartOfDay` moves the
    /// result further back to midnight in the policy's `timeZone`, so that a day's rows go together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cutoff: Option<CutoffRule>,
}

/// How the cutoff is found from clock and window.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[schemars(description = "")]
pub enum CutoffRule {
    /// Clock minus window.
    Exact,
    /// The start of the day in which that falls.
    StartOfDay,
}

/// The window of one tenant.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TenantWindow {
    /// Required. The tenant as the database spells it. It is text: write `"42"`, not `42`.
    #[schemars(length(min = 1, max = rules::IDENTIFIER))]
    pub name: String,

    /// Required. A window such as `365d`, or `Forever`.
    #[schemars(length(max = 32), transform = rules::window::length)]
    pub window: String,
}

/// A place that knows windows. Exactly one of `service`, `table` and `configMap` must be given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = rules::window::source)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WindowSource {
    /// Required. The name of this source in messages and reports.
    #[schemars(transform = rules::part_name)]
    pub name: String,

    /// Default none: an answer is text that brings its unit along, `30d`. With a unit, an answer must be a whole
    /// number of that unit. `Seconds`, `Minutes`, `Hours`, `Days` and `Weeks` have a fixed length; `Months` and
    /// `Years` are steps of the calendar.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<Unit>,

    /// Default none: 0 and negative answers leave the window unknown, so the tenant is kept and reported. `Forever`
    /// reads them as a wish to keep everything; `Silent` reads them as having no opinion. No setting makes them mean
    /// that everything goes at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub non_positive: Option<NonPositive>,

    /// Ask one of the connection's HTTP services.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceSource>,

    /// Read a table of the database that is purged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table: Option<TableSource>,

    /// Read a ConfigMap whose keys are tenants.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config_map: Option<ConfigMapSource>,
}

/// The unit of a bare number.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[schemars(description = "")]
pub enum Unit {
    /// Seconds.
    Seconds,
    /// Minutes.
    Minutes,
    /// Hours.
    Hours,
    /// Days of 24 hours.
    Days,
    /// Weeks of seven such days.
    Weeks,
    /// Calendar months.
    Months,
    /// Calendar years.
    Years,
}

/// What zero and negative windows mean.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[schemars(description = "")]
pub enum NonPositive {
    /// Keep everything.
    Forever,
    /// No opinion: go on to the next source.
    Silent,
}

/// A window out of the JSON answer of an HTTP service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ServiceSource {
    /// Required. The name of one of the connection's `services`.
    #[schemars(length(min = 1, max = rules::PART_NAME))]
    pub name: String,

    /// Required. A JSON pointer to the window in the answer, for example `/retention_window_days`. A null found
    /// there means no opinion; nothing found there leaves the window unknown.
    #[schemars(length(max = rules::PATH), transform = rules::window::pointer)]
    pub pointer: String,
}

/// A window out of a table. The connection must allow `Read` on it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TableSource {
    /// Required. The table, spelled as the catalog has it, for example `public.organizations`.
    #[schemars(length(min = 1, max = rules::IDENTIFIER))]
    pub name: String,

    /// Default none: the table has one window for all tenants. An SQL expression on this table for the tenant that
    /// a row speaks of, for example `id`. Two rows for one tenant leave its window unknown.
    #[schemars(length(min = 1, max = rules::EXPRESSION))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,

    /// Required. An SQL expression on this table for the window, for example `retention_days`. NULL, or no row at
    /// all, means no opinion.
    #[schemars(length(min = 1, max = rules::EXPRESSION))]
    pub value: String,

    /// Default none: all rows count. An SQL condition that says which rows hold windows, for example
    /// `"key = 'chat_days'"`.
    #[schemars(length(min = 1, max = rules::EXPRESSION))]
    #[serde(rename = "where", skip_serializing_if = "Option::is_none")]
    pub r#where: Option<String>,
}

/// Windows out of a ConfigMap in the policy's namespace: keys are tenants, values are windows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConfigMapSource {
    /// Required. The name of the ConfigMap. A tenant without a key has no opinion there. If the ConfigMap itself is
    /// missing, the windows are unknown and every tenant that asks it is kept.
    #[schemars(length(min = 1, max = rules::OBJECT_NAME))]
    pub name: String,
}
