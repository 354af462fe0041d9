//! `/metrics` for Prometheus, on a listener of its own.

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;

use super::Failure;
use crate::config;
use crate::endpoint;
use crate::listener;

/// Starts to count, and to answer at `metrics.listen`.
pub async fn start(settings: &config::Metrics, server: config::Server) -> Result<(), Failure> {
    if settings.listen.is_empty() {
        return Ok(());
    }
    let recorder = PrometheusBuilder::new().install_recorder();
    let recorder = recorder.map_err(|error| Failure::new(error.to_string()))?;
    describe();
    match TcpListener::bind(&settings.listen).await {
        Ok(listener) => {
            tracing::info!(listen = settings.listen, "metrics at /metrics");
            tokio::spawn(serve(listener, recorder, server));
        }
        // Nobody is kept from signing in because nobody can count it.
        Err(error) => {
            tracing::warn!(listen = settings.listen, %error, "no metrics: set metrics.listen");
        }
    }
    Ok(())
}

fn describe() {
    metrics::describe_counter!(
        "jeton_requests_total",
        "Requests, by door and class of status."
    );
    metrics::describe_counter!("jeton_sign_ins_total", "Sessions begun by a password.");
    metrics::describe_counter!(
        "jeton_sign_ins_slowed_total",
        "Sign-ins refused because too many had failed, by what counts them: account, address."
    );
    metrics::describe_counter!(
        "jeton_refreshes_total",
        "Refreshes, by outcome: rotated, kept, same_answer, late_retry, replay; ahead_of_store besides."
    );
    metrics::describe_gauge!(
        "jeton_clock_ahead_seconds",
        "How far this node's clock is ahead of the database server's, at least; below 0, behind."
    );
    metrics::describe_gauge!("jeton_sweeping", "1 on the node that sweeps, else 0.");
    metrics::describe_counter!(
        "jeton_swept_rows_total",
        "Rows removed because they were old, by table: sessions, sign_in_throttle, audit_events."
    );
    metrics::describe_counter!(
        "jeton_sweep_failures_total",
        "How often sweeping failed; it is tried again."
    );
    metrics::describe_counter!(
        "jeton_store_conflicts_total",
        "Transactions that the database undid because of others, and that were done again."
    );
}

async fn serve(listener: TcpListener, recorder: PrometheusHandle, server: config::Server) {
    let app = endpoint::metrics::app(move || recorder.render());
    let never = std::future::pending();
    if let Err(error) = listener::serve(listener, app, &server, never).await {
        tracing::error!(%error, "metrics are served no more");
    }
}
