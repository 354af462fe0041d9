//! `/metrics` for Prometheus, on a separate listener.

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;

use super::CommandError;
use crate::config::{MetricsSettings, ServerSettings};
use crate::endpoint;
use crate::listener;

/// Starts the metrics and their listener at `metrics.listen`.
pub async fn start(settings: &MetricsSettings, server: ServerSettings) -> Result<(), CommandError> {
    if settings.listen.is_empty() {
        return Ok(());
    }
    let recorder = PrometheusBuilder::new().install_recorder();
    let recorder = recorder.map_err(|error| CommandError::new(error.to_string()))?;
    describe();
    match TcpListener::bind(&settings.listen).await {
        Ok(listener) => {
            tracing::info!(listen = settings.listen, "metrics at /metrics");
            tokio::spawn(serve(listener, recorder, server));
        }
        // The server must start even if its metrics are not available.
        Err(error) => {
            tracing::warn!(listen = settings.listen, %error, "cannot serve metrics; set metrics.listen to a free address");
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
        "Refreshes, by outcome: rotated, kept, same_answer, late_retry, replay; also ahead_of_store."
    );
    metrics::describe_gauge!(
        "jeton_clock_ahead_seconds",
        "Seconds by which this node's clock is ahead of the database server's; negative if behind."
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
}

async fn serve(listener: TcpListener, recorder: PrometheusHandle, server: ServerSettings) {
    let app = endpoint::metrics::app(move || recorder.render());
    let never = std::future::pending();
    if let Err(error) = listener::serve(listener, app, &server, never).await {
        tracing::error!(%error, "the metrics listener stopped");
    }
}
