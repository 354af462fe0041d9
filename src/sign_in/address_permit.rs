//! The permits of an address.

use std::net::IpAddr;

use super::AttemptSource;
use super::throttled::Throttled;
use crate::error::Error;
use crate::server::AuthorizationServer;

/// A permit for one attempt from an address, or from a network of addresses. `None` if the request does
/// not come from an address.
#[derive(Debug)]
#[must_use]
pub struct AddressPermit(Option<IpAddr>);

impl AddressPermit {
    /// Takes a permit, or fails with [`Error::TooManyAttempts`].
    pub async fn take(
        source: AttemptSource<'_>,
        server: &AuthorizationServer,
    ) -> Result<Self, Error> {
        let Some(network) = source.device.network() else {
            return Ok(Self(None));
        };
        let taken = server.throttle.addresses.take(network, server.clock.now());
        let Err(wait) = taken else {
            return Ok(Self(Some(network)));
        };
        let name = ["address", &network.to_string()];
        let throttled = Throttled {
            by: "address",
            subject: server.root_secrets.sign_in_subject(&name),
            user_id: None,
            wait,
        };
        Err(throttled.refuse(source, server).await?)
    }

    /// Gives the permit back.
    pub fn give_back(self, server: &AuthorizationServer) {
        if let Some(network) = self.0 {
            server.throttle.addresses.give_back(network);
        }
    }
}
