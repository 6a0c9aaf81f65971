//! The tests that see the project from outside: its binary, its files, its documentation. One binary, one module for
//! each behaviour, so that everything links once. What a module of `src/` promises to its neighbours is tested there.
//!
//! A test's name is a sentence that is true when it passes. A test that cannot run says so aloud, and fails where
//! `RETENTION_OPERATOR_REQUIRE_ALL=1` is set, as `tests/run` does.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_wrap,
    clippy::unused_self,
    clippy::needless_pass_by_value
)]

mod access;
mod architecture;
mod bed;
mod behaviour;
mod cap;
mod chart;
mod cluster;
mod command_line;
mod controller;
mod crds;
mod end_to_end;
mod expressions;
mod faults;
mod indexes;
mod kill;
mod laws;
mod login;
mod model;
mod newest;
mod openai_agents;
mod poison;
mod postgres;
mod quickstart;
mod race;
mod ranges;
mod reference;
mod refused;
mod reported;
mod skip;
mod superplane;
mod wal;
