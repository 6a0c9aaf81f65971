//! The functions that expressions may call: pure ones, whose answer depends on their arguments
//! alone. `docs/reference.md` lists them for users.

mod postgres;
mod sqlite;

use crate::model::Engine;

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may stand everywhere.
    Scalar,
    /// It may stand inside of a subquery.
    Aggregate,
    /// It reads the machine's clock.
    FollowsClock,
    /// It is not called with so many arguments, but with these.
    Arguments {
        least: usize,
        most: usize,
    },
    Unlisted,
}

/// Whether a function (lower case) of so many arguments may be called.
pub fn judge(engine: Engine, name: &str, arguments: usize) -> Verdict {
    match engine {
        Engine::Sqlite => sqlite::judge(name, arguments),
        Engine::Postgres => postgres::judge(name, arguments),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed_below(heading: &str) -> Vec<&'static str> {
        let reference = include_str!("../../docs/reference.md");
        let (_, section) = reference.split_once(&format!("\n### {heading}\n")).unwrap();
        let (section, _) = section.split_once("\n#").unwrap();
        let code = section.split('`').skip(1).step_by(2);
        code.filter_map(|code| code.strip_suffix("()")).collect()
    }

    fn check(heading: &str, allowed: &[&str]) {
        let listed = listed_below(heading);
        for name in allowed {
            assert!(listed.contains(name), "docs/reference.md does not list {name}()");
        }
        for name in &listed {
            assert!(allowed.contains(name), "docs/reference.md lists {name}(), which is refused");
        }
    }

    #[test]
    fn the_reference_lists_every_function_and_no_other() {
        check("Functions of SQLite", &sqlite::names());
        check("Functions of PostgreSQL", &postgres::names());
    }

    #[test]
    fn postgresql_s_functions_are_called_with_as_many_arguments_as_they_take() {
        let judge = |name, arguments| judge(Engine::Postgres, name, arguments);
        assert_eq!(judge("lower", 1), Verdict::Scalar);
        assert_eq!(judge("lower", 2), Verdict::Arguments { least: 1, most: 1 });
        assert_eq!(judge("max", 1), Verdict::Aggregate);
        assert_eq!(judge("greatest", 3), Verdict::Scalar);
        assert_eq!(judge("count", 0), Verdict::Arguments { least: 1, most: 1 });
    }

    #[test]
    fn nothing_that_reads_the_clock_is_on_postgresql_s_list() {
        for name in ["now", "clock_timestamp", "current_date", "localtimestamp", "timeofday"] {
            assert_eq!(judge(Engine::Postgres, name, 0), Verdict::FollowsClock, "{name}");
        }
        assert_eq!(judge(Engine::Postgres, "age", 1), Verdict::FollowsClock);
        assert_eq!(judge(Engine::Postgres, "age", 2), Verdict::Scalar);
    }
}
