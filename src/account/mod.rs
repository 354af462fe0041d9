//! The door for a signed-in person: who am I.

mod bearer;
pub mod problem;
pub mod profile;
