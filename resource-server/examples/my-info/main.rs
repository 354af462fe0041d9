//! The example API: a process with its own database, and a page that signs in at Jeton.
//!
//! `cargo run` starts Jeton, `cargo run -p jeton-resource-server --example my-info` starts this; then open
//! <http://localhost:8081>.

mod api;
mod app;
mod database;
mod document;
mod draft;
mod listen;
mod page;
mod problem;
mod registration;

use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use jeton_resource_server::{BuildError, ProtectedResource, RevocationFeed, Verifier};
use thiserror::Error;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use database::Database;

/// Time for running requests to finish after a stop signal.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);
/// An idle connection is closed after this time.
const IDLE_TIMEOUT: Duration = Duration::from_mins(1);

/// An example API that shows users their own data, with access tokens of Jeton.
#[derive(Parser)]
#[command(name = "my-info", version)]
struct CommandLine {
    /// Host name or IP address, and port, to listen on.
    #[arg(long, env = "MY_INFO_LISTEN", default_value = "localhost:8081")]
    listen: String,
    /// The authorization server: exactly its `issuer`.
    #[arg(long, env = "MY_INFO_ISSUER", default_value = "http://localhost:8080")]
    issuer: String,
    /// The public URL of this API, and the audience of its tokens. [default: http:// and the value of
    /// --listen]
    #[arg(long, env = "MY_INFO_RESOURCE", value_name = "URL")]
    resource: Option<String>,
    /// The client id of the page at the authorization server.
    #[arg(long, env = "MY_INFO_CLIENT_ID", default_value = "my-info")]
    client_id: String,
    /// The client id of this API at the authorization server, a confidential client, for the revocation
    /// feed.
    #[arg(long, env = "MY_INFO_API_CLIENT_ID", default_value = "my-info-api")]
    api_client_id: String,
    /// The secret of that client. Without it, tokens of revoked sessions are accepted until they expire.
    #[arg(long, env = "MY_INFO_API_CLIENT_SECRET", hide_env_values = true)]
    api_client_secret: Option<String>,
    /// A SQLite file; created with its directory if missing.
    #[arg(
        long,
        env = "MY_INFO_DATABASE",
        value_name = "FILE",
        default_value = "./data/my-info.db"
    )]
    database: PathBuf,
    /// Maximum age of a sign-in for changes, such as 10m.
    #[arg(long, env = "MY_INFO_FRESH_SIGN_IN", value_name = "TIME", default_value = "10m", value_parser = humantime::parse_duration)]
    fresh_sign_in: Duration,
}

/// The settings that the modules share.
#[derive(Clone, Debug)]
struct Site {
    /// The authorization server.
    issuer: String,
    /// The URL of this API, without a trailing slash.
    resource: String,
    /// The client id of the page.
    client_id: String,
    /// Maximum age of a sign-in for changes.
    fresh_sign_in: Duration,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(CommandLine::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("my-info: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn run(line: CommandLine) -> Result<(), Failure> {
    start_log()?;
    let (acceptor, port) = listen::listen(&line.listen).await?;
    let host = line.listen.rsplit_once(':').map_or("", |(host, _)| host);
    let resource = line
        .resource
        .unwrap_or_else(|| format!("http://{host}:{port}"));
    let site = Site {
        issuer: line.issuer,
        resource: resource.trim_end_matches('/').to_owned(),
        client_id: line.client_id,
        fresh_sign_in: line.fresh_sign_in,
    };
    let database = Database::open(&line.database).await?;
    let feed = line
        .api_client_secret
        .map(|secret| RevocationFeed::new(&line.api_client_id, &secret));
    let verifier = verifier(&site, feed).await?;
    print_urls(&site)?;
    let registration_check = tokio::spawn(registration::check(verifier.clone(), site.clone()));
    let stop = stop_signal()?;
    poem::Server::new_with_acceptor(acceptor)
        .idle_timeout(IDLE_TIMEOUT)
        .run_with_graceful_shutdown(
            app::app(&site, &verifier, database.clone()),
            stop,
            Some(SHUTDOWN_TIMEOUT),
        )
        .await?;
    registration_check.abort();
    database.close().await?;
    tracing::info!("stopped");
    Ok(())
}

/// The API starts even if the issuer is down: requests with a token get 503 until the keys are fetched.
async fn verifier(site: &Site, feed: Option<RevocationFeed>) -> Result<Verifier, Failure> {
    let resource = ProtectedResource::new(&site.resource, &site.issuer).ok_or_else(|| {
        Failure::Message(format!(
            "--resource {:?} is not an http or https URL",
            site.resource
        ))
    })?;
    let resource = api::SCOPES
        .iter()
        .fold(resource, |resource, (scope, _)| resource.scope(*scope))
        .name("My info")
        .documentation(format!("{}/docs", site.resource));
    let builder = Verifier::builder(&site.issuer, &site.resource)
        .protected_resource(resource)
        .realm("my-info")
        .start_without_issuer(true);
    let builder = match feed {
        Some(feed) => builder.revocation_feed(feed),
        None => builder,
    };
    Ok(builder.build().await?)
}

fn print_urls(site: &Site) -> io::Result<()> {
    let Site {
        resource, issuer, ..
    } = site;
    writeln!(
        io::stdout(),
        "\nOpen {resource} and press \"See my info\".\n\
         The API's Swagger UI: {resource}/docs\n\
         Users sign in at:     {issuer}\n"
    )
}

/// Text on a terminal, JSON otherwise; always on standard error.
fn start_log() -> Result<(), Failure> {
    let filter = EnvFilter::builder()
        .with_default_directive(tracing::Level::INFO.into())
        .from_env()
        .map_err(|error| Failure::Message(format!("RUST_LOG is not a valid filter: {error}")))?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr);
    if io::stderr().is_terminal() {
        builder.init();
    } else {
        builder.json().flatten_event(true).init();
    }
    Ok(())
}

fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => tracing::info!("SIGTERM: stopping"),
            _ = interrupt.recv() => tracing::info!("Ctrl-C: stopping"),
        }
    })
}

/// An error that stops the example.
#[derive(Debug, Error)]
enum Failure {
    #[error("{0}")]
    Message(String),
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Build(#[from] BuildError),
    #[error("database error: {0}")]
    Database(#[from] sea_orm::DbErr),
}
