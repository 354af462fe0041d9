//! The steps of a refresh: of a session by its refresh token, of a browser session by its cookie. The rules are in
//! [`rotation`](super::rotation).

use std::time::Duration;

use tracing::Instrument as _;

use super::expiry;
use super::refresh_token::RefreshToken;
use super::rotation::{Judgement, Position, RequestTime, is_window_half_over, judge};
use super::sender::{self, Sender};
use crate::audit::{Action, Actor, Cause, Event};
use crate::client::{Policy, RefreshTokenRotation};
use crate::clock::Timestamp;
use crate::device::Device;
use crate::error::Error;
use crate::metric::{REFRESHES, RefreshOutcome};
use crate::server::AuthorizationServer;
use crate::store::session::{self, ForgivenRetry, RotationRequest, SessionRecord};
use crate::store::{audit_event, client};

/// The number of times that the row is read again after a concurrent refresh has changed it.
const ATTEMPTS: u32 = 8;

/// A refresh in progress. Each step reads the clock, because the step before it may have waited.
pub struct Refresh<'a> {
    /// The proof that was presented.
    pub token: RefreshToken,
    /// The time at which the request arrived.
    pub arrival: Timestamp,
    /// The client, which has authenticated.
    pub client: &'a client::Model,
    /// The policy for the session.
    pub policy: &'a Policy,
    /// The device that sends the request.
    pub device: &'a Device,
    /// The age up to which the current generation is kept, and nothing is written. Zero: each refresh rotates.
    pub kept_for: Duration,
    /// The server.
    pub server: &'a AuthorizationServer,
}

impl Refresh<'_> {
    /// Rotates the session, or finds that it was rotated. Returns its row, and what `check` has made of the row before
    /// anything is written.
    pub async fn run<T>(
        &self,
        check: impl Fn(&SessionRecord) -> Result<T, Error>,
    ) -> Result<(SessionRecord, T), Error> {
        for _ in 0..ATTEMPTS {
            let seen = self.find().await?;
            let judgement = self.judge(&seen.session);
            if let Some(refusal) = self.refuse(judgement, &seen.session).await? {
                return Err(refusal);
            }
            let checked = check(&seen)?;
            let record = match judgement {
                Judgement::SameAnswer { is_elsewhere } => {
                    self.repeat(&seen.session, is_elsewhere).await?;
                    Some(seen)
                }
                Judgement::LateRetry { is_elsewhere } => {
                    self.retry_late(&seen.session, is_elsewhere).await?
                }
                _ if self.is_kept(&seen.session) => Some(seen),
                _ => self.rotate(None).await?,
            };
            if let Some(record) = record {
                return Ok((record, checked));
            }
            // Another refresh changed the row between the two statements.
        }
        let reason = format!("gave up after {ATTEMPTS} concurrent refreshes of the session");
        Err(Error::TemporarilyUnavailable(reason.into()))
    }

    /// Whether the presented generation is young enough to be kept.
    fn is_kept(&self, seen: &session::Model) -> bool {
        seen.generation == i64::from(self.token.generation)
            && self.now().apart(seen.rotated_at) < self.kept_for
    }

    /// Begins the next generation, or extends the current one if the client's tokens do not rotate. `None` if the row
    /// does not allow it, or the client has another revision than the given one.
    pub async fn rotate(
        &self,
        client_revision: Option<i64>,
    ) -> Result<Option<SessionRecord>, Error> {
        let policy = self.policy;
        let presented = self.token.generation;
        let (next, outcome) = match policy.rotation {
            RefreshTokenRotation::Always => (presented.checked_add(1), RefreshOutcome::Rotated),
            RefreshTokenRotation::Never => (Some(presented), RefreshOutcome::Kept),
        };
        let at_end = || Error::InvalidGrant("the last generation is reached".into());
        let next = next.ok_or_else(at_end)?;
        let now = self.now();
        let request = RotationRequest {
            session: self.token.session,
            client_id: &self.client.id,
            client_revision,
            presented,
            next,
            device: sender::digests(self.device, &self.server.root_secrets),
            now,
            idle_lifetime: policy.session_idle_lifetime,
            idle_since: now.minus(policy.session_idle_lifetime),
            begun_since: now.minus(policy.session_lifetime),
        };
        let Some(record) = session::rotate(&self.server.store, request).await? else {
            return Ok(None);
        };
        REFRESHES.count(outcome);
        if record.session.rotation_gap > 0 {
            REFRESHES.count(RefreshOutcome::AheadOfStore);
            self.record_gap(&record.session).await;
        }
        self.begin_window(record).await.map(Some)
    }

    /// Repeats a response. It is refused if its event cannot be stored.
    async fn repeat(&self, seen: &session::Model, is_elsewhere: bool) -> Result<(), Error> {
        if is_elsewhere {
            session::record_repeated_elsewhere(&self.server.store, seen, &self.cause()).await?;
            REFRESHES.count(RefreshOutcome::RepeatedElsewhere);
        }
        REFRESHES.count(RefreshOutcome::SameAnswer);
        Ok(())
    }

    async fn retry_late(
        &self,
        seen: &session::Model,
        is_elsewhere: bool,
    ) -> Result<Option<SessionRecord>, Error> {
        let cause = self.cause();
        let retry = ForgivenRetry {
            seen,
            device: sender::digests(self.device, &self.server.root_secrets),
            idle_lifetime: self.policy.session_idle_lifetime,
            is_elsewhere,
        };
        let written = session::retry_late(&self.server.store, retry, &cause).await?;
        let Some(record) = written else {
            return Ok(None);
        };
        REFRESHES.count(RefreshOutcome::LateRetry);
        self.begin_window(record).await.map(Some)
    }

    /// Begins the retry window again if the write has used up half of it.
    async fn begin_window(&self, record: SessionRecord) -> Result<SessionRecord, Error> {
        let now = self.now();
        if !is_window_half_over(record.session.rotated_at, self.policy, now) {
            return Ok(record);
        }
        let restamped = session::restamp(&self.server.store, &record.session, now).await?;
        Ok(restamped.unwrap_or(record))
    }

    /// A failure to write the event does not refuse the refresh: the token has proved itself.
    async fn record_gap(&self, session: &session::Model) {
        let event = Event::new(Action::RefreshAheadOfStore, &self.cause())
            .user(session.user_id)
            .client(&session.client_id)
            .session(session.id)
            .with("generations", session.rotation_gap);
        if let Err(error) = audit_event::record(&self.server.store, &event).await {
            tracing::error!(%error, "an audit event could not be stored");
        }
    }

    /// Finds the session, if it is active and belongs to the client. A refusal here changes nothing, so
    /// another client cannot sign the user out with a stolen token.
    async fn find(&self) -> Result<SessionRecord, Error> {
        let refused = |reason: &'static str| Err(Error::InvalidGrant(reason.into()));
        let expired = |reason| Err(expiry::expired(reason, self.server));
        let Some(record) = session::find(&self.server.store, self.token.session).await? else {
            return refused("no such session");
        };
        let (session, policy, now) = (&record.session, self.policy, self.now());
        // "the refresh token is bound to the client to which it was issued", RFC 6749 §6.
        if session.client_id != self.client.id {
            return refused("the session belongs to another client");
        }
        if session.revoked_at.is_some() {
            return refused("the session was revoked");
        }
        if session.ends_at(policy) <= now {
            return expired("the session has expired");
        }
        if session.idle_ends_at(policy) <= now {
            return expired("the session was idle for too long");
        }
        if record.roles.is_none() {
            return refused("the user or the client of the session is disabled or deleted");
        }
        Ok(record)
    }

    fn judge(&self, session: &session::Model) -> Judgement {
        let time = RequestTime {
            arrival: self.arrival,
            now: self.now(),
        };
        let (presented, policy) = (self.token.generation, self.policy);
        let sender = Sender::of(self.device, session, &self.server.root_secrets);
        judge(presented, Position::from(session), policy, time, sender)
    }

    /// The refusal of an old token. Revokes the session of a replayed one.
    async fn refuse(
        &self,
        judgement: Judgement,
        session: &session::Model,
    ) -> Result<Option<Error>, Error> {
        match judgement {
            Judgement::Rotate | Judgement::SameAnswer { .. } | Judgement::LateRetry { .. } => {
                Ok(None)
            }
            Judgement::WaitedTooLong => {
                let reason = "waited too long to tell a replay from a retry";
                Ok(Some(Error::TemporarilyUnavailable(reason.into())))
            }
            Judgement::Replay { distance } => {
                self.revoke_replayed(session.clone(), distance).await?;
                let reason = "replay: the session is revoked";
                Ok(Some(Error::InvalidGrant(reason.into())))
            }
        }
    }

    /// Runs as a task of its own, so that a thief who closes the connection does not cancel it.
    async fn revoke_replayed(&self, session: session::Model, distance: u32) -> Result<(), Error> {
        let (store, cause) = (self.server.store.clone(), self.cause());
        let revocation = async move {
            session::revoke_replayed(&store, &session, distance, &cause).await?;
            REFRESHES.count(RefreshOutcome::Replay);
            Ok::<_, sea_orm::DbErr>(())
        };
        let finished = tokio::spawn(revocation.in_current_span()).await;
        finished.map_err(|_| Error::ServerError("the revocation of a session failed".into()))??;
        Ok(())
    }

    /// The actor is the client: the user may be the owner or a thief.
    fn cause(&self) -> Cause {
        Cause {
            at: self.now(),
            actor: Actor::Client(self.client.id.clone()),
            device: self.device.clone(),
        }
    }

    fn now(&self) -> Timestamp {
        self.server.clock.now()
    }
}
