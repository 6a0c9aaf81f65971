//! The engines that a DatabaseConnection may name, and how each is reached.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{merge, rules};

/// A PostgreSQL database and the Secret that says how to log in.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Postgres {
    /// Required. The Secret key that holds a URL such as `postgresql://user:password@host:5432/app`. The
    /// application Secret that CloudNativePG writes can be named as it is, with key `uri`.
    pub secret_key_ref: SecretKeyRef,

    /// Default none: the URL's `sslmode` decides, and without one TLS is required but the server's name is not
    /// verified. The Secret key that holds a CA in PEM; with it certificate and host name are always verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_secret_key_ref: Option<SecretKeyRef>,
}

/// A MySQL or MariaDB database and the Secret that says how to log in.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Mysql {
    /// Required. The Secret key that holds a URL such as `mysql://user:password@host:3306/app`.
    pub secret_key_ref: SecretKeyRef,

    /// Default none: the URL's TLS options decide, and without one TLS is required but the server's name is not
    /// verified. The Secret key that holds a CA in PEM; with it certificate and host name are always verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_secret_key_ref: Option<SecretKeyRef>,
}

/// SQLite database files on the connection's volume.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Sqlite {
    /// Required. The file, relative to the volume, for example `data/app.db`. One `*` may stand for one whole
    /// path segment, as in `agents/*/chat.db`: each match is a database of its own, and what the `*` matched is
    /// its tenant.
    #[schemars(length(max = rules::PATH), transform = rules::connection::path, transform = rules::connection::star)]
    pub path: String,

    /// Default none. More SQLite files, attached beside the main one as `ATTACH` does. A list keyed by `name`.
    #[schemars(length(max = 9), transform = merge::by_name)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attach: Vec<Attach>,
}

/// A further SQLite file beside the main one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Attach {
    /// Required. The schema name of the file: with `evonic`, its table `users` is spelled `evonic.users`.
    #[schemars(length(min = 1, max = rules::PART_NAME), transform = rules::connection::attached_name)]
    pub name: String,

    /// Required. The file, relative to the volume. Hazard: if the machine dies between two files' commits, the
    /// attached file may already have lost its rows while the main one still has them; the next run goes on.
    #[schemars(length(max = rules::PATH), transform = rules::connection::path, transform = rules::connection::star)]
    pub path: String,
}

/// A file that holds one JSON object; each member of the object is a row.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Json {
    /// Required. The file, relative to the volume, for example `sessions.json`. It is replaced as a whole, and
    /// only if it has not changed since it was read.
    #[schemars(length(max = rules::PATH), transform = rules::connection::path, transform = rules::connection::no_star)]
    pub path: String,

    /// Required. How the object's members read as rows of a table.
    pub table: JsonTable,

    /// Default none. SQLite files that conditions and dependents may use beside the JSON table. A list keyed by
    /// `name`.
    #[schemars(length(max = 9), transform = merge::by_name)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attach: Vec<Attach>,
}

/// The table that a JSON object is read as.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JsonTable {
    /// Required. The name by which policies call the table, for example `sessions`.
    #[schemars(length(min = 1, max = rules::IDENTIFIER))]
    pub name: String,

    /// Required. The column name given to each member's key, for example `session_key`.
    #[schemars(length(min = 1, max = rules::IDENTIFIER))]
    pub key: String,

    /// Default none. The properties of each member that expressions may read, as columns of these names. All
    /// other properties stay in the file as they are and are never looked at.
    #[schemars(length(max = 64), inner(length(min = 1, max = rules::IDENTIFIER)), transform = merge::set)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
}

/// One key of one Secret in this namespace.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecretKeyRef {
    /// Required. The name of the Secret.
    #[schemars(length(min = 1, max = rules::OBJECT_NAME))]
    pub name: String,

    /// Required. The key in the Secret, for example `uri`.
    #[schemars(length(min = 1, max = rules::OBJECT_NAME))]
    pub key: String,
}
