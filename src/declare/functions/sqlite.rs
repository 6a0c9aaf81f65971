//! SQLite's.

use super::Verdict;

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

pub fn judge(name: &str, arguments: usize) -> Verdict {
    // max() and min() of several values are scalars in SQLite.
    if ["max", "min"].contains(&name) && arguments > 1 {
        return Verdict::Scalar;
    }
    if AGGREGATE.contains(&name) {
        return Verdict::Aggregate;
    }
    if NEEDS_ARGUMENT.contains(&name) && arguments == 0 || name == "strftime" && arguments < 2 {
        return Verdict::FollowsClock;
    }
    if SCALAR.contains(&name) { Verdict::Scalar } else { Verdict::Unlisted }
}

#[cfg(test)]
pub fn names() -> Vec<&'static str> {
    SCALAR.iter().chain(AGGREGATE).copied().collect()
}
