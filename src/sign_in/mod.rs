//! Which person asks, by name and password; whoever it is, a refusal costs the same and says the same.
//!
//! Guessing is slowed for each address and for each account, known or not, by the places that failed
//! attempts take and that come back with time. A place is taken before the password is looked at, and
//! given back when it was right. An account is never shut: a device on which its owner is signed in has
//! places of its own, which no stranger takes; and so has a session by which they are signed in.

mod slowed;

use std::time::Duration;

use sea_orm::DbErr;
use uuid::Uuid;

use self::slowed::Slowed;
pub use self::slowed::{AddressPlace, Asker};
use crate::audit::Action;
use crate::error::Error;
use crate::password::{Password, Verdict};
use crate::secret::Secret;
use crate::server::AuthorizationServer;
use crate::store::session::{self, KnownDevice};
use crate::store::sign_in_throttle::{self, Reservation};
use crate::store::{audit_event, user};
use crate::throttle::{Quota, Subject, Underway};
use crate::username::Username;

/// Somebody who wants to sign in.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    /// As it was typed.
    pub username: &'a Secret,
    /// As it was typed.
    pub password: &'a Secret,
    /// The living session by which they are signed in already, where they must prove it once more.
    pub session: Option<Uuid>,
    /// At which client, and from where.
    pub asker: Asker<'a>,
}

/// Somebody whose password was right.
#[derive(Debug)]
pub struct AuthenticatedUser {
    /// Who it is.
    pub user: user::Model,
    /// The place to give back when what they came for is done.
    pub place: Option<Place>,
}

/// A place among the attempts at an account.
#[derive(Debug)]
pub struct Place {
    /// To give back.
    pub reservation: Reservation,
    _underway: Underway<Subject>,
}

impl Place {
    /// A place for this subject; else how long to wait for one.
    async fn take(
        subject: Subject,
        quota: Quota,
        server: &AuthorizationServer,
    ) -> Result<Result<Self, Duration>, DbErr> {
        let now = server.clock.now();
        let begin = || server.throttle.in_flight.begin(subject);
        let reserved = sign_in_throttle::reserve(&server.store, subject, quota, now, begin).await?;
        Ok(reserved.map(|(reservation, underway)| Self {
            reservation,
            _underway: underway,
        }))
    }
}

/// Finds the user with this name and password. Whoever there is none for costs the same work.
///
/// # Errors
///
/// [`Error::InvalidGrant`] for an unknown or disabled user or a wrong password, alike;
/// [`Error::TooManyAttempts`] when too many attempts have failed, whatever the password.
pub async fn authenticate(
    attempt: Attempt<'_>,
    server: &AuthorizationServer,
) -> Result<AuthenticatedUser, Error> {
    let place = AddressPlace::take(attempt.asker, server).await?;
    let outcome = attempt.at_account(server).await;
    // What counts is a password that was looked at and found wrong.
    if !matches!(outcome, Err(Error::InvalidGrant(_))) {
        place.give_back(server);
    }
    outcome
}

impl Attempt<'_> {
    async fn at_account(self, server: &AuthorizationServer) -> Result<AuthenticatedUser, Error> {
        let typed = self.username.expose();
        let username = Username::parse(typed);
        let user = match &username {
            Ok(username) => user::find_by_username(&server.store, username.as_str()).await?,
            Err(_) => None,
        };
        let user_id = user.as_ref().map(|user| user.id);
        // A name that nobody can have is slowed as one that nobody has.
        let name = username.as_ref().map_or(typed, Username::as_str);
        let subject = server.root_secrets.sign_in_subject(&["account", name]);
        let place = match self.take_place(subject, user_id, server).await? {
            Ok(place) => place,
            Err(wait) => {
                let slowed = Slowed {
                    by: "account",
                    subject,
                    user_id,
                    wait,
                };
                return Err(slowed.tell(self.asker, server).await?);
            }
        };
        match self.check(user, server).await {
            Ok(Ok(user)) => Ok(AuthenticatedUser { user, place }),
            Ok(Err(reason)) => {
                // Not what was typed: people type passwords there.
                let mut event = self.asker.event(Action::SignInFailed, server);
                event.session_id = self.session;
                let event = event.user(user_id).with("reason", reason);
                audit_event::record(&server.store, &event).await?;
                Err(Error::InvalidGrant(reason.into()))
            }
            Err(error) => {
                if let Some(place) = place {
                    sign_in_throttle::give_back(&server.store, place.reservation).await?;
                }
                Err(error)
            }
        }
    }

    /// A place at the account, or of its owner's session or device; else how long to wait.
    async fn take_place(
        self,
        subject: Subject,
        user_id: Option<Uuid>,
        server: &AuthorizationServer,
    ) -> Result<Result<Option<Place>, Duration>, Error> {
        let Some(quota) = server.throttle.accounts else {
            return Ok(Ok(None));
        };
        let in_flight = &server.throttle.in_flight;
        let mut looked_at_own = false;
        loop {
            let others = in_flight.watch(subject);
            let wait = match Place::take(subject, quota, server).await? {
                Ok(place) => return Ok(Ok(Some(place))),
                Err(wait) => wait,
            };
            if !looked_at_own {
                looked_at_own = true;
                if let Some(place) = self.take_own_place(user_id, quota, server).await? {
                    return Ok(Ok(Some(place)));
                }
            }
            // Those who are being judged may be right and give their places back: people sign in from
            // many places at once, and programs do.
            if !others.ended().await {
                return Ok(Err(wait));
            }
        }
    }

    /// A place of the session, or else of this device, if its user is signed in on it.
    async fn take_own_place(
        self,
        user_id: Option<Uuid>,
        quota: Quota,
        server: &AuthorizationServer,
    ) -> Result<Option<Place>, Error> {
        let subject = match self.session {
            Some(id) => server
                .root_secrets
                .sign_in_subject(&["session", &id.to_string()]),
            None => match self.known_device(user_id, server).await? {
                Some(subject) => subject,
                None => return Ok(None),
            },
        };
        Ok(Place::take(subject, quota, server).await?.ok())
    }

    async fn known_device(
        self,
        user_id: Option<Uuid>,
        server: &AuthorizationServer,
    ) -> Result<Option<Subject>, Error> {
        let now = server.clock.now();
        let Asker { client, device } = self.asker;
        let policy = client.policy(&server.settings);
        let known = KnownDevice {
            // Nobody's, for the same work.
            user_id: user_id.unwrap_or_default(),
            client_id: &client.id,
            device,
            idle_since: now.minus(policy.session_idle_lifetime),
            now,
        };
        if !session::is_known(&server.store, known).await? {
            return Ok(None);
        }
        Ok(Some(server.root_secrets.sign_in_subject(&[
            "device",
            &known.user_id.to_string(),
            known.client_id,
            &device.address_text(),
            device.user_agent(),
        ])))
    }

    /// The user, if the password is right and the user may sign in; else why not.
    async fn check(
        self,
        user: Option<user::Model>,
        server: &AuthorizationServer,
    ) -> Result<Result<user::Model, &'static str>, Error> {
        let stored = user.as_ref().map(|user| user.password_hash.clone());
        let password = Password::new(self.password.expose());
        let verdict = server.hasher.verify(password, stored).await;
        let verdict =
            verdict.map_err(|_| Error::TemporarilyUnavailable("too many sign-ins wait".into()))?;
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
}
