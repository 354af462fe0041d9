//! The command line: one file per command group.

mod audit;
mod backup;
mod client;
mod doctor;
mod first_password;
mod healthcheck;
mod http;
mod input;
mod key;
mod log;
mod metrics;
mod notify;
mod output;
mod restore;
mod secret;
mod serve;
mod session;
mod settings;
mod token;
mod user;

#[doc(hidden)]
pub use user::{Format, Line, Records};

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use rustix::process::{Resource, Rlimit, setrlimit};
use tokio::runtime::Runtime;

use crate::audit::Cause;
use crate::bootstrap::{self, BootstrapError};
use crate::clock::{Clock, Timestamp};
use crate::config::{SettingSources, Settings, SettingsError};
use crate::database_url::DatabaseUrl;
use crate::document;
use crate::server::AuthorizationServer;
use crate::store::Store;
use crate::store::user::UserError;

/// An OAuth 2 authorization server.
///
/// `jeton` without a command starts the server on localhost:8080 with its data in ./data. The other
/// commands work on the same data, also while the server runs.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, after_help = EXAMPLES)]
pub struct CommandLine {
    /// Settings file in TOML. `jeton config` lists all settings.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

/// Maximum length of a list.
const MAX_LIMIT: u64 = 1000;

const EXAMPLES: &str = "\
Examples:
  jeton                                    start with the defaults
  jeton --config production.toml           start with settings from a file
  JETON_SERVER__LISTEN=[::1]:8000 jeton    set any setting in the environment
  jeton user add alice                     add a user; prompts for the password
  jeton client add web --first-party --grant password
                                           add your own web page or app
  jeton session revoke --user alice        sign a user out everywhere
  jeton key rotate                         rotate the signing key";

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the server (the default).
    Serve,
    /// Whether the server on this machine is ready: exit code 0, else 1.
    Healthcheck,
    /// Check the set-up and say what to do. Exit code 1 if something does not work.
    Doctor(doctor::Doctor),
    /// Users.
    User(user::UserGroup),
    /// Clients: applications that request tokens.
    Client(client::Group),
    /// Sessions: list and revoke them.
    Session(session::SessionGroup),
    /// Keys that sign access tokens.
    Key(key::KeyGroup),
    /// Root secrets: replace the one from which all other secrets are derived.
    Secret(secret::SecretGroup),
    /// Tokens: why one is refused.
    Token(token::TokenGroup),
    /// Audit log: sign-ins, refusals, changes and their actors.
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Copy a SQLite database to a new file, also while the server runs.
    Backup(backup::Backup),
    /// Restore a SQLite database from a backup, while the server is stopped.
    Restore(restore::Restore),
    /// Print the OpenAPI document.
    Openapi,
    /// Print the settings in force and the source of each. Secrets are hidden.
    Config,
}

/// Runs the command and prints its error.
///
/// Not async for the caller: the code of an async function is generated in each crate that awaits it, so the
/// binary would compile the server a second time.
pub fn run(line: CommandLine) -> ExitCode {
    forbid_core_dumps();
    let outcome = Runtime::new()
        .map_err(CommandError::from)
        .and_then(|runtime| {
            // Boxed because the future is large.
            let outcome = runtime.block_on(Box::pin(execute(line)));
            // A read that does not end, such as from a network file system, must not keep the process.
            runtime.shutdown_background();
            outcome
        });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Not `eprintln!`, which panics if standard error is closed.
            drop(writeln!(io::stderr(), "jeton: {error}"));
            error.exit_code()
        }
    }
}

/// Lets a crash write no memory to the disk: it holds keys, passwords and tokens.
fn forbid_core_dumps() {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    // Lowering a limit is always allowed.
    setrlimit(Resource::Core, none).ok();
}

async fn execute(line: CommandLine) -> Result<(), CommandError> {
    let command = line.command.unwrap_or(Command::Serve);
    if let Command::Doctor(doctor) = command {
        return doctor.run(line.config.as_deref()).await;
    }
    let (settings, sources) = load(line.config.as_deref())?;
    match command {
        Command::Doctor(_) => Ok(()),
        Command::Healthcheck => healthcheck::run(&settings).await,
        Command::Serve => serve::run(settings).await,
        Command::Openapi => output::text(&document::for_issuer(&settings.issuer)),
        Command::Config => settings::print(&sources),
        Command::Backup(command) => command.run(&settings).await,
        Command::Restore(command) => command.run(&settings).await,
        Command::User(command) => command.run(&open_existing(settings).await?).await,
        Command::Client(command) => command.run(&open_existing(settings).await?).await,
        Command::Session(command) => command.run(&open_existing(settings).await?).await,
        Command::Key(command) => command.run(&open_existing(settings).await?).await,
        Command::Secret(command) => Box::pin(command.run(settings)).await,
        Command::Token(command) => Box::pin(command.run(settings)).await,
        Command::Audit(command) => command.run(&open_existing(settings).await?).await,
    }
}

/// Loads the settings and checks them.
fn load(file: Option<&Path>) -> Result<(Settings, SettingSources), SettingsError> {
    let (settings, sources) = Settings::load(file)?;
    check(&settings, &sources)?;
    Ok((settings, sources))
}

/// Checks settings with the rules of the modules that use them.
fn check(settings: &Settings, sources: &SettingSources) -> Result<(), SettingsError> {
    let mut errors = Vec::new();
    if let Err(why) = bootstrap::cost(settings).check() {
        let names = [
            "password.memory_kib",
            "password.iterations",
            "password.parallelism",
        ];
        errors.push(sources.joint_error(&names, &why));
    }
    if let Err(why) = log::filter(&settings.log) {
        errors.push(sources.error("log.filter", &why));
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(SettingsError::new(errors))
    }
}

/// Opens an existing store. A wrong path or URL must not create an empty one.
async fn open_existing(mut settings: Settings) -> Result<AuthorizationServer, CommandError> {
    match settings.database() {
        DatabaseUrl::Sqlite(path) => drop(existing(path)?),
        DatabaseUrl::Server(url) => {
            let limits = bootstrap::limits(&settings.database);
            if !Store::exists(&url, limits)
                .await
                .map_err(BootstrapError::from)?
            {
                return Err(CommandError::new(format!(
                    "the database at {url} has no tables of Jeton; run `jeton serve` once to create \
                     them, or correct database.url (JETON_DATABASE__URL)"
                )));
            }
        }
    }
    // A command hashes at most one password.
    settings.password.threads = 1;
    Ok(bootstrap::open(settings, Clock::system()).await?)
}

/// The path, if there is a file.
fn existing(path: PathBuf) -> Result<PathBuf, CommandError> {
    if path.exists() {
        return Ok(path);
    }
    Err(CommandError::new(format!(
        "there is no database at {}; run `jeton serve` once to create it, or correct data_dir or --config",
        path.display()
    )))
}

/// The operator at the command line as the cause of a change.
fn operator(server: &AuthorizationServer) -> Cause {
    operator_at(server.clock.now())
}

fn operator_at(now: Timestamp) -> Cause {
    let name = ["SUDO_USER", "USER", "LOGNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|name| !name.is_empty()));
    Cause::operator(name, now)
}

/// Why a command failed, as a message for the terminal.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// A message of the command itself.
    #[error("{0}")]
    Message(String),
    /// The settings are invalid.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The server's parts cannot be opened.
    #[error(transparent)]
    Bootstrap(#[from] BootstrapError),
    /// A statement failed.
    #[error("store: {0}")]
    Store(#[from] sea_orm::DbErr),
    /// A user cannot be changed.
    #[error(transparent)]
    User(#[from] UserError),
    /// Input or output failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// `EX_CONFIG` of sysexits.h: a new start with the same settings fails, too.
const INVALID_SETTINGS: u8 = 78;

impl CommandError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Settings(_)
            | Self::Bootstrap(
                BootstrapError::Cost(_)
                | BootstrapError::RootSecretFile(_)
                | BootstrapError::RootSecretValue(_)
                | BootstrapError::AdminPasswordFile { .. },
            ) => ExitCode::from(INVALID_SETTINGS),
            _ => ExitCode::FAILURE,
        }
    }

    fn new(message: impl Into<String>) -> Self {
        Self::Message(message.into())
    }
}
