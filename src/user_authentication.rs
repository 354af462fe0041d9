//! Which person asks, by name and password; whoever it is, a refusal costs the same and says the same.

use crate::audit::{Action, Actor, Cause, Event};
use crate::device::Device;
use crate::error::Error;
use crate::password::{Password, Verdict};
use crate::secret::Secret;
use crate::server::AuthorizationServer;
use crate::store::{audit_event, user};
use crate::username::Username;

/// Somebody who wants to sign in.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    /// As it was typed.
    pub username: &'a Secret,
    /// As it was typed.
    pub password: &'a Secret,
    /// At which client.
    pub client_id: &'a str,
    /// From where.
    pub device: &'a Device,
}

/// The user with this name and password. Whoever there is none for costs the same work.
///
/// # Errors
///
/// [`Error::InvalidGrant`] for an unknown or disabled user or a wrong password, alike.
pub async fn authenticate(
    attempt: Attempt<'_>,
    server: &AuthorizationServer,
) -> Result<user::Model, Error> {
    let user = match Username::parse(attempt.username.expose()) {
        Ok(username) => user::find_by_username(&server.store, username.as_str()).await?,
        Err(_) => None,
    };
    let user_id = user.as_ref().map(|user| user.id);
    match check(user, attempt, server).await? {
        Ok(user) => Ok(user),
        Err(reason) => {
            // Not what was typed: people type passwords there.
            let event = Event::new(Action::SignInFailed, &attempt.cause(server))
                .user(user_id)
                .client(attempt.client_id)
                .with("reason", reason);
            audit_event::record(&server.store, &event).await?;
            Err(Error::InvalidGrant(reason.into()))
        }
    }
}

/// The user, if the password is right and the user may sign in; else why not.
async fn check(
    user: Option<user::Model>,
    attempt: Attempt<'_>,
    server: &AuthorizationServer,
) -> Result<Result<user::Model, &'static str>, Error> {
    let stored = user.as_ref().map(|user| user.password_hash.clone());
    let password = Password::new(attempt.password.expose());
    let verdict = server.hasher.verify(password, stored).await;
    let verdict =
        verdict.map_err(|_| Error::TemporarilyUnavailable("too many sign-ins wait".into()))?;
    let Some(user) = user else {
        return Ok(Err("unknown user"));
    };
    match verdict {
        Verdict::Wrong => return Ok(Err("wrong password")),
        Verdict::Right | Verdict::RightOutdated { .. } if user.disabled_at.is_some() => {
            return Ok(Err("disabled user"));
        }
        Verdict::Right => {}
        Verdict::RightOutdated { rehashed } => {
            user::rehash(&server.store, &user, rehashed).await?;
        }
    }
    Ok(Ok(user))
}

impl Attempt<'_> {
    fn cause(&self, server: &AuthorizationServer) -> Cause {
        Cause {
            at: server.clock.now(),
            actor: Actor::Client(self.client_id.to_owned()),
            device: self.device.clone(),
        }
    }
}
