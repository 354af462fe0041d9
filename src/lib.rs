//! Jeton, an OAuth 2 authorization server: the map of the house.
//!
//! Imports point down this list; rooms on one line do not know each other. `tests/house.rs` keeps
//! the rule.
//!
//! - [`cli`]: the command line, one file a command group
//! - [`app`], [`connection`]: all doors in one route; connections and their limits
//! - [`document`]: the OpenAPI document
//! - [`bootstrap`]: from settings to a server that is ready
//! - [`endpoint`], [`account`], [`admin`]: the doors, for clients, for signed-in people, for operators
//! - [`bearer`], [`json_body`]: the token that opens the account and the admin door; what is sent there
//! - [`problem`]: what can go wrong there
//! - [`cors`], [`caller`]: which pages may read what the doors answer; where a request comes from
//! - [`registration`]: what may be registered of a client, for the command line and the doors
//! - [`grant`]: what a client gives for tokens, one file a grant type
//! - [`token`]: what is handed out
//! - [`user_authentication`]: which person asks
//! - [`client_authentication`]: which client asks
//! - [`upkeep`]: what runs beside the requests
//! - [`server`]: the parts, and no logic
//! - [`store`]: one file a table; the only SQL
//! - [`key`], [`password`]: signing keys; Argon2id on its own few threads, and what a password must be
//! - [`config`](mod@config), [`audit`], [`throttle`]: settings; what is told of what happens; how often
//!   something may fail
//! - [`database_url`]: where the store is
//! - [`parameters`], [`scope`], [`roles`], [`username`], [`web_origin`], [`device`], [`root_secret`], [`clock`]
//! - [`error`]: what can go wrong for a client
//! - [`database_error`]: which errors of a database another try may overcome
//! - [`secret`]: values that are not shown, and where randomness comes from

pub mod account;
pub mod admin;
pub mod app;
pub mod audit;
pub mod bearer;
pub mod bootstrap;
pub mod caller;
pub mod cli;
pub mod client_authentication;
pub mod clock;
pub mod config;
pub mod connection;
pub mod cors;
pub mod database_error;
pub mod database_url;
pub mod device;
pub mod document;
pub mod endpoint;
pub mod error;
pub mod grant;
pub mod json_body;
pub mod key;
pub mod parameters;
pub mod password;
pub mod problem;
pub mod registration;
pub mod roles;
pub mod root_secret;
pub mod scope;
pub mod secret;
pub mod server;
pub mod store;
pub mod throttle;
pub mod token;
pub mod upkeep;
pub mod user_authentication;
pub mod username;
pub mod web_origin;
