//! Audit events: who did what, when, from where, and with which outcome. They contain no secrets.
//!
//! An [`Event`] is written as a row of the store and logged with the target `jeton::audit`.

mod action;
mod cause;
mod event;

pub use action::Action;
pub use cause::{Actor, Cause};
pub use event::Event;
