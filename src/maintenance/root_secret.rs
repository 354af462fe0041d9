//! Record of the root secret with which this node signs: `jeton secret remove` waits for what was signed with another.

use crate::server::AuthorizationServer;
use crate::store::root_secret_use;

/// Records the root secret in use. A failure is logged: the next call repeats it.
pub async fn record_use(server: &AuthorizationServer) {
    let now = server.clock.trusted_now();
    let fingerprint = server.root_secrets.fingerprint();
    if let Err(error) = root_secret_use::record(&server.store, fingerprint, now).await {
        tracing::warn!(%error, "cannot record which root secret is in use");
    }
}
