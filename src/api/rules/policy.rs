//! The rules of a RetentionPolicy, but for its windows and targets.

use schemars::Schema;

use super::rule;

/// The most characters of a policy's name. Its runs are named after it and their slot, and a Job's name, which its
/// pods carry as a label, has no more than 63.
pub const NAME: &str = "size(self.metadata.name) <= 52";
pub const NAME_MESSAGE: &str =
    "metadata.name is too long, because its runs are named after it: write at most 52 characters";

pub fn spec(schema: &mut Schema) {
    rule(
        schema,
        "has(self.window) || self.targets.all(t, !has(t.age) || has(t.window))",
        "a target has an age and nothing says how old is too old: write window: {default: 30d}, or a window in the \
         target",
    );
}

pub fn schedule(schema: &mut Schema) {
    rule(
        schema,
        "!self.contains('TZ=')",
        "a time zone stands in the cron line: write it as timeZone, and five cron fields here",
    );
    // Whether the fields make sense is judged where they are read, by the parser that finds the slots.
    rule(
        schema,
        "self.contains('TZ=') || self.matches('^\\\\s*[^@\\\\s]\\\\S*(\\\\s+\\\\S+){4}\\\\s*$') || self.trim() in \
         ['@yearly', '@annually', '@monthly', '@weekly', '@daily', '@midnight', '@hourly']",
        "these are not five cron fields: write five, e.g. \"0 2 * * *\", or a macro such as @daily; @every has no slots \
         that a clock could name",
    );
}
