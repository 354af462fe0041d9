//! The values that are read when the metrics are.

use crate::metric;
use crate::server::AuthorizationServer;

/// Sets the gauges of passwords, connections and keys.
pub(super) fn set(server: &AuthorizationServer) {
    set_passwords(server);
    set_connections(server);
    set_keys(server);
}

fn set_passwords(server: &AuthorizationServer) {
    let load = server.hasher.load();
    metric::PASSWORD_THREADS.set((), count(load.threads));
    for jobs in load.queues {
        metric::HASHES_WAITING.set(jobs.queue, count(jobs.waiting));
        metric::HASHES_RUNNING.set(jobs.queue, count(jobs.running));
    }
}

fn set_connections(server: &AuthorizationServer) {
    for (pool, load) in server.store.connections() {
        metric::CONNECTIONS_MAX.set(pool, load.max.into());
        for (state, number) in load.by_state() {
            metric::CONNECTIONS.set((pool, state), number.into());
        }
    }
}

fn set_keys(server: &AuthorizationServer) {
    let (now, ring) = (server.clock.now(), server.keys.ring());
    metric::JWKS_KEYS.set((), count(ring.published(now).len()));
    let Some(signer) = ring.signer(now) else {
        return;
    };
    let age = now.as_seconds_f64() - signer.activates_at().as_seconds_f64();
    metric::KEY_AGE.set((), age);
    let due = signer
        .activates_at()
        .plus(server.settings.keys.rotation_interval.0);
    let rotation = ring.next_activation(now).unwrap_or(due);
    metric::KEY_ROTATION.set((), rotation.as_seconds_f64());
}

pub(super) fn count(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::INFINITY, f64::from)
}
