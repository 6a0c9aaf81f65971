//! What a purge costs beside what people would write instead: `benches/run` measures it, `cargo test --bench cost` only sees
//! that all of them leave the same rows.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod bed;
mod client;
mod contestant;
#[allow(dead_code, reason = "tests use more of it")]
#[path = "../../tests/it/postgres/keep.rs"]
mod keep;
mod measure;
mod ours;
mod postgres;
mod rate;
mod scene;
mod server;
mod sqlite;
mod text;

use scene::{Scene, Size};

struct Arguments {
    scenes: Vec<String>,
    rounds: usize,
    size: Size,
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments = arguments();
    let server = server::Server::start().await;
    println!("PostgreSQL {}", server.version().await);
    for scene in scenes(arguments.size) {
        if arguments.scenes.is_empty() || arguments.scenes.contains(&scene.name.to_owned()) {
            let measured = measure::measure(&server, &scene, arguments.rounds).await;
            print!("{}", text::render(&scene, &measured));
        }
    }
}

fn scenes(size: Size) -> Vec<Scene> {
    postgres::scenes(size).into_iter().chain(sqlite::scenes(size)).collect()
}

/// `cargo bench` passes `--bench`; without it somebody only wants to know whether it works.
fn arguments() -> Arguments {
    let mut given = std::env::args().skip(1).peekable();
    let mut arguments = Arguments { scenes: Vec::new(), rounds: 1, size: Size::Tiny };
    let mut rounds = None;
    while let Some(argument) = given.next() {
        match argument.as_str() {
            "--bench" => (arguments.rounds, arguments.size) = (3, Size::Full),
            "--rounds" => {
                rounds = given.next().and_then(|number| number.parse().ok());
                assert!(rounds.is_some_and(|rounds| rounds > 0), "--rounds NUMBER");
            }
            "--help" | "-h" => {
                let names: Vec<_> = scenes(Size::Tiny).iter().map(|s| s.name).collect();
                println!("benches/run [--rounds NUMBER] [SCENE]...\nscenes: {}", names.join(" "));
                std::process::exit(0);
            }
            scene => arguments.scenes.push(scene.to_owned()),
        }
    }
    arguments.rounds = rounds.unwrap_or(arguments.rounds);
    arguments
}
