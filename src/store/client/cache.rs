//! The registrations of clients that have authenticated on this node.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::{Model, client_secret};
use crate::client::Policy;
use crate::config::Settings;

/// The maximum number of cached clients.
const MAX_CLIENTS: usize = 10_000;

/// A client with its secrets, as of one revision.
#[derive(Debug)]
pub struct Registration {
    /// The client's row.
    pub client: Arc<Model>,
    /// Its secrets, expired or not.
    pub secrets: Vec<client_secret::Model>,
    /// The policy for its sessions and tokens.
    pub policy: Policy,
}

impl Registration {
    /// The registration of a client under the server's settings.
    pub fn new(client: Model, secrets: Vec<client_secret::Model>, server: &Settings) -> Self {
        Self {
            policy: client.policy(server),
            client: Arc::new(client),
            secrets,
        }
    }
}

/// Registrations by client id. They may be out of date: another node may have changed the client.
///
/// So a cached registration may only be used by a statement that has an effect at its revision alone. Every change of
/// a client and its secrets replaces the revision, migrations included, and no revision is used twice.
#[derive(Default)]
pub struct ClientCache(RwLock<HashMap<String, Arc<Registration>>>);

impl ClientCache {
    /// The registration of this client that was read last.
    pub fn find(&self, id: &str) -> Option<Arc<Registration>> {
        let cached = self.0.read().unwrap_or_else(PoisonError::into_inner);
        cached.get(id).cloned()
    }

    /// Keeps a registration that was just read. When the cache is full, it replaces any other.
    pub fn insert(&self, registration: Arc<Registration>) {
        let mut cached = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let id = &registration.client.id;
        if cached.len() >= MAX_CLIENTS
            && !cached.contains_key(id)
            && let Some(other) = cached.keys().next().cloned()
        {
            cached.remove(&other);
        }
        cached.insert(id.clone(), registration);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    fn registration(id: &str, revision: i64) -> Arc<Registration> {
        let client = Model {
            revision,
            ..Model::new(id, Timestamp::from_micros(0))
        };
        Arc::new(Registration::new(
            client,
            Vec::new(),
            &Settings::defaults().unwrap(),
        ))
    }

    #[test]
    fn the_last_registration_is_found_and_the_number_is_limited() {
        let cache = ClientCache::default();
        for number in 0..MAX_CLIENTS + 5 {
            cache.insert(registration(&number.to_string(), 1));
            cache.insert(registration(&number.to_string(), 2));
            let found = cache.find(&number.to_string());
            assert_eq!(found.map(|found| found.client.revision), Some(2));
        }
        assert_eq!(cache.0.read().unwrap().len(), MAX_CLIENTS);
        assert!(cache.find("unknown").is_none());
    }
}
