//! The browser session: the user who is signed in in a browser. It is a session at the reserved client
//! `jeton:browser`, and its cookie is proof of it like a refresh token.

use std::time::Duration;

use crate::audit::{Actor, Cause};
use crate::client::{BROWSER, Policy};
use crate::clock::Timestamp;
use crate::device::Device;
use crate::error::Error;
use crate::metric;
use crate::secret::Secret;
use crate::server::AuthorizationServer;
use crate::sign_in::{self, Attempt, AttemptSource};
use crate::store::session::{self, Ending, NewSession};
use crate::store::{client, user};
use crate::token::browser_session::BrowserSessionToken;
use crate::token::refresh::Refresh;
use crate::token::refresh_token::RefreshToken;
use crate::token::sender;

/// The lifetime of a browser session without "stay signed in".
const LIFETIME: Duration = Duration::from_hours(24);
/// The same without use.
const IDLE_LIFETIME: Duration = Duration::from_hours(12);
/// The age at which the cookie is replaced.
const ROTATION_INTERVAL: Duration = Duration::from_hours(1);

/// A user who is signed in in a browser.
#[derive(Debug)]
pub struct BrowserSession {
    /// The session.
    pub session: session::Model,
    /// The user.
    pub user: user::Model,
    /// The value for the cookie.
    pub token: BrowserSessionToken,
    /// Whether the browser does not have this value yet.
    pub is_new: bool,
}

/// What a user has entered on the sign-in page.
#[derive(Debug)]
pub struct Credentials<'a> {
    /// The username.
    pub username: &'a Secret,
    /// The password.
    pub password: &'a Secret,
    /// Whether the browser keeps the cookie when it is closed.
    pub stay_signed_in: bool,
}

impl BrowserSession {
    /// Finds the browser session of a cookie and rotates it once an hour. `None` if the cookie is not valid any more.
    pub async fn find(
        cookie: &str,
        device: &Device,
        server: &AuthorizationServer,
    ) -> Result<Option<Self>, Error> {
        let Ok(presented) = BrowserSessionToken::decode(cookie, &server.root_secrets) else {
            return Ok(None);
        };
        let client = client(server).await?;
        let policy = policy(&client, presented.is_persistent, server);
        let refresh = Refresh {
            token: presented.proof,
            arrival: server.clock.now(),
            client: &client,
            policy: &policy,
            device,
            kept_for: ROTATION_INTERVAL,
            server,
        };
        let session = match refresh.run(|_| Ok(())).await {
            Ok((record, ())) => record.session,
            Err(Error::InvalidGrant(reason)) => {
                tracing::debug!(%reason, "the browser session has ended");
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let Some(user) = user::find(&server.store, session.user_id).await? else {
            return Ok(None);
        };
        let token = token_of(&session, presented.is_persistent)?;
        Ok(Some(Self {
            is_new: token != presented,
            session,
            user,
            token,
        }))
    }

    /// Authenticates a user and begins a browser session. The session of another user in the same browser is revoked; one
    /// of the same user is replaced.
    pub async fn begin(
        credentials: &Credentials<'_>,
        before: Option<&Self>,
        device: &Device,
        server: &AuthorizationServer,
    ) -> Result<Self, Error> {
        let client = client(server).await?;
        let attempt = Attempt {
            username: credentials.username,
            password: credentials.password,
            session: None,
            source: AttemptSource {
                client: &client,
                device,
            },
        };
        let authenticated = sign_in::authenticate(attempt, server).await?;
        let user = authenticated.user;
        if let Some(before) = before.filter(|before| before.user.id != user.id) {
            before.end(device, server).await?;
        }
        let replaced = before.filter(|before| before.user.id == user.id);
        let policy = policy(&client, credentials.stay_signed_in, server);
        let new = NewSession {
            user_id: user.id,
            session_epoch: user.session_epoch,
            client_id: &client.id,
            client_epoch: &client.epoch,
            scope: String::new(),
            audience: String::new(),
            acr: authenticated.acr,
            authenticated_at: authenticated.at,
            expires_at: authenticated.at.plus(policy.session_lifetime),
            idle_lifetime: policy.session_idle_lifetime,
            device: sender::digests(device, &server.root_secrets),
            code: None,
        };
        let cause = cause(&user, device, server);
        // The permit's attempts in this process end only when the session has begun.
        let permit = authenticated.permit;
        let reservations = permit.as_ref().map(|permit| &*permit.reservations);
        let begun = session::begin_in_browser(
            &server.store,
            new,
            replaced.map(|before| before.session.id),
            reservations.unwrap_or_default(),
            &cause,
        );
        let begun = begun.await?;
        drop(permit);
        let session = begun
            .ok_or_else(|| Error::InvalidGrant("the user changed during the sign-in".into()))?;
        metric::SIGN_INS.count(());
        Ok(Self {
            token: token_of(&session, credentials.stay_signed_in)?,
            session,
            user,
            is_new: true,
        })
    }

    /// The time for which the browser keeps the cookie; `None`: until it is closed.
    pub fn cookie_lifetime(&self, now: Timestamp) -> Option<Duration> {
        let is_persistent = self.token.is_persistent;
        is_persistent.then(|| self.session.expires_at.since(now).unwrap_or_default())
    }

    /// The signed-in user as the cause of a change.
    pub fn cause(&self, device: &Device, server: &AuthorizationServer) -> Cause {
        cause(&self.user, device, server)
    }

    /// Signs the user out of the browser: revokes the session and those that were begun from it, except those that were
    /// granted `offline_access`.
    pub async fn end(&self, device: &Device, server: &AuthorizationServer) -> Result<(), Error> {
        let cause = self.cause(device, server);
        session::revoke(&server.store, self.session.id, Ending::SignOut, &cause).await?;
        Ok(())
    }
}

/// The reserved client.
async fn client(server: &AuthorizationServer) -> Result<client::Model, Error> {
    let found = client::find(&server.store, BROWSER).await?;
    found.ok_or_else(|| Error::ServerError("the client of browser sessions is missing".into()))
}

/// The policy of the reserved client. A session that the browser does not keep lives for a day at most.
fn policy(client: &client::Model, is_persistent: bool, server: &AuthorizationServer) -> Policy {
    let mut policy = client.policy(&server.settings);
    if !is_persistent {
        policy.session_lifetime = policy.session_lifetime.min(LIFETIME);
        policy.session_idle_lifetime = policy.session_idle_lifetime.min(IDLE_LIFETIME);
    }
    policy
}

fn token_of(session: &session::Model, is_persistent: bool) -> Result<BrowserSessionToken, Error> {
    let generation = u32::try_from(session.generation)
        .map_err(|_| Error::ServerError("generation out of range".into()))?;
    Ok(BrowserSessionToken {
        proof: RefreshToken {
            session: session.id,
            generation,
        },
        is_persistent,
    })
}

fn cause(user: &user::Model, device: &Device, server: &AuthorizationServer) -> Cause {
    Cause {
        at: server.clock.now(),
        actor: Actor::User(user.id),
        device: device.clone(),
    }
}
