//! Texts that are expressions, that nearly are, and that are none.

use fastrand::Rng;

/// What a careless program would close, comment, or go on with.
const LITERALS: &[&str] = &[
    "''",
    "'a'",
    "'b'",
    "'it''s'",
    "'a\\b'",
    "'\\'",
    "'$$'",
    "'$q$'",
    "'--'",
    "'/* x */'",
    "'; delete from canary'",
    "'%'",
    "'_'",
    "'é'",
    "'\u{2028}'",
    "'\"'",
    "'a''||''b'",
    "') or (1=1'",
    "'\n'",
    "'E\\n'",
    "'?1'",
    "'$1'",
    "'{x}'",
    "'%a%'",
];

const TOKENS: &[&str] = &[
    "(",
    ")",
    "'",
    "''",
    "\"",
    "\\",
    ";",
    "--",
    "/*",
    "*/",
    "$$",
    "$q$",
    "E'",
    "U&'",
    "x'00'",
    "b'1'",
    "N'a'",
    "\0",
    "\n",
    "\u{a0}",
    "é",
    "or",
    "and",
    "not",
    "is",
    "null",
    "true",
    "false",
    "1=1",
    "1",
    "0",
    "-",
    "+",
    "*",
    "/",
    "%",
    "||",
    "=",
    "<>",
    "<",
    ">",
    "<=",
    ">=",
    "==",
    "!=",
    "like",
    "in",
    "between",
    "exists",
    "select",
    "from",
    "canary",
    "other",
    "delete from canary",
    "drop table canary",
    "union",
    "case",
    "when",
    "then",
    "else",
    "end",
    "n",
    "s",
    "flag",
    "id",
    "\"Odd col\"",
    "OWN.n",
    "OWN.s",
    "::text",
    "::int",
    "cast(n as text)",
    "collate",
    "escape",
    ",",
    ".",
    "?",
    "?1",
    "$1",
    "@x",
    ":cutoff",
    ":x",
    "lower(",
    "coalesce(",
    "random()",
    "pg_sleep(1)",
    "now()",
    "~",
    "!~",
    "->",
    "->>",
    "#>",
    "@>",
    "&&",
    "^",
    "&",
    "|",
    "<<",
    "isnull",
    "notnull",
    "glob",
    "regexp",
    "array[1]",
    "any",
    "row(1)",
    "interval '1 day'",
    "limit 1",
    "returning id",
    "set",
    "0x1f",
    "1e9",
    "1_0",
    ".5",
];

/// What a careless program would take for a part of its own statement, behind an expression.
const TAILS: &[&str] = &[
    "; delete from canary",
    ") or (1=1",
    ") --",
    "-- x",
    "/* x",
    "/* x */",
    "or",
    "limit 1",
    ", 1",
    "returning id",
    "union select 1",
    "'",
    "\0",
    ";",
    "\\",
    "$$",
    "; --",
    "as x",
    "n",
];

pub struct Texts {
    dice: Rng,
    postgres: bool,
}

impl Texts {
    pub fn new(postgres: bool, seed: u64) -> Self {
        Self { dice: Rng::with_seed(seed), postgres }
    }

    /// A text about this table.
    pub fn next(&mut self, own: &str) -> String {
        let text = match self.dice.u8(..8) {
            0 => self.soup(),
            1 => format!("{} {}", self.truth(2), self.one(TAILS)),
            2 => self.spoilt(),
            _ => self.truth(3),
        };
        let text = text.replace("OWN", own);
        // An empty one is no field at all.
        if text.trim().is_empty() { "1 = 1".to_owned() } else { text }
    }

    fn one<'t>(&mut self, of: &[&'t str]) -> &'t str {
        of[self.dice.usize(..of.len())]
    }

    fn soup(&mut self) -> String {
        let length = self.dice.usize(1..9);
        let gap = self.one(&["", " ", "  "]);
        (0..length).map(|_| self.one(TOKENS)).collect::<Vec<_>>().join(gap)
    }

    /// Grammar with something put in, taken out, or in the place of something.
    fn spoilt(&mut self) -> String {
        let mut text: Vec<char> = self.truth(2).chars().collect();
        for _ in 0..self.dice.usize(1..3) {
            let from = self.dice.usize(..=text.len());
            let to = (from + self.dice.usize(..3)).min(text.len());
            let with = if self.dice.bool() { self.one(TOKENS) } else { "" };
            text.splice(from..to, with.chars());
        }
        text.into_iter().collect()
    }

    fn truth(&mut self, depth: usize) -> String {
        let down = depth.saturating_sub(1);
        let most = if depth == 0 { 5 } else { 15 };
        match self.dice.u8(..most) {
            0 => format!("{} {} {}", self.number(down), self.compare(), self.number(down)),
            1 => format!("{} {} {}", self.text(down), self.compare(), self.text(down)),
            2 => format!("n is {}null", self.one(&["", "not "])),
            3 => format!(
                "s {}in ({}, {})",
                self.one(&["", "not "]),
                self.one(LITERALS),
                self.one(LITERALS)
            ),
            4 => format!("at {} :cutoff - {}", self.compare(), self.dice.u32(..9)),
            5 => format!("not {}", self.truth(down)),
            6 | 7 => format!("{} and {}", self.truth(down), self.truth(down)),
            8 | 9 => format!("{} or {}", self.truth(down), self.truth(down)),
            10 => format!("({})", self.truth(down)),
            11 => format!(
                "{} {}between {} and {}",
                self.number(down),
                self.one(&["", "not "]),
                self.number(0),
                self.number(0)
            ),
            12 => format!(
                "{} {}like {}",
                self.text(down),
                self.one(&["", "not "]),
                self.one(LITERALS)
            ),
            13 => format!(
                "{}exists (select 1 from other o where o.t_id = OWN.id and o.v {} {})",
                self.one(&["", "not "]),
                self.compare(),
                self.number_outside()
            ),
            _ => format!(
                "({}) is {}",
                self.truth(down),
                self.one(&["true", "not true", "false", "not false"])
            ),
        }
    }

    fn compare(&mut self) -> &'static str {
        self.one(&["=", "<>", "<", ">", "<=", ">=", "is distinct from", "is not distinct from"])
    }

    fn number_outside(&mut self) -> String {
        format!("{}{}", self.one(&["", "-", "OWN.n + "]), self.dice.u32(..7))
    }

    fn number(&mut self, depth: usize) -> String {
        let down = depth.saturating_sub(1);
        match self.dice.u8(..if depth == 0 { 3 } else { 10 }) {
            0 => "n".to_owned(),
            1 => self.dice.u32(..9).to_string(),
            2 => self.one(&["-1", "2.5", "0", "OWN.n"]).to_owned(),
            3 | 4 => format!(
                "{} {} {}",
                self.number(down),
                self.one(&["+", "-", "*"]),
                self.number(down)
            ),
            5 => format!("-{}", self.number(0)),
            6 => format!("length({})", self.text(down)),
            7 => format!("coalesce({}, {})", self.number(down), self.number(down)),
            8 => "(select max(o.v) from other o where o.t_id = OWN.id)".to_owned(),
            _ => format!(
                "case when {} then {} else {} end",
                self.truth(down),
                self.number(0),
                self.number(0)
            ),
        }
    }

    fn text(&mut self, depth: usize) -> String {
        let down = depth.saturating_sub(1);
        match self.dice.u8(..if depth == 0 { 3 } else { 8 }) {
            0 => "s".to_owned(),
            1 => self.one(LITERALS).to_owned(),
            2 => self.one(&["\"Odd col\"", "OWN.s", "OWN.\"Odd col\""]).to_owned(),
            3 | 4 => format!("{} || {}", self.text(down), self.text(down)),
            5 => format!("lower({})", self.text(down)),
            6 => format!("coalesce({}, {})", self.text(down), self.one(LITERALS)),
            _ if self.postgres => {
                format!("substring({} from 1 for {})", self.text(down), self.dice.u32(..4))
            }
            _ => format!("substr({}, 1, {})", self.text(down), self.dice.u32(..4)),
        }
    }
}
