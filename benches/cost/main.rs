//! What a purge costs beside what people would write instead: `benches/run` measures it, `cargo test --bench cost` only sees
//! that all of them leave the same rows.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod application;
mod bed;
mod client;
mod contestant;
mod foreground;
#[allow(dead_code, reason = "tests use more of it")]
#[path = "../../tests/it/postgres/keep.rs"]
mod keep;
mod measure;
mod memory;
mod ours;
mod postgres;
mod rate;
mod scene;
mod server;
mod sqlite;
mod text;

use std::time::Duration;

use scene::{Scene, Size};

struct Arguments {
    /// None: all.
    scenes: Vec<String>,
    rounds: usize,
    size: Size,
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let Arguments { scenes, rounds, size } = arguments();
    let is_wanted = |name| scenes.is_empty() || scenes.iter().any(|scene| scene == name);
    let server = server::Server::start().await;
    println!("PostgreSQL {}", server.version().await);
    for scene in races(size).iter().filter(|scene| is_wanted(scene.name)) {
        let measured = measure::measure(&server, scene, rounds).await;
        print!("{}", text::race(scene, &measured));
    }
    let scene = postgres::foreground(size);
    if is_wanted(scene.name) {
        let alone = Duration::from_secs(if size == Size::Full { 10 } else { 1 });
        let lanes = foreground::measure(&server, &scene, rounds, alone).await;
        print!("{}", text::foreground(&scene, &lanes));
    }
    let scenes = postgres::memory(size);
    if is_wanted(scenes[0].name) {
        let reports = memory::measure(&server, &scenes).await;
        print!("{}", text::memory(&scenes, &reports));
    }
}

fn races(size: Size) -> Vec<Scene> {
    postgres::scenes(size).into_iter().chain(sqlite::scenes(size)).collect()
}

/// `cargo bench` passes `--bench`; without it somebody only wants to know whether it works.
fn arguments() -> Arguments {
    let mut given = std::env::args().skip(1);
    let mut arguments = Arguments { scenes: Vec::new(), rounds: 1, size: Size::Tiny };
    let mut rounds = None;
    let names: Vec<_> = races(Size::Tiny).iter().map(|scene| scene.name).collect();
    let names = [names, vec!["foreground", "memory"]].concat();
    while let Some(argument) = given.next() {
        match argument.as_str() {
            "--bench" => (arguments.rounds, arguments.size) = (3, Size::Full),
            "--rounds" => {
                rounds = given.next().and_then(|number| number.parse().ok());
                assert!(rounds.is_some_and(|rounds| rounds > 0), "--rounds NUMBER");
            }
            "--help" | "-h" => {
                println!("benches/run [--rounds NUMBER] [SCENE]...\nscenes: {}", names.join(" "));
                std::process::exit(0);
            }
            name => {
                assert!(names.contains(&name), "{name} is none of {}", names.join(" "));
                arguments.scenes.push(name.to_owned());
            }
        }
    }
    arguments.rounds = rounds.unwrap_or(arguments.rounds);
    arguments
}
