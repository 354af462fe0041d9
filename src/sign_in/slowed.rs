//! Who is slowed: the places of addresses, and what is told of those who find none.

use std::net::IpAddr;
use std::time::Duration;

use uuid::Uuid;

use crate::audit::{Action, Actor, Cause, Event};
use crate::device::Device;
use crate::error::Error;
use crate::server::AuthorizationServer;
use crate::store::{audit_event, client};
use crate::throttle::Subject;

/// Somebody of whom nothing is known but the client and the device that they use.
#[derive(Clone, Copy, Debug)]
pub struct Asker<'a> {
    /// At which client.
    pub client: &'a client::Model,
    /// From where.
    pub device: &'a Device,
}

impl Asker<'_> {
    /// What they cause.
    #[must_use]
    pub fn cause(self, server: &AuthorizationServer) -> Cause {
        Cause {
            at: server.clock.now(),
            actor: Actor::Client(self.client.id.clone()),
            device: self.device.clone(),
        }
    }

    pub(super) fn event(self, action: Action, server: &AuthorizationServer) -> Event {
        Event::new(action, &self.cause(server)).client(&self.client.id)
    }
}

/// A place among the attempts of an address, or network of addresses.
#[derive(Debug)]
#[must_use]
pub struct AddressPlace(Option<IpAddr>);

impl AddressPlace {
    /// Takes a place; one of nobody, where a request does not come from an address.
    ///
    /// # Errors
    ///
    /// [`Error::TooManyAttempts`] when there is none.
    pub async fn take(asker: Asker<'_>, server: &AuthorizationServer) -> Result<Self, Error> {
        let Some(network) = asker.device.network() else {
            return Ok(Self(None));
        };
        let taken = server.throttle.addresses.take(network, server.clock.now());
        let Err(wait) = taken else {
            return Ok(Self(Some(network)));
        };
        let named = ["address", &network.to_string()];
        let slowed = Slowed {
            by: "address",
            subject: server.root_secrets.sign_in_subject(&named),
            user_id: None,
            wait,
        };
        Err(slowed.tell(asker, server).await?)
    }

    /// Gives it back, for an attempt that does not count.
    pub fn give_back(self, server: &AuthorizationServer) {
        if let Some(network) = self.0 {
            server.throttle.addresses.give_back(network);
        }
    }
}

/// Who is slowed, and for how long.
pub(super) struct Slowed {
    /// By what: `address` or `account`.
    pub(super) by: &'static str,
    pub(super) subject: Subject,
    pub(super) user_id: Option<Uuid>,
    pub(super) wait: Duration,
}

impl Slowed {
    /// Tells that somebody is slowed, once a minute for each: a flood of attempts is no flood of rows.
    pub(super) async fn tell(
        self,
        asker: Asker<'_>,
        server: &AuthorizationServer,
    ) -> Result<Error, Error> {
        let Self {
            by,
            subject,
            user_id,
            wait,
        } = self;
        // Rounded up: who comes back as it says finds a place.
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        metrics::counter!("jeton_sign_ins_slowed_total", "by" => by).increment(1);
        let notices = &server.throttle.notices;
        if notices.take(subject, server.clock.now()).is_ok() {
            let event = asker
                .event(Action::SignInThrottled, server)
                .user(user_id)
                .with("by", by)
                .with("retry_after", seconds);
            audit_event::record(&server.store, &event).await?;
        }
        Ok(Error::TooManyAttempts(seconds))
    }
}
