//! `jeton serve`: starts the server and stops it gracefully.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::signal::unix::{SignalKind, signal};

use super::first_password::FirstPassword;
use super::{CommandError, log, metrics, notify, output};
use crate::app::app;
use crate::bootstrap::{self, ADMIN, FIRST_PARTY};
use crate::clock::Clock;
use crate::config::{ListenAddress, Settings};
use crate::listener::{self, ListenError, Sockets, Tls};
use crate::maintenance;
use crate::server::AuthorizationServer;

/// Serves until SIGTERM, SIGHUP or Ctrl-C.
pub async fn run(settings: Settings) -> Result<(), CommandError> {
    let log = log::start(&settings.log)?;
    // Binds the port first: a second server on the same data must fail before it changes the data.
    let listening = Sockets::open(&settings.server.listen).await;
    let sockets = listening.map_err(|error| cannot_listen(&error))?;
    let settings = follow(settings, &sockets)?;
    let clock = Clock::system();
    let recorder = metrics::install(&settings.metrics, &clock)?;
    let tls = open_tls(&settings, clock.clone())?;
    let server = Arc::new(bootstrap::open(settings, clock).await?);
    bootstrap::check_retention(&server).await?;
    if let Some(recorder) = recorder {
        metrics::start(recorder, &server, log.lost_lines()).await;
    }
    let password = match bootstrap::populate(&server).await? {
        Some(generated) => Some(FirstPassword::of(generated, &server.settings.data_dir)?),
        None => None,
    };
    // Before the first session begins.
    maintenance::root_secret::record_use(&server).await;
    tracing::info!(listen = %sockets, issuer = server.settings.issuer, "started");
    welcome(&server, password.as_ref())?;
    let maintenance = tokio::spawn(maintenance::run(Arc::clone(&server)));
    let signal = stop_signal()?;
    let stop = async {
        signal.await;
        server.is_stopping.store(true, Ordering::Relaxed);
        notify::stopping(server.settings.server.shutdown_timeout.0);
    };
    notify::ready();
    listener::serve(
        sockets.with(tls),
        app(Arc::clone(&server)),
        &server.settings.server,
        stop,
    )
    .await?;
    maintenance.abort();
    server.store.clone().close().await?;
    tracing::info!("stopped");
    Ok(())
}

/// Reads the certificate. Clients refuse one that is not for the issuer's host, unless a proxy passes other names.
fn open_tls(settings: &Settings, clock: Clock) -> Result<Option<Tls>, CommandError> {
    let opened = Tls::open(&settings.server.tls, clock);
    let tls = opened.map_err(|error| CommandError::new(error.to_string()))?;
    if let (Some(tls), Some(host)) = (&tls, settings.issuer_host())
        && !tls.is_for(&host)
    {
        tracing::warn!(
            host,
            "the certificate (server.tls.certificate) is not for the issuer's host: clients that connect to it refuse \
             the certificate; set issuer to the URL by which clients reach this server, or renew the certificate with \
             this name"
        );
    }
    Ok(tls)
}

/// The message for an address that cannot be used, with the remedy.
fn cannot_listen(refused: &ListenError) -> CommandError {
    CommandError::new(format!("{refused}; {}", refused.remedy()))
}

/// The settings with the port that the sockets have.
fn follow(settings: Settings, sockets: &Sockets) -> Result<Settings, CommandError> {
    let Some(port) = sockets.port()? else {
        return Ok(settings);
    };
    let listen = &settings.server.listen;
    if sockets.are_passed() && listen.address().map(|address| address.port) != Some(port) {
        tracing::warn!(
            %sockets,
            %listen,
            "the sockets of the service manager are used instead of server.listen; set server.listen to the same \
             address, because the issuer may follow from it, and `jeton healthcheck` and `jeton doctor` use it"
        );
    }
    Ok(settings.at_port(port))
}

/// Prints how to use the server on standard output. A generated password is shown once on a terminal and not in the log,
/// so the start waits until it is written. Nothing else may delay the start if nothing reads standard output.
fn welcome(
    server: &AuthorizationServer,
    password: Option<&FirstPassword>,
) -> Result<(), CommandError> {
    let text = greeting(server, password);
    let printer = std::thread::spawn(move || output::text(&text));
    match password {
        Some(FirstPassword::Printed(_)) => printer.join().unwrap_or(Ok(())),
        Some(FirstPassword::Kept(_)) | None => Ok(()),
    }
}

fn greeting(server: &AuthorizationServer, password: Option<&FirstPassword>) -> String {
    let settings = &server.settings;
    let listen = &settings.server.listen;
    let (at, base) = match listen.address() {
        Some(_) => (settings.issuer_of_listener(), settings.issuer_of_listener()),
        None => (listen.to_string(), settings.issuer.clone()),
    };
    warn_of_unknown_proxy(settings);
    warn_of_unreachable_issuer(settings);
    // Another or no default client: the request must name the client.
    let client = if settings.default_client == FIRST_PARTY {
        String::new()
    } else {
        format!(" -d client_id={FIRST_PARTY}")
    };
    let first_user = password.map(FirstPassword::describe).unwrap_or_default();
    let parameter = password.map_or_else(
        || "--data-urlencode password=YOUR-PASSWORD".to_owned(),
        FirstPassword::parameter,
    );
    format!(
        "\nJeton listens on {at}\nOpen in a browser: {base}/docs\n\n\
         {first_user}\
         Get a token:\n\n  \
         curl {base}/token -d grant_type=password{client} -d username={ADMIN} \\\n    \
         {parameter}\n\n"
    )
}

/// If the server speaks plain HTTP, a proxy is in front of an issuer with https.
fn warn_of_unknown_proxy(settings: &Settings) {
    let has_proxy = settings.issuer.starts_with("https:") && !settings.server.tls.is_on();
    let is_by_ip = settings.server.listen.address().is_some();
    if has_proxy && is_by_ip && settings.server.trusted_proxies.is_empty() {
        tracing::warn!(
            "server.trusted_proxies is empty: all requests that a proxy forwards have its address, so devices \
             are distinguished by User-Agent alone, and all clients share the limits per address; set \
             server.trusted_proxies to the networks of the proxies"
        );
    }
}

/// Without an issuer, the address to listen on becomes the issuer. No client can reach `0.0.0.0`.
fn warn_of_unreachable_issuer(settings: &Settings) {
    let listen = settings.server.listen.address();
    let is_unspecified = listen.is_some_and(ListenAddress::is_unspecified);
    if is_unspecified && settings.issuer == settings.issuer_of_listener() {
        tracing::warn!(
            issuer = settings.issuer,
            "the issuer is not set, so tokens and documents contain this address, which no other machine can \
             reach; set issuer (JETON_ISSUER) to the URL by which clients reach this server"
        );
    }
}

/// SIGTERM, SIGHUP or Ctrl-C.
pub(super) fn stop_signal() -> Result<impl Future<Output = ()>, CommandError> {
    let ignores_hangup = ignores_hangup();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => tracing::info!("SIGTERM: stopping"),
            _ = interrupt.recv() => tracing::info!("Ctrl-C: stopping"),
            _ = hangup.recv(), if !ignores_hangup => tracing::info!("SIGHUP: stopping"),
        }
    })
}

/// Whether the process was started to survive a closed terminal, as `nohup` does. Known on Linux only.
fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    let hangup = 1 << (SignalKind::hangup().as_raw_value() - 1);
    ignored.is_some_and(|mask| mask & hangup != 0)
}
