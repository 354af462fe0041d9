//! The resource owner password credentials grant, RFC 6749 §4.3.
//!
//! RFC 9700 §2.4: "The resource owner password credentials grant MUST NOT be used" by third parties,
//! to whom it shows the password. Here it is off for a new client unless it is registered for it.

use std::time::Duration;

use uuid::Uuid;

use super::narrowing::Narrowing;
use crate::client_authentication::AuthenticatedClient;
use crate::clock::Timestamp;
use crate::device::Device;
use crate::error::Error;
use crate::parameters::Parameters;
use crate::password::{Password, Verdict};
use crate::secret::{Secret, random_bytes};
use crate::server::AuthorizationServer;
use crate::store::session;
use crate::store::user;
use crate::token::response::TokenResponse;
use crate::username::Username;

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
    /// [`Error::InvalidScope`] or [`Error::InvalidTarget`] when it asks for more than the client
    /// may have.
    pub async fn exchange(
        self,
        client: &AuthenticatedClient,
        device: Device,
        server: &AuthorizationServer,
    ) -> Result<TokenResponse, Error> {
        let audience = client.client.audience(&server.settings.issuer);
        let narrowed = self.narrowing.apply(&client.client.scope(), audience)?;
        let user = sign_in(&self.username, &self.password, server).await?;
        let now = server.clock.now();
        let session = session::Model {
            id: session_id(now),
            user_id: user.id,
            client_id: client.client.id.clone(),
            session_epoch: user.session_epoch,
            scope: narrowed.scope.to_string(),
            audience: narrowed.audience.join(" "),
            generation: 0,
            rotated_at: now,
            rotation_gap: 0,
            late_retry_generation: None,
            authenticated_at: now,
            expires_at: now.plus(client.policy.session_lifetime),
            revoked_at: None,
            revocation_reason: None,
            user_agent: device.user_agent().to_owned(),
            address: device.address_text(),
        };
        if !session::begin(&server.store, session.clone()).await? {
            return Err(Error::InvalidGrant(
                "the user or client changed during sign-in".into(),
            ));
        }
        metrics::counter!("jeton_sign_ins_total").increment(1);
        tracing::info!(
            target: "jeton::audit",
            event = "sign_in",
            session = %session.id,
            user = %user.id,
            client = session.client_id,
            address = session.address,
            "signed in"
        );
        TokenResponse::for_session(&session, &user.roles, narrowed, client, server)
    }
}

/// The user with this name and password. Whoever there is none for costs the same work.
async fn sign_in(
    username: &Secret,
    password: &Secret,
    server: &AuthorizationServer,
) -> Result<user::Model, Error> {
    let user = match Username::parse(username.expose()) {
        Ok(username) => user::find_by_username(&server.store, username.as_str()).await?,
        Err(_) => None,
    };
    let stored = user.as_ref().map(|user| user.password_hash.clone());
    let password = Password::new(password.expose());
    let verdict = server
        .hasher
        .verify(password, stored)
        .await
        .map_err(|_| Error::TemporarilyUnavailable("too many sign-ins wait".into()))?;
    let refused = |why: &'static str| Error::InvalidGrant(why.into());
    let user = match (user, verdict) {
        (Some(user), Verdict::Right) => user,
        (Some(user), Verdict::RightOutdated { rehashed }) => {
            user::rehash(&server.store, &user, rehashed).await?;
            user
        }
        (Some(_), Verdict::Wrong) => return Err(refused("wrong password")),
        (None, _) => return Err(refused("unknown user")),
    };
    if user.disabled_at.is_some() {
        return Err(refused("disabled user"));
    }
    Ok(user)
}

/// A UUID of version 7: sessions that begin together stand together in the store. Its randomness
/// keeps it unique; what keeps a refresh token from being guessed is its MAC.
fn session_id(now: Timestamp) -> Uuid {
    let since = Duration::from_micros(u64::try_from(now.as_micros()).unwrap_or_default());
    let millis = u64::try_from(since.as_millis()).unwrap_or_default();
    uuid::Builder::from_unix_timestamp_millis(millis, &random_bytes()).into_uuid()
}
