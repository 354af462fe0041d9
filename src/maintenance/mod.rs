//! Background tasks: signing keys, the root secret in use, sweeping, ended clients, clock comparison.

pub mod clock;
pub mod ended_clients;
pub mod key_rotation;
pub mod root_secret;
mod signing_keys;
pub mod sweep;

use std::sync::Arc;
use std::time::Instant;

pub use self::signing_keys::{MaintenanceError, refresh_keys};
use self::sweep::Sweeper;
use crate::clock::Limits;
use crate::metric::{MAINTENANCE_SECONDS, MAINTENANCE_SUCCESS, MaintenanceTask};
use crate::server::AuthorizationServer;

/// Runs until it is dropped. A long sweep does not delay the signing keys: caches depend on their times.
pub async fn run(server: Arc<AuthorizationServer>) {
    tokio::join!(maintain_keys(&server), sweep(&server));
}

async fn maintain_keys(server: &AuthorizationServer) {
    loop {
        tokio::time::sleep(server.settings.keys.refresh_interval.0).await;
        let compared = clock::compare(&server.store, &server.clock);
        if let Err(error) = measured(MaintenanceTask::Clock, server, compared).await {
            tracing::warn!(%error, "cannot compare the clock with the database server's");
        }
        if server.clock.doubt(Limits::MAINTENANCE).is_none() {
            server.throttle.sweep(server.clock.now());
        }
        root_secret::record_use(server).await;
        let refreshed = refresh_keys(server);
        if let Err(error) = measured(MaintenanceTask::Keys, server, refreshed).await {
            tracing::error!(%error, "cannot refresh the signing keys; the loaded ones stay in use");
        }
    }
}

async fn sweep(server: &AuthorizationServer) {
    let sweeper = Sweeper::new();
    loop {
        tokio::time::sleep(server.settings.keys.refresh_interval.0).await;
        sweeper.sweep(server).await;
    }
}

/// Measures a run, and keeps the time of a success.
async fn measured<T, E>(
    task: MaintenanceTask,
    server: &AuthorizationServer,
    run: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let began = Instant::now();
    let outcome = run.await;
    report(task, server, began, outcome.is_ok());
    outcome
}

fn report(task: MaintenanceTask, server: &AuthorizationServer, began: Instant, is_success: bool) {
    MAINTENANCE_SECONDS.time(task, began.elapsed());
    if is_success {
        MAINTENANCE_SUCCESS.set(task, server.clock.now().as_seconds_f64());
    }
}
