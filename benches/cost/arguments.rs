//! What is asked for.

use crate::scene::{Scenes, Size};

pub struct Arguments {
    /// None: all.
    scenes: Vec<String>,
    pub rounds: usize,
    pub size: Size,
    /// Whether the page is to tell what is measured.
    pub page: bool,
    /// Whether nothing is to be measured, and the page to tell what was.
    pub rewrite: bool,
}

impl Arguments {
    /// `cargo bench` passes `--bench`; without it somebody only wants to know whether it works.
    pub fn read() -> Self {
        let mut given = std::env::args().skip(1);
        let mut rounds = None;
        let mut arguments =
            Self { scenes: Vec::new(), rounds: 1, size: Size::Tiny, page: false, rewrite: false };
        let names =
            Scenes::new(Size::Tiny).all().iter().map(|scene| scene.name).collect::<Vec<_>>();
        while let Some(argument) = given.next() {
            match argument.as_str() {
                "--bench" => (arguments.rounds, arguments.size) = (3, Size::Full),
                "--page" => arguments.page = true,
                "--rewrite" => arguments.rewrite = true,
                "--rounds" => {
                    rounds = given.next().and_then(|number| number.parse().ok());
                    assert!(rounds.is_some_and(|rounds| rounds > 0), "--rounds NUMBER");
                }
                "--help" | "-h" => {
                    println!(
                        "benches/run [--rounds NUMBER] [--page] [SCENE]...
benches/run --rewrite
  --page      writes docs/benchmarks.md; of scenes that are not named, what was measured last
  --rewrite   measures nothing, and writes that page again
scenes: {}",
                        names.join(" ")
                    );
                    std::process::exit(0);
                }
                name => {
                    assert!(names.contains(&name), "{name} is none of {}", names.join(" "));
                    arguments.scenes.push(name.to_owned());
                }
            }
        }
        assert!(!arguments.page || arguments.size == Size::Full, "tiny figures are for no page");
        arguments.rounds = rounds.unwrap_or(arguments.rounds);
        arguments
    }

    pub fn is_wanted(&self, scene: &str) -> bool {
        self.scenes.is_empty() || self.scenes.iter().any(|name| name == scene)
    }
}
