//! User authentication by username and password. Every refusal costs the same work and has the same text.
//!
//! Failed attempts are limited for each address and for each account, known or not. An attempt takes a permit of
//! its account before the password is checked, so that concurrent guesses get no more attempts than consecutive
//! ones, and returns it unless the password was wrong. The same wrong password twice in a few seconds counts once. Permits come back with time. An address is counted after a
//! wrong password, and after a refusal because of the account: polling for a permit has a price. No account is
//! locked: one address gets only a part of its permits, and a device on which the user was signed in has permits of
//! its own, which no stranger can take. So has a session whose user confirms the password.

mod account_permit;
pub mod address_limit;
mod imported_hash;
mod throttled;

use sea_orm::DbErr;
use uuid::Uuid;

pub use self::account_permit::AccountPermit;
use crate::audit::{Action, Actor, Cause, Event};
use crate::clock::Timestamp;
use crate::device::Device;
use crate::error::Error;
use crate::password::{Password, Verdict};
use crate::secret::Secret;
use crate::server::AuthorizationServer;
use crate::store::{audit_event, client, sign_in_throttle, user};
use crate::username::Username;

/// The `acr` of an authentication by password alone. "Parties using this claim will need to agree upon
/// the meanings of the values used, which may be context-specific", OpenID Connect Core §2: the manual
/// defines it. There is no `amr`, which would say the same in more bytes.
pub const PASSWORD_ACR: &str = "pwd";

/// An attempt to authenticate by username and password, both as typed.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    /// The username.
    pub username: &'a Secret,
    /// The password.
    pub password: &'a Secret,
    /// The active session whose user confirms the password.
    pub session: Option<Uuid>,
    /// The client and the device.
    pub source: AttemptSource<'a>,
}

/// The client and the device that an attempt comes from.
#[derive(Clone, Copy, Debug)]
pub struct AttemptSource<'a> {
    /// The client.
    pub client: &'a client::Model,
    /// The device.
    pub device: &'a Device,
}

/// A user who has authenticated.
#[derive(Debug)]
pub struct AuthenticatedUser {
    /// The user.
    pub user: user::Model,
    /// The time of the authentication: `auth_time`.
    pub at: Timestamp,
    /// The method of the authentication: `acr`.
    pub acr: &'static str,
    /// The permit, to be returned when the action that the user authenticated for is done.
    pub permit: Option<AccountPermit>,
}

/// Authenticates a user.
///
/// Fails with [`Error::InvalidGrant`] for an unknown user, a disabled user and a wrong password, alike, and
/// with [`Error::TooManyAttempts`] if there is no permit, even for the right password.
pub async fn authenticate(
    attempt: Attempt<'_>,
    server: &AuthorizationServer,
) -> Result<AuthenticatedUser, Error> {
    let arrival = server.clock.read();
    address_limit::check(attempt.source, server).await?;
    let outcome = attempt.authenticate_at_account(server).await;
    match outcome {
        Err(Error::TooManyAttempts(_)) => address_limit::count(attempt.source, server),
        Err(Error::InvalidGrant(_)) => imported_hash::wait(arrival, server).await?,
        _ => {}
    }
    outcome
}

/// Forgets the failed attempts of an account, by an operator. Returns whether any were counted. Those of its
/// devices and sessions stay.
pub async fn unlock(
    user: &user::Model,
    cause: &Cause,
    server: &AuthorizationServer,
) -> Result<bool, DbErr> {
    let subject = account_permit::subject(&user.username, server);
    let event = Event::new(Action::UserUnlocked, cause).user(Some(user.id));
    sign_in_throttle::clear(&server.store, subject, event).await
}

impl Attempt<'_> {
    async fn authenticate_at_account(
        self,
        server: &AuthorizationServer,
    ) -> Result<AuthenticatedUser, Error> {
        // Keyboards and the clipboard add spaces, and no username contains one.
        let typed = self.username.expose().trim();
        let username = Username::parse(typed);
        let user = match &username {
            Ok(username) => user::find_by_username(&server.store, username.as_str()).await?,
            Err(_) => None,
        };
        let user_id = user.as_ref().map(|user| user.id);
        // A malformed name is throttled like an unknown one.
        let account = username.as_ref().map_or(typed, Username::as_str);
        let permit = AccountPermit::take(self, account, user_id, server).await?;
        match self.check(account, user, server).await {
            Ok(Ok(user)) => Ok(AuthenticatedUser {
                user,
                at: server.clock.now(),
                acr: PASSWORD_ACR,
                permit,
            }),
            Ok(Err(reason)) => {
                self.count(account, permit, server).await?;
                self.record_failure(reason, user_id, server).await?;
                Err(Error::InvalidGrant(reason.into()))
            }
            Err(error) => {
                if let Some(permit) = permit {
                    permit.give_back(server).await?;
                }
                Err(error)
            }
        }
    }

    /// The user, if the password is right and the user is enabled; else the reason. An unknown user costs
    /// the same work.
    async fn check(
        self,
        account: &str,
        user: Option<user::Model>,
        server: &AuthorizationServer,
    ) -> Result<Result<user::Model, &'static str>, Error> {
        let password = Password::new(self.password.expose());
        // Looked up for known users, too: a query more or less would tell them apart.
        let decoy = imported_hash::decoy(account, server).await?;
        let stored = user.as_ref().map(|user| user.password_hash.clone());
        let verdict = match (stored, decoy) {
            (None, Some(decoy)) => server.hasher.pretend(password, decoy).await,
            (stored, _) => server.hasher.verify(password, stored).await,
        };
        let verdict = verdict.map_err(|_| {
            Error::TemporarilyUnavailable("the queue of the password hasher is full".into())
        })?;
        let Some(user) = user else {
            return Ok(Err("unknown user"));
        };
        match verdict {
            Verdict::Wrong => return Ok(Err("wrong password")),
            _ if user.disabled_at.is_some() => return Ok(Err("disabled user")),
            Verdict::Right => {}
            Verdict::RightOutdated { rehashed } => {
                user::rehash(&server.store, &user, &rehashed).await?;
            }
        }
        Ok(Ok(user))
    }

    /// Counts a failure for the account, by its permit, and for the address. The same failure again within seconds
    /// does not count: some programs send a refused request once more, with the client's secret in another place.
    async fn count(
        self,
        account: &str,
        permit: Option<AccountPermit>,
        server: &AuthorizationServer,
    ) -> Result<(), DbErr> {
        let AttemptSource { client, device } = self.source;
        let attempt = server.root_secrets.sign_in_subject(&[
            "repetition",
            account,
            &client.id,
            &device.address_text(),
            device.user_agent(),
            self.password.expose(),
        ]);
        let repetitions = &server.throttle.repetitions;
        if !repetitions.take(attempt, server.clock.now()) {
            address_limit::count(self.source, server);
        } else if let Some(permit) = permit {
            permit.give_back(server).await?;
        }
        Ok(())
    }

    /// The event does not name the typed username: users type passwords there.
    async fn record_failure(
        self,
        reason: &'static str,
        user_id: Option<Uuid>,
        server: &AuthorizationServer,
    ) -> Result<(), Error> {
        let mut event = self.source.event(Action::SignInFailed, server);
        event.session_id = self.session;
        let event = event.user(user_id).with("reason", reason);
        audit_event::record(&server.store, &event).await?;
        Ok(())
    }
}

impl AttemptSource<'_> {
    /// The cause of a change by a user who has not authenticated.
    pub fn cause(self, server: &AuthorizationServer) -> Cause {
        Cause {
            at: server.clock.now(),
            actor: Actor::Client(self.client.id.clone()),
            device: self.device.clone(),
        }
    }

    fn event(self, action: Action, server: &AuthorizationServer) -> Event {
        Event::new(action, &self.cause(server)).client(&self.client.id)
    }
}
