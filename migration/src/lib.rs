//! The schema of a Jeton store, as a history: one file per step. A step is never edited after its release.
//!
//! Migrations use plain strings and never import the application. So an old step keeps its meaning when the
//! application changes.

mod column;
mod engine;
mod m20261128_000001_create_schema;
mod migrator;

pub use migrator::{down, steps, up};

use migrator::Step;

/// The history, oldest step first.
static STEPS: &[&dyn Step] = &[&m20261128_000001_create_schema::CreateSchema];
