//! The functions that expressions may call: pure ones, whose answer depends on their arguments
//! alone. `docs/reference.md` lists them for users.

/// Where a function may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allowed {
    Scalar,
    /// Only inside of a subquery.
    Aggregate,
}

const SCALAR: &[&str] = &[
    "abs",
    "ceil",
    "ceiling",
    "char",
    "coalesce",
    "concat",
    "concat_ws",
    "date",
    "datetime",
    "floor",
    "format",
    "glob",
    "hex",
    "ifnull",
    "iif",
    "instr",
    "json_array_length",
    "json_extract",
    "json_type",
    "json_valid",
    "julianday",
    "length",
    "like",
    "lower",
    "ltrim",
    "nullif",
    "octet_length",
    "printf",
    "replace",
    "round",
    "rtrim",
    "sign",
    "strftime",
    "substr",
    "substring",
    "time",
    "trim",
    "trunc",
    "typeof",
    "unicode",
    "unixepoch",
    "upper",
];

const AGGREGATE: &[&str] = &["avg", "count", "group_concat", "max", "min", "sum", "total"];

/// Dates without an argument are the machine's present moment.
const NEEDS_ARGUMENT: &[&str] = &["date", "datetime", "julianday", "time", "unixepoch"];

/// Whether a function (lower case) of so many arguments may be called, and where.
pub fn allowed_function(name: &str, arguments: usize) -> Option<Allowed> {
    // max() and min() of several values are scalars in SQLite.
    if ["max", "min"].contains(&name) && arguments > 1 {
        return Some(Allowed::Scalar);
    }
    if AGGREGATE.contains(&name) {
        return Some(Allowed::Aggregate);
    }
    if lacks_its_instant(name, arguments) {
        return None;
    }
    SCALAR.contains(&name).then_some(Allowed::Scalar)
}

/// Whether a date function reads the machine's clock for want of an argument.
pub fn lacks_its_instant(name: &str, arguments: usize) -> bool {
    NEEDS_ARGUMENT.contains(&name) && arguments == 0 || name == "strftime" && arguments < 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_lists_every_function_and_no_other() {
        let reference = include_str!("../../docs/reference.md");
        let (_, section) = reference.split_once("\n### Functions\n").unwrap();
        let (section, _) = section.split_once("\n#").unwrap();
        let listed: Vec<&str> = section
            .split('`')
            .skip(1)
            .step_by(2)
            .filter_map(|code| code.strip_suffix("()"))
            .collect();
        let allowed: Vec<&str> = SCALAR.iter().chain(AGGREGATE).copied().collect();
        for name in &allowed {
            assert!(listed.contains(name), "docs/reference.md does not list {name}()");
        }
        for name in &listed {
            assert!(allowed.contains(name), "docs/reference.md lists {name}(), which is refused");
        }
    }
}
