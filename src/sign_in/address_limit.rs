//! The limit on attempts of an address, or of a network of addresses.

use super::AttemptSource;
use super::throttled::Throttled;
use crate::error::Error;
use crate::metric::SlowedBy;
use crate::server::AuthorizationServer;

/// Fails with [`Error::TooManyAttempts`] if the address has too many counted attempts.
///
/// Reserves nothing: many users may sign in at once from one address. What they may use of the server is limited
/// by the queue of the password hasher, and what they may guess by the permits of the accounts.
pub async fn check(source: AttemptSource<'_>, server: &AuthorizationServer) -> Result<(), Error> {
    let Some(network) = source.device.network() else {
        return Ok(());
    };
    let Some(wait) = server.throttle.addresses.wait(network, server.clock.now()) else {
        return Ok(());
    };
    let name = ["address", &network.to_string()];
    let throttled = Throttled {
        by: SlowedBy::Address,
        subject: server.root_secrets.sign_in_subject(&name),
        user_id: None,
        wait,
    };
    Err(throttled.refuse(source, server).await?)
}

/// Counts an attempt of the address.
pub fn count(source: AttemptSource<'_>, server: &AuthorizationServer) {
    if let Some(network) = source.device.network() {
        server.throttle.addresses.count(network, server.clock.now());
    }
}
