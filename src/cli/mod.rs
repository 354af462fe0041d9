//! The command line: one file a command group.

mod audit;
mod client;
mod input;
mod key;
mod log;
mod metrics;
mod output;
mod serve;
mod session;
mod settings;
mod user;

use std::fmt;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::audit::Cause;
use crate::bootstrap::{self, BootstrapError};
use crate::clock::Clock;
use crate::config::{Origins, Settings, SettingsError};
use crate::database_url::DatabaseUrl;
use crate::document;
use crate::server::AuthorizationServer;
use crate::store::Store;
use crate::store::user::UserError;

/// An OAuth 2 authorization server.
///
/// `jeton` alone serves: it listens on 127.0.0.1:8080 and keeps its data in ./data. The other
/// commands work on the same data, also while the server runs.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, after_help = EXAMPLES)]
pub struct CommandLine {
    /// A file of settings in TOML; see `jeton config` for what can be set.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

/// The longest list: more than a person reads; a database reads more.
const MOST: u64 = 1000;

const EXAMPLES: &str = "\
Examples:
  jeton                                    start with the defaults
  jeton --config production.toml           start with settings from a file
  JETON_SERVER__LISTEN=0.0.0.0:80 jeton    any setting by the environment
  jeton user add alice                     add a user; asks for the password
  jeton client add web --first-party --grant password
                                           add a page or app of your own
  jeton session revoke --user alice        sign someone out everywhere
  jeton key rotate                         bring in a new signing key";

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the server (the default).
    Serve,
    /// People who sign in.
    User(user::Group),
    /// Applications that ask for tokens.
    Client(client::Group),
    /// Sign-ins: who is signed in where, and how to end it.
    Session(session::Group),
    /// Keys that sign access tokens.
    Key(key::Group),
    /// What has happened: sign-ins, refusals, changes, and who made them.
    #[command(subcommand)]
    Audit(audit::Command),
    /// Print the OpenAPI document.
    Openapi,
    /// Print the settings in force, and where each came from. Secrets stay hidden.
    Config,
}

/// Runs the command and prints its error.
///
/// Not async for the caller: the code of an async function is generated in each crate that awaits it, so the
/// binary would compile the server a second time.
#[tokio::main]
pub async fn run(line: CommandLine) -> ExitCode {
    // On the heap: the future is large.
    match Box::pin(execute(line)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("jeton: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn execute(line: CommandLine) -> Result<(), Failure> {
    let (settings, origins) = Settings::load(line.config.as_deref())?;
    check(&settings, &origins)?;
    match line.command.unwrap_or(Command::Serve) {
        Command::Serve => serve::run(settings).await,
        Command::Openapi => output::text(&document::for_issuer(&settings.issuer)),
        Command::Config => settings::print(&origins),
        Command::User(command) => command.run(&open_existing(settings).await?).await,
        Command::Client(command) => command.run(&open_existing(settings).await?).await,
        Command::Session(command) => command.run(&open_existing(settings).await?).await,
        Command::Key(command) => command.run(&open_existing(settings).await?).await,
        Command::Audit(command) => command.run(&open_existing(settings).await?).await,
    }
}

/// What only the rooms that use a setting can judge.
fn check(settings: &Settings, origins: &Origins) -> Result<(), SettingsError> {
    let mut wrong = Vec::new();
    if let Err(why) = bootstrap::cost(settings).check() {
        let together = [
            "password.memory_kib",
            "password.iterations",
            "password.parallelism",
        ];
        wrong.push(origins.complain_of_all(&together, &why));
    }
    if let Err(why) = log::filter(&settings.log) {
        wrong.push(origins.complain("log.filter", &why));
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(SettingsError::new(wrong))
    }
}

/// Opens a store that is there: a wrong path or URL must not make an empty one.
async fn open_existing(mut settings: Settings) -> Result<AuthorizationServer, Failure> {
    match settings.database() {
        DatabaseUrl::Sqlite(path) if !path.exists() => {
            return Err(Failure(format!(
                "there is no database at {}; start `jeton serve` once, or point data_dir or --config \
                 at the right place",
                path.display()
            )));
        }
        DatabaseUrl::Server(url) => {
            let limits = bootstrap::limits(&settings.database);
            if !Store::exists(&url, limits)
                .await
                .map_err(BootstrapError::from)?
            {
                return Err(Failure(format!(
                    "the database at {url} holds nothing of Jeton's; start `jeton serve` once, which \
                     makes its tables, or point database.url (JETON_DATABASE__URL) at the right one"
                )));
            }
        }
        DatabaseUrl::Sqlite(_) => {}
    }
    // One command hashes one password at most.
    settings.password.threads = 1;
    Ok(bootstrap::open(settings, Clock::system()).await?)
}

/// Who is at the command line, now.
fn operator(server: &AuthorizationServer) -> Cause {
    let name = ["SUDO_USER", "USER", "LOGNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|name| !name.is_empty()));
    Cause::operator(name, server.clock.now())
}

/// Why a command failed: one message for the person at the terminal.
#[derive(Debug)]
pub struct Failure(String);

impl Failure {
    fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failure {}

impl From<SettingsError> for Failure {
    fn from(error: SettingsError) -> Self {
        Self(error.to_string())
    }
}

impl From<BootstrapError> for Failure {
    fn from(error: BootstrapError) -> Self {
        Self(error.to_string())
    }
}

impl From<sea_orm::DbErr> for Failure {
    fn from(error: sea_orm::DbErr) -> Self {
        Self(format!("store: {error}"))
    }
}

impl From<UserError> for Failure {
    fn from(error: UserError) -> Self {
        Self(error.to_string())
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self(error.to_string())
    }
}
