//! The JSON API: `/account` for signed-in users, `/admin` for operators.

pub mod account;
pub mod admin;
pub mod bearer;
pub mod json_body;
pub mod page;
