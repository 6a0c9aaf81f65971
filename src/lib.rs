//! Removes data when its time is up: per tenant, safely, and with a report.
//!
//! The map of the house, from top to bottom; arrows between rooms point down only.
//!
//! * `cli`: what a person types.
//! * `controller`: the operator: policies to runs, runs to Jobs, Jobs back to status.
//! * `run`: manifests to reports: for each policy declare, observe, plan, purge, tell.
//! * `declare`: manifests to declarations, or to refusals. Pure.
//! * `observe`: what the database says: catalog, tenants, answers of sources.
//! * `plan`: declaration and observation to targets that are safe to purge, or to refusals. Pure.
//! * `purge`: a planned target to counts, batch by batch.
//! * `sql`: the plan's words to statements. Pure.
//! * `database`: sessions with real databases.
//! * `model`: the nouns all share.
//! * `api`: the custom resources.
//! * `schedule`: cron fields to slots. Pure.

pub mod api;
pub mod cli;
pub mod controller;
mod database;
mod declare;
mod model;
mod observe;
mod plan;
mod purge;
pub mod run;
mod schedule;
mod sql;
