//! The maximum number of connections per address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::config::ServerSettings;
use crate::device::{TrustedProxies, network_of_owner};
use crate::metric;

/// The least time between two lines of the log.
const WARNING_INTERVAL: Duration = Duration::from_mins(1);

/// Counts the connections of each IPv4 address and /64 network of IPv6, except those of trusted proxies, which those
/// over a Unix socket are.
#[derive(Clone)]
pub(super) struct AddressLimit {
    maximum: usize,
    exempt: TrustedProxies,
    open: Arc<Mutex<Open>>,
}

#[derive(Default)]
struct Open {
    connections: HashMap<IpAddr, usize>,
    warned_at: Option<Instant>,
}

/// The place of one connection.
pub(super) struct Place {
    network: Option<IpAddr>,
    open: Arc<Mutex<Open>>,
}

impl AddressLimit {
    pub(super) fn new(settings: &ServerSettings) -> Self {
        Self {
            maximum: settings.max_connections_per_address,
            exempt: settings.trusted_proxies.clone(),
            open: Arc::default(),
        }
    }

    /// The place of a connection from this address, if it has one; `None` if it has as many connections as it may have.
    pub(super) fn take(&self, address: Option<IpAddr>) -> Option<Place> {
        let address = address.map(|address| address.to_canonical());
        let address = address.filter(|address| !self.exempt.contain(*address));
        let network = address.map(network_of_owner);
        if let Some(network) = network {
            let mut open = lock(&self.open);
            let connections = open.connections.entry(network).or_default();
            if *connections >= self.maximum {
                open.warn(network);
                return None;
            }
            *connections += 1;
        }
        Some(Place {
            network,
            open: Arc::clone(&self.open),
        })
    }
}

impl Open {
    fn warn(&mut self, network: IpAddr) {
        metric::CONNECTIONS_REFUSED.count(());
        let is_due = |at: Instant| at.elapsed() >= WARNING_INTERVAL;
        if self.warned_at.is_none_or(is_due) {
            self.warned_at = Some(Instant::now());
            tracing::warn!(
                %network,
                "connections or requests of HTTP/2 are refused: one address has server.max_connections_per_address of \
                 them; if it is a proxy, name it in server.trusted_proxies"
            );
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(network) = self.network else { return };
        let mut open = lock(&self.open);
        if let Some(connections) = open.connections.get_mut(&network) {
            *connections -= 1;
            if *connections == 0 {
                open.connections.remove(&network);
            }
        }
    }
}

fn lock(open: &Mutex<Open>) -> MutexGuard<'_, Open> {
    open.lock().unwrap_or_else(PoisonError::into_inner)
}
