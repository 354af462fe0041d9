//! `/metrics` for Prometheus and the probes, on a separate listener.

use std::sync::Arc;

use metrics_exporter_prometheus::PrometheusBuilder;
use tokio::net::TcpListener;

use super::CommandError;
use super::log::LostLines;
use crate::config::ServerSettings;
use crate::endpoint;
use crate::listener;
use crate::server::AuthorizationServer;

/// Maximum number of connections: those of clients at server.listen take none of them.
const CONNECTIONS: usize = 64;
const LOG_LINES_LOST: &str = "jeton_log_lines_lost_total";

/// Starts the metrics and their listener at `metrics.listen`.
pub async fn start(
    server: &Arc<AuthorizationServer>,
    lost_lines: LostLines,
) -> Result<(), CommandError> {
    let listen = &server.settings.metrics.listen;
    if listen.is_empty() {
        return Ok(());
    }
    let recorder = PrometheusBuilder::new().install_recorder();
    let recorder = recorder.map_err(|error| CommandError::new(error.to_string()))?;
    describe();
    match TcpListener::bind(listen).await {
        Ok(listener) => {
            tracing::info!(
                listen,
                "metrics at /metrics, probes at /healthz and /readyz"
            );
            let render = move || {
                metrics::counter!(LOG_LINES_LOST).absolute(lost_lines.count());
                recorder.render()
            };
            tokio::spawn(serve(listener, render, Arc::clone(server)));
        }
        // The server must start even if its metrics are not available.
        Err(error) => {
            tracing::warn!(listen, %error, "cannot serve metrics; set metrics.listen to a free address");
        }
    }
    Ok(())
}

fn describe() {
    metrics::describe_counter!(
        "jeton_requests_total",
        "Requests, by endpoint and class of status."
    );
    metrics::describe_counter!("jeton_sign_ins_total", "Sessions begun with a password.");
    metrics::describe_counter!(
        "jeton_sign_ins_slowed_total",
        "Sign-ins refused because too many had failed, by limit: account, address."
    );
    metrics::describe_counter!(
        "jeton_refreshes_total",
        "Refreshes, by outcome: rotated, kept, same_answer, late_retry, replay; also ahead_of_store, repeated_elsewhere."
    );
    metrics::describe_gauge!(
        "jeton_clock_ahead_seconds",
        "Seconds by which this node's clock is ahead of the database server's; negative if behind."
    );
    metrics::describe_gauge!(
        "jeton_clock_in_doubt",
        "1 while the clock is in doubt and this node deletes no row and changes no key, else 0."
    );
    metrics::describe_gauge!(
        "jeton_sweeping",
        "1 on the node that removes old rows, else 0."
    );
    metrics::describe_counter!(
        "jeton_swept_rows_total",
        "Old rows removed, by table: sessions, sign_in_throttle, audit_events."
    );
    metrics::describe_counter!(
        "jeton_sweep_failures_total",
        "Failed removals of old rows; they are retried."
    );
    metrics::describe_counter!(
        "jeton_store_conflicts_total",
        "Transactions that the database rolled back because of a conflict and that were retried."
    );
    metrics::describe_counter!(
        "jeton_connections_refused_total",
        "Connections closed at once, because their address had server.max_connections_per_address."
    );
    metrics::describe_counter!(
        LOG_LINES_LOST,
        "Lines of the log that were not written: nothing read standard error fast enough, or it was closed."
    );
}

async fn serve(
    listener: TcpListener,
    render: impl Fn() -> String + Send + Sync + 'static,
    server: Arc<AuthorizationServer>,
) {
    let settings = ServerSettings {
        max_connections: CONNECTIONS,
        max_connections_per_address: CONNECTIONS,
        ..server.settings.server.clone()
    };
    let app = endpoint::metrics::app(render, server);
    let never = std::future::pending();
    if let Err(error) = listener::serve(listener, app, &settings, never).await {
        tracing::error!(%error, "the metrics listener stopped");
    }
}
