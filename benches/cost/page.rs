//! docs/benchmarks.md: `benches/page.md` with what was measured in it. What was measured is kept beside that, so that one
//! scene may be measured again, and the page written again, without the others.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::contestant::Contestant;
use crate::figures::Figures;
use crate::machine::Machine;
use crate::plot::{Lines, plot};
use crate::scene::Scene;
use crate::table::table;

const PAGE: &str = "docs/benchmarks.md";
const PICTURE: &str = "benchmarks.svg";

#[derive(Serialize, Deserialize)]
pub struct Measured {
    machine: Machine,
    figures: BTreeMap<String, Figures>,
}

fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn measured() -> PathBuf {
    file("benches/measured.json")
}

impl Measured {
    pub fn new(machine: Machine) -> Self {
        Self { machine, figures: BTreeMap::new() }
    }

    pub fn read() -> Option<Self> {
        let text = fs::read_to_string(measured()).ok()?;
        Some(serde_json::from_str(&text).expect("benches/measured.json is what --page wrote"))
    }

    /// With what this very machine measured before.
    pub fn go_on(machine: Machine) -> Self {
        let before = Self::read().filter(|before| {
            before.machine.kind == machine.kind && before.machine.versions == machine.versions
        });
        Self { machine, figures: before.map(|before| before.figures).unwrap_or_default() }
    }

    pub fn add(&mut self, scene: &Scene, figures: Figures) {
        self.figures.insert(scene.name.to_owned(), figures);
    }

    pub fn keep(&self) {
        fs::write(measured(), serde_json::to_string_pretty(self).unwrap() + "\n").unwrap();
    }
}

/// Writes the page, and its picture beside it.
pub fn write(scenes: &[&Scene], measured: Option<&Measured>) {
    fs::write(file(PAGE), page(scenes, measured)).unwrap();
    if let Some(lines) = measured.and_then(lines) {
        fs::write(file(PAGE).with_file_name(PICTURE), plot(lines)).unwrap();
    }
}

/// Scenes that miss their goals, and of which nobody has said why.
pub fn unexplained(measured: &Measured) -> Vec<&str> {
    let template = template();
    let is_explained = |name: &str| {
        let behind = template.split_once(&place(name)).unwrap().1.trim_start();
        !behind.is_empty() && !behind.starts_with("{{")
    };
    let missed = measured.figures.iter().filter(|(_, figures)| figures.missed.is_some());
    missed.map(|(name, _)| name.as_str()).filter(|name| !is_explained(name)).collect()
}

fn template() -> String {
    fs::read_to_string(file("benches/page.md")).unwrap()
}

/// Where something is to stand.
fn place(name: &str) -> String {
    format!("{{{{{name}}}}}\n")
}

/// The page is what would be written, statements and all.
pub fn check(scenes: &[&Scene]) {
    let written = fs::read_to_string(file(PAGE)).unwrap();
    let page = page(scenes, Measured::read().as_ref());
    if written != page {
        let differ = written.lines().zip(page.lines()).find(|(written, line)| written != line);
        panic!(
            "{PAGE} is behind, `cargo test --bench cost -- --rewrite` writes it anew: {differ:?}"
        );
    }
}

fn lines(measured: &Measured) -> Option<&Lines> {
    measured.figures.values().find_map(|figures| figures.plot.as_ref())
}

pub fn page(scenes: &[&Scene], measured: Option<&Measured>) -> String {
    let machine = measured.map_or_else(
        || "* nothing was measured yet\n".to_owned(),
        |Measured { machine: Machine { kind, versions, state }, .. }| {
            format!("* {kind}\n* {versions}\n* {state}\n")
        },
    );
    let mut page = put(&template(), "machine", &machine);
    page = put(&page, "goals", &goals(scenes, measured));
    for (at, scene) in scenes.iter().enumerate() {
        let figures = measured.and_then(|measured| measured.figures.get(scene.name));
        page = put(&page, scene.name, &section(scene, &scenes[..at], figures));
    }
    assert!(!page.contains("{{"), "benches/page.md asks for what is no scene");
    page
}

fn put(page: &str, name: &str, text: &str) -> String {
    let place = place(name);
    assert_eq!(page.matches(&place).count(), 1, "benches/page.md has one place for {name}");
    page.replace(&place, text)
}

fn goals(scenes: &[&Scene], measured: Option<&Measured>) -> String {
    let row = |scene: &&Scene| {
        let name = format!("[{0}](#{0})", scene.name);
        let (reached, is_met) = match measured.and_then(|measured| measured.figures.get(scene.name))
        {
            None => (String::new(), "not measured".to_owned()),
            Some(Figures { reached, missed: None, .. }) => (reached.clone(), "yes".to_owned()),
            Some(Figures { reached, missed: Some(missed), .. }) => {
                (reached.clone(), format!("no, {missed}"))
            }
        };
        vec![name, scene.goal.to_string(), reached, is_met]
    };
    let rows: Vec<_> = scenes.iter().map(row).collect();
    table(&["scene", "goal", "ours", "reached"], &rows)
}

fn section(scene: &Scene, before: &[&Scene], figures: Option<&Figures>) -> String {
    let Scene { name, title, goal, policy, .. } = scene;
    let mut text = format!("## {name}\n\n{title}. To reach: {goal}.\n\n");
    match figures {
        None => text += "Not measured yet.\n",
        Some(Figures { day, text: figures, plot, .. }) => {
            text += figures;
            if plot.is_some() {
                text += &format!(
                    "\n![Rows a second over the share of the rows that have gone]({PICTURE})\n"
                );
            }
            text += &format!("\nMeasured on {day}.\n");
        }
    }
    let said = statements(scene);
    let same =
        |other: &&&Scene| other.policy == *policy && (said.is_empty() || statements(other) == said);
    if let Some(Scene { name, .. }) = before.iter().find(same) {
        text += &format!("\nStatements and policy are those of [{name}](#{name}).\n");
    } else {
        text += &format!("{said}\nours:\n\n```yaml\nspec:\n  {policy}\n```\n");
    }
    if let Some(Figures { sent, .. }) = figures.filter(|figures| !figures.sent.is_empty()) {
        let line = |(statement, times): &(String, usize)| {
            format!("-- {times} {}\n{statement};\n", if *times == 1 { "time" } else { "times" })
        };
        let lines: String = sent.iter().map(line).collect();
        text += &format!(
            "\n<details><summary>What ours sent to the tables</summary>\n\n```sql\n{lines}```\n\n</details>\n"
        );
    }
    text
}

/// Of everybody else, as they are sent.
fn statements(scene: &Scene) -> String {
    let text =
        |other: &Contestant| format!("\n{}:\n\n```sql\n{}\n```\n", other.name, other.way.sql());
    scene.others.iter().map(text).collect()
}
