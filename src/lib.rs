//! Jeton, an OAuth 2 authorization server.
//!
//! Imports point down this list; modules on one line do not import each other. A test
//! in `tests/layout/` checks it.
//!
//! - [`cli`]: the command line: one file per command group
//! - [`app`], [`listener`]: router and request layers; connections, their limits and timeouts
//! - [`document`]: the OpenAPI document
//! - [`bootstrap`]: start of the server
//! - [`endpoint`], [`api`]: protocol endpoints; account and admin API
//! - [`response`], [`page`]: OAuth errors, problem details, CORS, the caller's address; HTML pages
//! - [`grant`]: one file per grant type
//! - [`authorization`]: authorization requests and browser sessions
//! - [`token`]: access tokens, refresh tokens, claims, the token response, the rules of rotation
//! - [`sign_in`]: user authentication
//! - [`client_authentication`]: client authentication
//! - [`maintenance`]: key rotation, sweeping, clock comparison
//! - [`server`]: the parts of a running server: fields, no logic
//! - [`store`]: one module per table; the only SQL
//! - [`client`], [`key`], [`password`]: settings of a client and their rules; signing keys; password hashing and
//!   password rules
//! - [`config`](mod@config), [`audit`], [`throttle`]: settings; audit events; limits on failed attempts
//! - [`database_url`]: the address of the database
//! - [`parameters`], [`scope`], [`roles`], [`username`], [`web_origin`], [`device`], [`root_secret`], [`clock`]
//! - [`redirect_uri`]: redirect URIs of clients, their rules and their comparison
//! - [`display_name`], [`email`]: names that are shown to people, email addresses
//! - [`liveness`]: whether requests get responses
//! - [`metric`]: what is counted and measured
//! - [`error`]: OAuth errors; classification of database errors
//! - [`private_file`], [`credential`]: files that only their owner can read, and those that systemd copies
//! - [`secret`]: secret values and the source of randomness

pub mod api;
pub mod app;
pub mod audit;
pub mod authorization;
pub mod bootstrap;
pub mod cli;
pub mod client;
pub mod client_authentication;
pub mod clock;
pub mod config;
pub mod credential;
pub mod database_url;
pub mod device;
pub mod display_name;
pub mod document;
pub mod email;
pub mod endpoint;
pub mod error;
pub mod grant;
pub mod key;
pub mod listener;
pub mod liveness;
pub mod maintenance;
pub mod metric;
pub mod page;
pub mod parameters;
pub mod password;
pub mod private_file;
pub mod redirect_uri;
pub mod response;
pub mod roles;
pub mod root_secret;
pub mod scope;
pub mod secret;
pub mod server;
pub mod sign_in;
pub mod store;
pub mod throttle;
pub mod token;
pub mod username;
pub mod web_origin;
