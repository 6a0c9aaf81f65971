//! The rules of targets.

use schemars::Schema;

use super::{EXPRESSION, IDENTIFIER, columns, exactly_one, rule, rule_that_tells};

/// The most parts of one kind that a target may have. `of` is looked up among them, so that its rules cost the square.
pub const PARTS: usize = 32;

pub fn target(schema: &mut Schema) {
    rule(
        schema,
        "has(self.age) || has(self.keepNewest)",
        "without age and keepNewest every row would go: add age: {column: NAME}, or keepNewest: {rows: 200, orderBy: \
         [NAME]}",
    );
    update_sets(schema, "self.action == 'Update'");
    rule(
        schema,
        "!has(self.window) || has(self.age) || self.window.default == 'Forever' || (has(self.window.tenants) && \
         size(self.window.tenants) > 0) || (has(self.window.sources) && size(self.window.sources) > 0)",
        "the window says how old is too old, and the target has no age: add age: {column: NAME}, or remove the window",
    );
    rule(
        schema,
        "!has(self.dependents) || self.dependents.all(i, d, !has(d.of) || self.dependents.exists(j, p, j < i && p.name \
         == d.of))",
        "the of of a dependent names none above it: name a dependent that stands above, they go from the root outwards",
    );
    rule(
        schema,
        "!has(self.dependents) || self.dependents.all(d, !has(d.of) || !self.dependents.exists(p, p.name == d.of && \
         has(p.action) && p.action != 'Delete'))",
        "the of of a dependent names one that is not deleted, so nothing goes with it: name a dependent with action \
         Delete, or remove of",
    );
    rule(
        schema,
        "!has(self.files) || self.files.all(f, !has(f.of) || (has(self.dependents) && self.dependents.exists(p, p.name \
         == f.of)))",
        "the of of a file names no dependent: name one of the target's dependents, or remove of",
    );
}

/// `set` goes with Update.
fn update_sets(schema: &mut Schema, update: &str) {
    rule_that_tells(
        schema,
        &format!("({update}) == has(self.set)"),
        "has(self.set) \
         ? 'set goes with action Update only: write action: Update, or remove set' \
         : 'an Update sets something: write set: {COLUMN: EXPRESSION}'",
    );
}

pub fn column_or_expression(schema: &mut Schema) {
    exactly_one(schema, &["column", "expression"]);
}

pub fn age(schema: &mut Schema) {
    column_or_expression(schema);
    rule(
        schema,
        "!has(self.encoding) || self.encoding != 'Text' || has(self.timeZone)",
        "a text without an offset does not say in which zone it was written: write timeZone: Etc/UTC, or the zone of \
         the application's clock",
    );
    epoch_without_zone(schema);
}

pub fn keep_newest(schema: &mut Schema) {
    rule(
        schema,
        "has(self.encoding) || !has(self.timeZone)",
        "a zone without an encoding says nothing: write encoding: Text too, or remove timeZone",
    );
    epoch_without_zone(schema);
}

fn epoch_without_zone(schema: &mut Schema) {
    rule(
        schema,
        "!has(self.timeZone) || !has(self.encoding) || self.encoding == 'Text'",
        "an epoch has no time zone: remove timeZone",
    );
}

pub fn dependent(schema: &mut Schema) {
    update_sets(schema, "has(self.action) && self.action == 'Update'");
    rule(
        schema,
        "!has(self.action) || self.action != 'Keep' || !has(self.where)",
        "a kept dependent is not touched, so it has no where: remove where",
    );
}

/// Columns and what they are set to.
pub fn set(schema: &mut Schema) {
    columns(schema, PARTS, EXPRESSION);
}

pub fn references(schema: &mut Schema) {
    columns(schema, 16, IDENTIFIER);
}
