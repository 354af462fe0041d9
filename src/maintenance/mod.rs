//! Background tasks: signing keys, sweeping, clock comparison.

pub mod clock;
pub mod key_rotation;
mod signing_keys;
pub mod sweep;

use std::sync::Arc;
use std::time::{Duration, Instant};

pub use self::signing_keys::{MaintenanceError, refresh_keys};
use self::sweep::Sweeper;
use crate::clock::JumpDetector;
use crate::server::AuthorizationServer;

/// Pause of sweeping after the clock was set: it may be set back.
const PAUSE_AFTER_JUMP: Duration = Duration::from_hours(1);

/// Runs until it is dropped. A long sweep does not delay the signing keys: caches depend on their times.
pub async fn run(server: Arc<AuthorizationServer>) {
    tokio::join!(maintain_keys(&server), sweep(&server));
}

async fn maintain_keys(server: &AuthorizationServer) {
    loop {
        if let Err(error) = clock::compare(server).await {
            tracing::warn!(%error, "cannot compare the clock with the database server's");
        }
        tokio::time::sleep(server.settings.keys.refresh_interval.0).await;
        server.throttle.sweep(server.clock.now());
        if let Err(error) = refresh_keys(server).await {
            tracing::error!(%error, "cannot refresh the signing keys; the loaded ones stay in use");
        }
    }
}

async fn sweep(server: &AuthorizationServer) {
    let mut jumps = JumpDetector::start(server.clock.now());
    let mut paused_until = None;
    let sweeper = Sweeper::new();
    loop {
        tokio::time::sleep(server.settings.keys.refresh_interval.0).await;
        if let Some(micros) = jumps.look(server.clock.now()) {
            tracing::warn!(
                seconds = micros / 1_000_000,
                "the clock was set; check it. Nothing is swept for an hour"
            );
            paused_until = Some(Instant::now() + PAUSE_AFTER_JUMP);
        }
        if paused_until.is_none_or(|until| until <= Instant::now()) {
            sweeper.sweep(server).await;
        }
    }
}
