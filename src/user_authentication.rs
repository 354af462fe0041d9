//! Which person asks, by name and password; whoever it is, a refusal costs the same and says the same.
//!
//! Guessing is slowed for each address and for each account, known or not, by the places that failed
//! attempts take and that come back with time. A place is taken before the password is looked at, and
//! given back when it was right. An account is never shut: a device on which its owner is signed in has
//! places of its own, which no stranger takes.

use std::time::Duration;

use uuid::Uuid;

use crate::audit::{Action, Actor, Cause, Event};
use crate::client_authentication::AuthenticatedClient;
use crate::device::Device;
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
    /// At which client.
    pub client: &'a AuthenticatedClient,
    /// From where.
    pub device: &'a Device,
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
    fn new(reservation: Reservation, subject: Subject, server: &AuthorizationServer) -> Self {
        Self {
            reservation,
            _underway: server.throttle.in_flight.begin(subject),
        }
    }
}

/// Who is slowed, and for how long.
struct Slowed {
    /// By what: `address` or `account`.
    by: &'static str,
    subject: Subject,
    user_id: Option<Uuid>,
    wait: Duration,
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
    let Some(network) = attempt.device.network() else {
        return attempt.at_account(server).await;
    };
    let addresses = &server.throttle.addresses;
    if let Err(wait) = addresses.take(network, server.clock.now()) {
        let named = ["address", &network.to_string()];
        let slowed = Slowed {
            by: "address",
            subject: server.root_secrets.sign_in_subject(&named),
            user_id: None,
            wait,
        };
        return Err(attempt.slow(slowed, server).await?);
    }
    let outcome = attempt.at_account(server).await;
    // What counts is a password that was looked at and found wrong.
    if !matches!(outcome, Err(Error::InvalidGrant(_))) {
        addresses.give_back(network);
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
                return Err(self.slow(slowed, server).await?);
            }
        };
        match self.check(user, server).await {
            Ok(Ok(user)) => Ok(AuthenticatedUser { user, place }),
            Ok(Err(reason)) => {
                // Not what was typed: people type passwords there.
                let event = self.event(Action::SignInFailed, user_id, server);
                audit_event::record(&server.store, &event.with("reason", reason)).await?;
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

    /// A place at the account, or of its owner's device; else how long to wait.
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
        let mut looked_at_device = false;
        loop {
            let underway = in_flight.watch(subject);
            let now = server.clock.now();
            let reserved = sign_in_throttle::reserve(&server.store, subject, quota, now).await?;
            let wait = match reserved {
                Ok(reservation) => return Ok(Ok(Some(Place::new(reservation, subject, server)))),
                Err(wait) => wait,
            };
            if !looked_at_device {
                looked_at_device = true;
                if let Some(place) = self.take_place_of_device(user_id, quota, server).await? {
                    return Ok(Ok(Some(place)));
                }
            }
            // Those who are being judged may be right and give their places back: people sign in from
            // many places at once, and programs do.
            let Some(mut underway) = underway.or_else(|| in_flight.watch(subject)) else {
                return Ok(Err(wait));
            };
            // An error tells that all of them have ended.
            underway.changed().await.ok();
        }
    }

    /// A place of this device, if its user is signed in on it.
    async fn take_place_of_device(
        self,
        user_id: Option<Uuid>,
        quota: Quota,
        server: &AuthorizationServer,
    ) -> Result<Option<Place>, Error> {
        let now = server.clock.now();
        let known = KnownDevice {
            // Nobody's, for the same work.
            user_id: user_id.unwrap_or_default(),
            client_id: &self.client.client.id,
            device: self.device,
            idle_since: now.minus(self.client.policy.session_idle_lifetime),
            now,
        };
        if !session::is_known(&server.store, known).await? {
            return Ok(None);
        }
        let subject = server.root_secrets.sign_in_subject(&[
            "device",
            &known.user_id.to_string(),
            known.client_id,
            &self.device.address_text(),
            self.device.user_agent(),
        ]);
        let reserved = sign_in_throttle::reserve(&server.store, subject, quota, now).await?;
        let place = |reservation| Place::new(reservation, subject, server);
        Ok(reserved.ok().map(place))
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
                user::rehash(&server.store, &user, rehashed).await?;
            }
        }
        Ok(Ok(user))
    }

    /// Tells that somebody is slowed, once a minute for each: a flood of attempts is no flood of rows.
    async fn slow(self, slowed: Slowed, server: &AuthorizationServer) -> Result<Error, Error> {
        let Slowed {
            by,
            subject,
            user_id,
            wait,
        } = slowed;
        // Rounded up: who comes back as it says finds a place.
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        metrics::counter!("jeton_sign_ins_slowed_total", "by" => by).increment(1);
        let notices = &server.throttle.notices;
        if notices.take(subject, server.clock.now()).is_ok() {
            let event = self
                .event(Action::SignInThrottled, user_id, server)
                .with("by", by)
                .with("retry_after", seconds);
            audit_event::record(&server.store, &event).await?;
        }
        Ok(Error::TooManyAttempts(seconds))
    }

    fn event(self, action: Action, user_id: Option<Uuid>, server: &AuthorizationServer) -> Event {
        let cause = Cause {
            at: server.clock.now(),
            actor: Actor::Client(self.client.client.id.clone()),
            device: self.device.clone(),
        };
        Event::new(action, &cause)
            .user(user_id)
            .client(&self.client.client.id)
    }
}
