//! The command line.

use std::{convert::Infallible, fmt, net::SocketAddr, path::PathBuf, str::FromStr, time::Duration};

use clap::{Parser, ValueEnum, value_parser};
use serde::Serialize;

/// Measures the server under load; docs/performance.md explains the figures.
#[derive(Parser)]
pub struct Options {
    /// What to measure; `all` is all of it
    #[arg(value_name = "KIND", default_value = "refresh")]
    kinds: Vec<KindOption>,
    /// Seconds of load in each round
    #[arg(long, default_value_t = 8, value_parser = value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Number of rounds; the report has their medians
    #[arg(long, default_value_t = 1, value_parser = value_parser!(u32).range(1..=100))]
    pub rounds: u32,
    /// Number of keep-alive connections, each with one request at a time
    #[arg(long, default_value_t = 16, value_parser = value_parser!(u16).range(1..=64))]
    connections: u16,
    /// Number of sessions, refreshed in turn
    #[arg(long, default_value_t = 64, value_parser = value_parser!(u32).range(1..=100_000))]
    pub sessions: u32,
    /// `sqlite`; a temporary server, `postgres` or `mariadb`; or the URL of a database, empty or from an earlier run
    #[arg(long, value_name = "STORE", default_value = "sqlite")]
    pub database: DatabaseOption,
    /// File of the root secret of the database with that URL
    #[arg(long, value_name = "FILE")]
    pub root_secret: Option<PathBuf>,
    /// Refresh a random sample of the sessions in the PostgreSQL database instead of new ones
    #[arg(long, requires = "root_secret")]
    pub stored: bool,
    /// Wait for the disk at each refresh (`database.rotation_durability` is "strict")
    #[arg(long)]
    pub strict: bool,
    /// Fail when the multiple exceeds this; for one kind that has one
    #[arg(long, value_name = "MULTIPLE")]
    pub at_most: Option<f64>,
    /// Write the results as JSON to this file, or instead of the table to standard output
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = "-")]
    pub json: Option<PathBuf>,
    /// Be the server that the others are compared with
    #[arg(long, hide = true)]
    pub serve_empty_handler: Option<SocketAddr>,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

impl Options {
    pub fn kinds(&self) -> Vec<Kind> {
        let mut kinds = Vec::new();
        for option in &self.kinds {
            match option {
                KindOption::All => kinds.extend(Kind::value_variants()),
                KindOption::One(kind) => kinds.push(*kind),
            }
        }
        kinds
    }

    /// The duration of a round.
    pub fn time(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }

    pub fn connections(&self) -> usize {
        self.connections.into()
    }

    /// The conditions that all figures depend on.
    pub fn conditions(&self) -> Conditions {
        Conditions {
            store: self.database.to_string(),
            durability: if self.strict { "strict" } else { "relaxed" },
            connections: self.connections,
            sessions: self.sessions,
            seconds: self.seconds,
            rounds: self.rounds,
        }
    }
}

#[derive(Serialize)]
pub struct Conditions {
    store: String,
    durability: &'static str,
    connections: u16,
    sessions: u32,
    seconds: u64,
    rounds: u32,
}

impl fmt::Display for Conditions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            store,
            durability,
            connections,
            sessions,
            seconds,
            rounds,
        } = self;
        write!(
            f,
            "{store}, {durability} durability, {connections} connections, "
        )?;
        write!(f, "{sessions} sessions, {seconds} s, rounds: {rounds}")
    }
}

/// One measurement.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Refreshes
    Refresh,
    /// Sign-ins by password
    Password,
    /// Requests for the keys
    Jwks,
    /// Requests for the metadata
    Metadata,
    /// Introspections of an access token
    Introspect,
    /// Four of them at once
    Mixed,
    /// Refreshes while 64 connections sign in
    Flood,
    /// Memory under load, and with 2,000 idle connections
    Idle,
    /// Time from the start to the first token
    Start,
}

#[derive(Clone)]
enum KindOption {
    One(Kind),
    All,
}

impl FromStr for KindOption {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "all" {
            return Ok(Self::All);
        }
        Kind::from_str(text, false).map(Self::One).map_err(|_| {
            let names: Vec<String> = Kind::value_variants().iter().map(Kind::to_string).collect();
            format!("the kinds are {} and all", names.join(", "))
        })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value();
        f.write_str(value.as_ref().map_or("", |value| value.get_name()))
    }
}

#[derive(Clone)]
pub enum DatabaseOption {
    Sqlite,
    /// A temporary server of this engine.
    Temporary(String),
    Url(String),
}

impl FromStr for DatabaseOption {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text {
            "sqlite" => Self::Sqlite,
            "postgres" | "mariadb" => Self::Temporary(text.to_owned()),
            _ => Self::Url(text.to_owned()),
        })
    }
}

/// Without the URL, which may have a password.
impl fmt::Display for DatabaseOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlite => "sqlite",
            Self::Temporary(engine) => engine,
            Self::Url(url) => url.split(':').next().unwrap_or_default(),
        })
    }
}
