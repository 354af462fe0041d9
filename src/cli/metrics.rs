//! `/metrics` for Prometheus and the probes, on a separate listener.

use std::env::consts::{ARCH, OS};
use std::sync::Arc;
use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;

use super::CommandError;
use super::log::LostLines;
use crate::clock::Clock;
use crate::config::{MetricsSettings, ServerSettings};
use crate::endpoint;
use crate::listener;
use crate::metric::{self, MaintenanceTask};
use crate::server::AuthorizationServer;

/// Maximum number of connections: those of clients at server.listen take none of them.
const CONNECTIONS: usize = 64;
/// How often the values of histograms are counted into their buckets. Until then each takes 16 bytes.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// Starts to record, unless `metrics.listen` is empty. Events before this are not recorded, nor are later ones of a
/// metric that had one before.
pub fn install(
    settings: &MetricsSettings,
    clock: &Clock,
) -> Result<Option<PrometheusHandle>, CommandError> {
    if settings.listen.is_empty() {
        return Ok(None);
    }
    let failed = |error: &dyn std::error::Error| CommandError::new(error.to_string());
    let mut builder = PrometheusBuilder::new();
    for metric in metric::ALL {
        if !metric.buckets().is_empty() {
            let name = Matcher::Full(metric.name().to_owned());
            let with_buckets = builder.set_buckets_for_metric(name, metric.buckets());
            builder = with_buckets.map_err(|error| failed(&error))?;
        }
    }
    let recorder = builder.install_recorder().map_err(|error| failed(&error))?;
    for metric in metric::ALL {
        metric.register();
    }
    set_constants(clock);
    Ok(Some(recorder))
}

/// Sets what is known at the start.
fn set_constants(clock: &Clock) {
    metrics::describe_gauge!(metric::BUILD_INFO, "1, with the version of the program.");
    let build = [
        ("version", env!("CARGO_PKG_VERSION")),
        ("os", OS),
        ("arch", ARCH),
    ];
    metrics::gauge!(metric::BUILD_INFO, &build).set(1.0);
    let now = clock.now().as_seconds_f64();
    metric::START_TIME.set((), now);
    for task in MaintenanceTask::ALL {
        metric::MAINTENANCE_SUCCESS.set(*task, now);
    }
    metric::SWEEPING.set((), 0.0);
}

/// Starts the listener at `metrics.listen`.
pub async fn start(
    recorder: PrometheusHandle,
    server: &Arc<AuthorizationServer>,
    lost_lines: LostLines,
) {
    tokio::spawn(keep_up(recorder.clone()));
    let listen = &server.settings.metrics.listen;
    match TcpListener::bind(listen).await {
        Ok(listener) => {
            tracing::info!(
                listen,
                "metrics at /metrics, probes at /healthz and /readyz"
            );
            let render = move || {
                metric::LOG_LINES_LOST.set((), lost_lines.count());
                recorder.render()
            };
            tokio::spawn(serve(listener, render, Arc::clone(server)));
        }
        // The server must start even if its metrics are not available.
        Err(error) => {
            tracing::warn!(listen, %error, "cannot serve metrics; set metrics.listen to a free address");
        }
    }
}

/// Bounds the memory of the histograms, also while nothing reads them.
async fn keep_up(recorder: PrometheusHandle) {
    loop {
        tokio::time::sleep(UPKEEP_INTERVAL).await;
        recorder.run_upkeep();
    }
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
