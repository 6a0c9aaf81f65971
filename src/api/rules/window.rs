//! The rules of windows and of what knows them.

use schemars::Schema;

use super::{exactly_one, rule, rule_that_tells};

/// The most windows that are written out. More belong in a source: ten times as many make an object of half a
/// megabyte.
pub const TENANTS: usize = 1000;

pub fn length(schema: &mut Schema) {
    rule_that_tells(
        schema,
        "self == 'Forever' || self.matches('^0*[1-9][0-9]*(s|min|h|d|w|mo|y)$')",
        "self.matches('^[0-9]+m$') \
         ? '`' + self + '` can mean minutes or months: write ' + self + 'in or ' + self + 'o' \
         : '`' + self + '` is no window: write a whole number from 1 and one of s, min, h, d, w, mo, y, e.g. 30d, or Forever'",
    );
}

pub fn source(schema: &mut Schema) {
    exactly_one(schema, &["service", "table", "configMap"]);
    rule(
        schema,
        "has(self.unit) || !has(self.nonPositive)",
        "nonPositive says what numbers mean, and without unit the value is a text: write unit: Days, or remove \
         nonPositive",
    );
}

pub fn pointer(schema: &mut Schema) {
    rule(
        schema,
        "self == '' || self.startsWith('/')",
        "a JSON pointer begins with a slash: write one such as /retention_window_days",
    );
}
