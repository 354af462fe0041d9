//! Background tasks: signing keys, the root secret in use, sweeping, ended clients, clock comparison.

pub mod clock;
pub mod ended_clients;
pub mod key_rotation;
pub mod root_secret;
mod signing_keys;
pub mod sweep;

use std::sync::Arc;

pub use self::signing_keys::{MaintenanceError, refresh_keys};
use self::sweep::Sweeper;
use crate::clock::Limits;
use crate::server::AuthorizationServer;

/// Runs until it is dropped. A long sweep does not delay the signing keys: caches depend on their times.
pub async fn run(server: Arc<AuthorizationServer>) {
    tokio::join!(maintain_keys(&server), sweep(&server));
}

async fn maintain_keys(server: &AuthorizationServer) {
    loop {
        tokio::time::sleep(server.settings.keys.refresh_interval.0).await;
        if let Err(error) = clock::compare(&server.store, &server.clock).await {
            tracing::warn!(%error, "cannot compare the clock with the database server's");
        }
        if server.clock.doubt(Limits::MAINTENANCE).is_none() {
            server.throttle.sweep(server.clock.now());
        }
        root_secret::record_use(server).await;
        if let Err(error) = refresh_keys(server).await {
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
