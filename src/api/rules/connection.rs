//! The rules of a DatabaseConnection.

use schemars::Schema;

use super::{exactly_one, rule};

pub fn spec(schema: &mut Schema) {
    exactly_one(schema, &["postgres", "mysql", "sqlite", "json"]);
    rule(
        schema,
        "has(self.volume) || !(has(self.sqlite) || has(self.json))",
        "a file needs the volume that it lies on: write volume: {persistentVolumeClaim: {claimName: NAME}}",
    );
    rule(
        schema,
        "has(self.volume) || self.allow.all(r, !has(r.files))",
        "files are allowed and there is no volume with files: write volume: {persistentVolumeClaim: {claimName: NAME}}, \
         or remove files",
    );
    rule(
        schema,
        "has(self.volume) || !has(self.mountPath)",
        "mountPath says where the application sees the volume, and there is none: write volume: {persistentVolumeClaim: \
         {claimName: NAME}}, or remove mountPath",
    );
}

pub fn mount_path(schema: &mut Schema) {
    rule(
        schema,
        "self.startsWith('/') && !self.matches('/[.]{1,2}(/|$)')",
        "the application sees the volume under a path from the top: write one such as /app",
    );
}

/// A path stays below its volume whatever it is joined to.
pub fn path(schema: &mut Schema) {
    rule(
        schema,
        "!self.matches('(^|/)[.]{0,2}(/|$)|[?]')",
        "the path is absolute, leaves its folder, or has an empty segment or a ?: write a path below the volume, e.g. \
         data/app.db",
    );
}

/// What the star matched is the tenant.
pub fn star(schema: &mut Schema) {
    rule(
        schema,
        "self.matches('^([^*]*|([^*]*/)?[*](/[^*]*)?)$')",
        "one * may stand for one whole segment, the tenant's: write a path such as agents/*/chat.db",
    );
}

pub fn no_star(schema: &mut Schema) {
    rule(schema, "!self.contains('*')", "the path names one file: write a path without *");
}

pub fn attached_name(schema: &mut Schema) {
    rule(
        schema,
        "!(self.lowerAscii() in ['main', 'temp'])",
        "main and temp are SQLite's own schemas: write another name",
    );
}

pub fn allow_rule(schema: &mut Schema) {
    exactly_one(schema, &["tables", "files"]);
    rule(
        schema,
        "!has(self.files) || self.actions.all(a, a == 'Delete')",
        "files can be deleted and nothing else: write actions: [Delete]",
    );
}

pub fn url(schema: &mut Schema) {
    rule(
        schema,
        "self.matches('^https?://[^/{}?#]+([/?].*)?$')",
        "the address is no HTTP URL, or its host depends on the tenant: write one such as \
         http://usage/organizations/{tenant}",
    );
}

/// Go's durations, whole numbers only.
pub fn duration(schema: &mut Schema) {
    duration_up_to(schema, "1h");
}

/// A replica may be kept behind on purpose, by days.
pub fn lag(schema: &mut Schema) {
    duration_up_to(schema, "168h");
}

fn duration_up_to(schema: &mut Schema, most: &str) {
    const FORM: &str = "self.matches('^([0-9]{1,7}ms|[0-9]{1,4}[smh])+$')";
    // Not a `pattern`: beside a failed pattern the server would also tell that the text cannot be converted.
    rule(
        schema,
        &format!(
            "{FORM} && duration(self) >= duration('10ms') && duration(self) <= duration('{most}')"
        ),
        &format!(
            "this is no duration from 10ms to {most}: write numbers with h, m, s or ms, e.g. 2s or 1m30s"
        ),
    );
}

pub fn volume(schema: &mut Schema) {
    rule(
        schema,
        "has(self.persistentVolumeClaim)",
        "nothing says which volume: write persistentVolumeClaim: {claimName: NAME}",
    );
}
