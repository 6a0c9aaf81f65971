//! PostgreSQL's: immutable ones, and stable ones that follow nothing but the session's settings,
//! which are pinned. Statements call them in `pg_catalog` and nowhere else.
//!
//! Missing on purpose: whatever calls the output or cast functions of other people's types
//! (`to_jsonb`), makes values of any size (`repeat`, `lpad`), or gives rows (`unnest`).

use super::Verdict;

const ANY: usize = 100;

/// The name, and the least and the most arguments.
const SCALAR: &[(&str, usize, usize)] = &[
    ("abs", 1, 1),
    // Of one argument it counts from the machine's present day.
    ("age", 2, 2),
    ("array_length", 2, 2),
    ("array_position", 2, 3),
    ("array_to_string", 2, 3),
    ("ascii", 1, 1),
    ("btrim", 1, 2),
    ("cardinality", 1, 1),
    ("ceil", 1, 1),
    ("ceiling", 1, 1),
    ("char_length", 1, 1),
    ("character_length", 1, 1),
    ("chr", 1, 1),
    ("coalesce", 1, ANY),
    ("concat", 1, ANY),
    ("concat_ws", 2, ANY),
    ("date_part", 2, 2),
    ("date_trunc", 2, 3),
    ("div", 2, 2),
    ("extract", 2, 2),
    ("floor", 1, 1),
    ("greatest", 1, ANY),
    ("isfinite", 1, 1),
    ("json_array_length", 1, 1),
    ("json_extract_path", 2, ANY),
    ("json_extract_path_text", 2, ANY),
    ("json_typeof", 1, 1),
    ("jsonb_array_length", 1, 1),
    ("jsonb_extract_path", 2, ANY),
    ("jsonb_extract_path_text", 2, ANY),
    ("jsonb_set", 3, 4),
    ("jsonb_strip_nulls", 1, 1),
    ("jsonb_typeof", 1, 1),
    ("least", 1, ANY),
    ("left", 2, 2),
    ("length", 1, 1),
    ("lower", 1, 1),
    ("ltrim", 1, 2),
    ("make_date", 3, 3),
    ("make_interval", 1, 7),
    ("make_timestamp", 6, 6),
    ("make_timestamptz", 6, 7),
    ("md5", 1, 1),
    ("mod", 2, 2),
    ("nullif", 2, 2),
    ("octet_length", 1, 1),
    ("position", 2, 2),
    ("power", 2, 2),
    ("regexp_replace", 3, 4),
    ("replace", 3, 3),
    ("reverse", 1, 1),
    ("right", 2, 2),
    ("round", 1, 2),
    ("rtrim", 1, 2),
    ("sign", 1, 1),
    ("split_part", 3, 3),
    ("sqrt", 1, 1),
    ("starts_with", 2, 2),
    ("strpos", 2, 2),
    ("substr", 2, 3),
    ("substring", 2, 3),
    ("to_char", 2, 2),
    ("to_date", 2, 2),
    ("to_timestamp", 1, 2),
    ("translate", 3, 3),
    ("trim", 1, 2),
    ("trunc", 1, 2),
    ("upper", 1, 1),
];

const AGGREGATE: &[(&str, usize, usize)] = &[
    ("avg", 1, 1),
    ("bool_and", 1, 1),
    ("bool_or", 1, 1),
    ("count", 1, 1),
    ("every", 1, 1),
    ("max", 1, 1),
    ("min", 1, 1),
    ("string_agg", 2, 2),
    ("sum", 1, 1),
];

const CLOCKS: &[&str] = &[
    "clock_timestamp",
    "current_date",
    "current_time",
    "current_timestamp",
    "localtime",
    "localtimestamp",
    "now",
    "statement_timestamp",
    "timeofday",
    "transaction_timestamp",
];

pub fn judge(name: &str, arguments: usize) -> Verdict {
    if CLOCKS.contains(&name) || name == "age" && arguments == 1 {
        return Verdict::FollowsClock;
    }
    let lists = [(SCALAR, Verdict::Scalar), (AGGREGATE, Verdict::Aggregate)];
    for (list, verdict) in lists {
        if let Some((_, least, most)) = list.iter().find(|(listed, ..)| *listed == name) {
            return if (*least..=*most).contains(&arguments) {
                verdict
            } else {
                Verdict::Arguments { least: *least, most: *most }
            };
        }
    }
    Verdict::Unlisted
}

#[cfg(test)]
pub fn names() -> Vec<&'static str> {
    SCALAR.iter().chain(AGGREGATE).map(|(name, ..)| *name).collect()
}
