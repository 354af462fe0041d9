//! The resource owner password credentials grant, RFC 6749 §4.3.
//!
//! RFC 9700 §2.4: "The resource owner password credentials grant MUST NOT be used", because it shows the
//! password to the client. A client may use it only if it is first-party and registered for it.

use crate::audit::{Actor, Cause};
use crate::client_authentication::AuthenticatedClient;
use crate::device::Device;
use crate::error::Error;
use crate::metric;
use crate::parameters::Parameters;
use crate::secret::Secret;
use crate::server::AuthorizationServer;
use crate::sign_in::{self, Attempt, AttemptSource};
use crate::store::session::{self, NewSession};
use crate::token::access::{Access, SessionAccess};
use crate::token::requested_access::RequestedAccess;
use crate::token::response::TokenResponse;
use crate::token::sender;

#[derive(Debug)]
pub struct PasswordGrant {
    username: Secret,
    password: Secret,
    requested: RequestedAccess,
}

impl PasswordGrant {
    pub fn parse(parameters: &Parameters) -> Result<Self, Error> {
        Ok(Self {
            username: parameters.require("username")?.clone(),
            password: parameters.require("password")?.clone(),
            requested: RequestedAccess::parse(parameters)?,
        })
    }

    /// Authenticates the user and begins a session.
    pub async fn exchange(
        self,
        client: &AuthenticatedClient,
        device: Device,
        server: &AuthorizationServer,
    ) -> Result<TokenResponse, Error> {
        let row = &client.client;
        let registered = Access::registered(row, &server.settings.issuer);
        let requested = self.requested.with_default_scope(&registered.scope)?;
        let access = requested.narrow(registered)?;
        let attempt = Attempt {
            username: &self.username,
            password: &self.password,
            session: None,
            source: AttemptSource {
                client: row,
                device: &device,
            },
        };
        let authenticated = sign_in::authenticate(attempt, server).await?;
        let user = authenticated.user;
        let new = NewSession {
            user_id: user.id,
            session_epoch: user.session_epoch,
            client_id: &row.id,
            client_epoch: &row.epoch,
            scope: access.scope.to_string(),
            audience: access.stored_audience(row),
            acr: authenticated.acr,
            authenticated_at: authenticated.at,
            expires_at: authenticated.at.plus(client.policy.session_lifetime),
            idle_lifetime: client.policy.session_idle_lifetime,
            device: sender::digests(&device, &server.root_secrets),
            code: None,
        };
        let cause = Cause {
            at: server.clock.now(),
            actor: Actor::User(user.id),
            device,
        };
        // The permit's attempts in this process end only when the session has begun.
        let permit = authenticated.permit;
        let reservations = permit.as_ref().map(|permit| &*permit.reservations);
        let begun =
            session::begin(&server.store, new, reservations.unwrap_or_default(), &cause).await?;
        drop(permit);
        let session = begun.ok_or_else(|| {
            Error::InvalidGrant("the user or the client changed during the sign-in".into())
        })?;
        metric::SIGN_INS.count(());
        let content = SessionAccess {
            session: &session,
            roles: &user.roles,
            access: &access,
            nonce: None,
        };
        TokenResponse::for_session(content, client, server)
    }
}
