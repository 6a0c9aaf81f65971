//! Any text as an expression: it is refused, or it decides over the rows of its own table as the database itself reads it,
//! and over nothing else. Thousands of random texts, of the grammar and of none, on both engines.
//!
//! * `RETENTION_EXPRESSION_CASES=50000 cargo test --test it expressions` takes so many instead of the usual ones
//! * `RETENTION_EXPRESSION_SEED=123` begins where another run began

mod engines;
mod texts;

use std::collections::BTreeMap;

use engines::Place;
use retention_operator::run::Outcome;
use texts::Texts;

/// On SQLite; PostgreSQL takes longer, and gets half as many.
const CASES: usize = 480;
/// Targets of one policy.
const TOGETHER: usize = 24;

/// What of a policy names the expression.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Part {
    /// The rows that it is true of go.
    Where,
    /// The rows that it is false of go.
    Exemption,
    /// Each row gets what it says.
    Set,
}

struct Case {
    text: String,
    part: Part,
}

impl Case {
    /// A target of a policy, in YAML's flow style; its table has no row but its own.
    fn target(&self, number: usize, table: &str) -> String {
        let text = quoted(&self.text);
        let rest = match self.part {
            Part::Where => format!("action: Delete, where: {text}"),
            Part::Exemption => {
                format!("action: Delete, exemptions: [{{name: held, when: {text}}}]")
            }
            Part::Set => {
                let value = quoted(&format!("case when ({}\n) then 'y' else 'n' end", self.text));
                format!("action: Update, where: \"done = 0\", set: {{done: \"1\", note: {value}}}")
            }
        };
        format!(
            "{{name: e{number}, table: {table}, age: {{column: at, encoding: UnixSeconds}}, {rest}}}"
        )
    }

    /// The rows that are there afterwards, or that then say no, by the text itself as the database reads it.
    fn expected(&self, table: &str, place: &Place) -> String {
        let text = self.text.replace(":cutoff", engines::CUTOFF).replace(":now", engines::NOW);
        let which = match self.part {
            Part::Where => format!("(({text}\n) IS TRUE) IS NOT TRUE"),
            Part::Exemption if place.is_postgres() => format!("(({text}\n) IS FALSE) IS NOT TRUE"),
            // To SQLite a text is false unless it looks like a number; what is neither true nor false holds.
            Part::Exemption => format!(
                "(({text}\n) IS FALSE AND typeof(({text}\n)) NOT IN ('text', 'blob')) IS NOT TRUE"
            ),
            Part::Set => format!("(({text}\n) IS TRUE) IS NOT TRUE"),
        };
        format!("SELECT id FROM {table} WHERE {which} ORDER BY id")
    }

    fn found(&self, table: &str) -> String {
        match self.part {
            Part::Where | Part::Exemption => format!("SELECT id FROM {table} ORDER BY id"),
            Part::Set => format!("SELECT id FROM {table} WHERE note = 'n' ORDER BY id"),
        }
    }
}

/// A text for YAML, in ASCII: it takes more than one character for the end of a line.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for unit in text.chars() {
        match unit {
            '"' | '\\' => quoted.extend(['\\', unit]),
            ' '..='~' => quoted.push(unit),
            _ => quoted += &format!("\\U{:08X}", u32::from(unit)),
        }
    }
    quoted + "\""
}

/// The numbers of the cases that are refused.
fn refused(outcome: &Outcome) -> Vec<usize> {
    let number = |field: &str| {
        let (_, rest) = field.split_once("targets[e")?;
        rest.split_once(']')?.0.parse().ok()
    };
    outcome
        .refusals
        .iter()
        .map(|refusal| {
            let many = refusal.message.len() > 5 && !refusal.write.is_empty();
            assert!(many, "it is refused without a word: {refusal:?}");
            number(&refusal.field).unwrap_or_else(|| panic!("none of them: {refusal:?}"))
        })
        .collect()
}

fn check(place: &Place) {
    let number =
        |name, usual| std::env::var(name).map_or(usual, |text| text.parse().expect("a number"));
    let usual = if place.is_postgres() { CASES / 2 } else { CASES };
    let cases = number("RETENTION_EXPRESSION_CASES", usual as u64) as usize;
    let seed = number("RETENTION_EXPRESSION_SEED", fastrand::u64(..1_000_000));
    println!("RETENTION_EXPRESSION_SEED={seed}");
    let mut texts = Texts::new(place.is_postgres(), seed);
    let (mut taken, mut decided) = (0, 0);
    for _ in 0..cases.div_ceil(TOGETHER) {
        let parts = [Part::Where, Part::Exemption, Part::Set];
        let mut left: BTreeMap<usize, Case> = (0..TOGETHER)
            .map(|at| (at, Case { text: texts.next(&engines::table(at)), part: parts[at % 3] }))
            .collect();
        place.fill(TOGETHER);
        // Whatever is refused is named, and nothing is touched: the others run without it.
        let outcome = loop {
            let targets: Vec<String> =
                left.iter().map(|(at, case)| case.target(*at, &place.table(*at))).collect();
            if targets.is_empty() {
                break None;
            }
            let outcome = place.run(&targets.join(",\n  "));
            if outcome.exit != 2 {
                break Some(outcome);
            }
            let refused = refused(&outcome);
            assert!(!refused.is_empty(), "{outcome:#?}");
            for at in refused {
                left.remove(&at);
            }
        };
        let Some(outcome) = outcome else { continue };
        let status = outcome.reports[0].status.as_ref().expect("a status");
        for ((at, case), told) in left.iter().zip(&status.targets) {
            let (text, table) = (&case.text, engines::table(*at));
            let expected =
                match place.rows(&case.expected(&format!("{table}_before AS {table}"), place)) {
                    Ok(rows) => rows,
                    Err(error) => {
                        // A value that its row does not have: then the target says so.
                        let failed =
                            format!("{:?}", told.outcome) == "Failed" || told.kept.failed.is_some();
                        assert!(failed, "{text:?} is taken, and the database says {error}");
                        continue;
                    }
                };
            let found = place.rows(&case.found(&table)).expect("rows");
            assert_eq!(found, expected, "{:?} {text:?}: {told:#?}", case.part);
            taken += 1;
            decided += usize::from(!expected.is_empty() && expected.len() < engines::ROWS);
        }
        place.assert_nothing_else_was_touched();
    }
    println!("{taken} of {cases} were taken, {decided} of them decided");
    assert!(
        taken * 8 > cases && decided * 16 > cases,
        "{taken} of {cases} were taken, {decided} decided"
    );
}

#[test]
fn every_text_is_refused_or_means_what_sqlite_reads() {
    check(&Place::sqlite());
}

#[test]
fn every_text_is_refused_or_means_what_postgresql_reads() {
    if let Some(place) = Place::postgres() {
        check(&place);
    }
}
