//! What a purge costs beside what people would write instead: `benches/run` measures it, `cargo test --bench cost` only sees
//! that all of them leave the same rows.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod application;
mod arguments;
mod bed;
mod client;
mod contestant;
mod figures;
mod foreground;
#[allow(dead_code, reason = "tests use more of it")]
#[path = "../../tests/it/postgres/keep.rs"]
mod keep;
mod machine;
mod measure;
mod memory;
mod ours;
mod page;
mod plot;
mod postgres;
mod rate;
mod scene;
mod server;
mod sqlite;
mod table;

use std::time::Instant;

use arguments::Arguments;
use figures::Figures;
use machine::Machine;
use page::Measured;
use scene::{Scene, Scenes, Size};
use server::Server;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments = Arguments::read();
    let full = Scenes::new(Size::Full);
    if arguments.rewrite {
        let measured = Measured::read();
        page::write(&full.all(), measured.as_ref());
        return measured.iter().for_each(ask);
    }
    if arguments.size == Size::Tiny {
        page::check(&full.all());
    }
    let scenes = Scenes::new(arguments.size);
    let measured = measure(&arguments, &scenes).await;
    // Nobody wants to know figures of a few rows, but they too must have their places on a page.
    page::page(&scenes.all(), Some(&measured));
    if arguments.page {
        ask(&measured);
    }
}

fn ask(measured: &Measured) {
    for name in page::unexplained(measured) {
        println!("{name} misses its goal: benches/page.md does not say what stands in the way");
    }
}

async fn measure(arguments: &Arguments, scenes: &Scenes) -> Measured {
    let Arguments { size, rounds, page, .. } = *arguments;
    let server = Server::start(size).await;
    let machine = Machine::look(&server.version().await).await;
    println!("{}\n{}\n{}", machine.kind, machine.versions, machine.state);
    let measured = if page { Measured::go_on(machine) } else { Measured::new(machine) };
    let mut told = Told { page, scenes, measured };
    let is_wanted = |scene: &Scene| arguments.is_wanted(scene.name);
    for scene in scenes.races.iter().filter(|scene| is_wanted(scene)) {
        let began = Instant::now();
        let measured = measure::measure(&server, scene, rounds).await;
        told.add(scene, began, figures::race(scene, &measured));
    }
    let scene = &scenes.foreground;
    if is_wanted(scene) {
        let began = Instant::now();
        let lanes = foreground::measure(&server, scene, rounds, size).await;
        told.add(scene, began, figures::foreground(scene, &lanes));
    }
    let scene = &scenes.memory[0];
    if is_wanted(scene) {
        let began = Instant::now();
        let reports = memory::measure(&server, &scenes.memory).await;
        told.add(scene, began, figures::memory(&scenes.memory, &reports));
    }
    told.measured
}

struct Told<'a> {
    page: bool,
    scenes: &'a Scenes,
    measured: Measured,
}

impl Told<'_> {
    /// At once: whoever ends us has what was measured until then.
    fn add(&mut self, scene: &Scene, began: Instant, figures: Figures) {
        let Scene { name, title, goal, .. } = scene;
        let Figures { reached, missed, text, .. } = &figures;
        println!("\n== {name}: {title}\n{text}");
        let missed = missed.as_ref().map(|by| format!(": {by}")).unwrap_or_default();
        let took = began.elapsed().as_secs();
        println!("goal: {goal}; reached: {reached}{missed}. It took {took} s.");
        self.measured.add(scene, figures);
        if self.page {
            self.measured.keep();
            page::write(&self.scenes.all(), Some(&self.measured));
        }
    }
}
