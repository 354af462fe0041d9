//! The resource owner password credentials grant, RFC 6749 §4.3.
//!
//! RFC 9700 §2.4: "The resource owner password credentials grant MUST NOT be used" by third parties,
//! to whom it shows the password. Here it is off for a new client unless it is registered for it.

use super::narrowing::Narrowing;
use crate::audit::{Actor, Cause};
use crate::client_authentication::AuthenticatedClient;
use crate::clock::time_ordered_id;
use crate::device::Device;
use crate::error::Error;
use crate::parameters::Parameters;
use crate::secret::Secret;
use crate::server::AuthorizationServer;
use crate::sign_in::{self, Asker, Attempt, AuthenticatedUser};
use crate::store::session;
use crate::token::response::TokenResponse;

/// The value of `grant_type`.
pub const TYPE: &str = "password";

/// The parameters of the grant.
#[derive(Debug)]
pub struct Request {
    username: Secret,
    password: Secret,
    narrowing: Narrowing,
}

impl Request {
    /// Reads the parameters.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidRequest`] without a `username` or a `password`, [`Error::InvalidScope`] for a
    /// malformed scope.
    pub fn parse(parameters: &Parameters) -> Result<Self, Error> {
        Ok(Self {
            username: parameters.require("username")?.clone(),
            password: parameters.require("password")?.clone(),
            narrowing: Narrowing::parse(parameters)?,
        })
    }

    /// Checks the password and begins a session.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidGrant`] for an unknown or disabled user or a wrong password, alike;
    /// [`Error::TooManyAttempts`] when too many have failed;
    /// [`Error::InvalidScope`] or [`Error::InvalidTarget`] when it asks for more than the client
    /// may have.
    pub async fn exchange(
        self,
        client: &AuthenticatedClient,
        device: Device,
        server: &AuthorizationServer,
    ) -> Result<TokenResponse, Error> {
        let audience = client.client.audience(&server.settings.issuer);
        let scope = client.client.scope();
        let narrowed = self.narrowing.or_usual(&scope)?.apply(&scope, audience)?;
        let attempt = Attempt {
            username: &self.username,
            password: &self.password,
            session: None,
            asker: Asker {
                client: &client.client,
                device: &device,
            },
        };
        let AuthenticatedUser { user, place } = sign_in::authenticate(attempt, server).await?;
        let now = server.clock.now();
        let session = session::Model {
            id: time_ordered_id(now),
            user_id: user.id,
            client_id: client.client.id.clone(),
            session_epoch: user.session_epoch,
            scope: narrowed.scope.to_string(),
            audience: if client.client.registered_audience().is_empty() {
                String::new()
            } else {
                narrowed.audience.join(" ")
            },
            generation: 0,
            rotated_at: now,
            rotation_gap: 0,
            late_retry_generation: None,
            authenticated_at: now,
            acr: "pwd".to_owned(),
            expires_at: now.plus(client.policy.session_lifetime),
            revoked_at: None,
            revocation_reason: None,
            user_agent: device.user_agent().to_owned(),
            address: device.address_text(),
        };
        let cause = Cause {
            at: now,
            actor: Actor::User(user.id),
            device,
        };
        let reservation = place.as_ref().map(|place| place.reservation);
        if !session::begin(&server.store, session.clone(), reservation, &cause).await? {
            return Err(Error::InvalidGrant(
                "the user or client changed during sign-in".into(),
            ));
        }
        drop(place);
        metrics::counter!("jeton_sign_ins_total").increment(1);
        TokenResponse::for_session(&session, &user.roles, narrowed, client, server)
    }
}
