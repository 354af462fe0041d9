//! The authorization endpoint, the code grant and browser sessions.

mod attack;
mod browser_session;
mod code;
mod confusion;
mod consent;
mod consent_list;
mod cookie;
mod end_session;
mod form;
mod nodes;
mod prompt;
mod redemption;
mod request;
mod statements;
