//! The example API: an own process with an own database, and a page that signs in at Jeton.
//!
//! `cargo run` starts Jeton, `cargo run --example my-info` starts this; then open
//! <http://127.0.0.1:8081>.

mod api;
mod app;
mod database;
mod document;
mod draft;
mod page;
mod problem;
mod registration;

use std::fmt;
use std::io::{self, IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use jeton_resource_server::{BuildError, ProtectedResource, RevocationFeed, Verifier};
use poem::listener::TcpAcceptor;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use database::Database;

/// After a signal to stop, requests under way have this time to finish.
const LAST_REQUESTS: Duration = Duration::from_secs(10);
/// A connection on which nothing happens for this long is closed.
const IDLE: Duration = Duration::from_mins(1);

/// An example API that shows people what it knows about them, if Jeton says who they are.
#[derive(Parser)]
#[command(name = "my-info", version)]
struct CommandLine {
    /// Address and port.
    #[arg(long, env = "MY_INFO_LISTEN", default_value = "127.0.0.1:8081")]
    listen: SocketAddr,
    /// The authorization server whose tokens are taken: its `issuer`, to the letter.
    #[arg(long, env = "MY_INFO_ISSUER", default_value = "http://127.0.0.1:8080")]
    issuer: String,
    /// This API's own address as browsers see it, and the audience of its tokens. [default: http://
    /// and the address of --listen]
    #[arg(long, env = "MY_INFO_RESOURCE", value_name = "URL")]
    resource: Option<String>,
    /// The client that the page is at the authorization server.
    #[arg(long, env = "MY_INFO_CLIENT_ID", default_value = "my-info")]
    client_id: String,
    /// The confidential client that this API is at the authorization server, to hear there which sessions
    /// were ended.
    #[arg(long, env = "MY_INFO_API_CLIENT_ID", default_value = "my-info-api")]
    api_client_id: String,
    /// Its secret. Without it the API does not ask, and takes tokens until they expire.
    #[arg(long, env = "MY_INFO_API_CLIENT_SECRET", hide_env_values = true)]
    api_client_secret: Option<String>,
    /// A SQLite file; it and its directory are made if they are missing.
    #[arg(
        long,
        env = "MY_INFO_DATABASE",
        value_name = "FILE",
        default_value = "./data/my-info.db"
    )]
    database: PathBuf,
    /// How old a sign-in may be that changes something, such as 10m.
    #[arg(long, env = "MY_INFO_FRESH_SIGN_IN", value_name = "TIME", default_value = "10m", value_parser = humantime::parse_duration)]
    fresh_sign_in: Duration,
}

/// What the parts of the example know of each other.
#[derive(Clone, Debug)]
struct Site {
    /// The authorization server.
    issuer: String,
    /// This API's address, with no slash at its end.
    resource: String,
    /// The client that the page is there.
    client_id: String,
    /// How old a sign-in may be that changes something.
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
    let listener = listen(line.listen).await?;
    let address = listener.local_addr()?;
    let resource = line.resource.unwrap_or_else(|| format!("http://{address}"));
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
    welcome(&site)?;
    let registered = tokio::spawn(registration::watch(verifier.clone(), site.clone()));
    let stop = stop_signal()?;
    poem::Server::new_with_acceptor(TcpAcceptor::from_tokio(listener)?)
        .idle_timeout(IDLE)
        .run_with_graceful_shutdown(
            app::app(&site, &verifier, database.clone()),
            stop,
            Some(LAST_REQUESTS),
        )
        .await?;
    registered.abort();
    database.close().await?;
    tracing::info!("stopped");
    Ok(())
}

async fn listen(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        Failure(format!(
            "cannot listen on {address}: {error}; stop what listens there, or name another address \
             with --listen"
        ))
    })
}

/// Comes up although the issuer is down: requests with a token are answered with 503 until it is
/// there.
async fn verifier(site: &Site, feed: Option<RevocationFeed>) -> Result<Verifier, Failure> {
    let resource = ProtectedResource::new(&site.resource, &site.issuer).ok_or_else(|| {
        Failure(format!(
            "--resource {:?} is no http or https URL",
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

fn welcome(site: &Site) -> io::Result<()> {
    let Site {
        resource, issuer, ..
    } = site;
    writeln!(
        io::stdout(),
        "\nOpen {resource} and press \"See my info\".\n\
         The API's Swagger UI: {resource}/docs\n\
         People sign in at:    {issuer}\n"
    )
}

/// Pretty on a terminal, JSON otherwise; always on standard error.
fn start_log() -> Result<(), Failure> {
    let filter = EnvFilter::builder()
        .with_default_directive(tracing::Level::INFO.into())
        .from_env()
        .map_err(|error| Failure(format!("RUST_LOG is not a filter: {error}")))?;
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

/// Why the example does not run: one message for the person at the terminal.
#[derive(Debug)]
struct Failure(String);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<BuildError> for Failure {
    fn from(error: BuildError) -> Self {
        Self(error.to_string())
    }
}

impl From<sea_orm::DbErr> for Failure {
    fn from(error: sea_orm::DbErr) -> Self {
        Self(format!("database: {error}"))
    }
}
