//! The refresh token grant, RFC 6749 §6; the rules of rotation stand in
//! [`rotation`](crate::token::rotation).

use std::time::Duration;

use tracing::Instrument as _;

use super::narrowing::Narrowing;
use crate::audit::{Action, Actor, Cause, Event};
use crate::client::RefreshTokenRotation;
use crate::client_authentication::AuthenticatedClient;
use crate::clock::Timestamp;
use crate::device::Device;
use crate::error::Error;
use crate::parameters::Parameters;
use crate::secret::Secret;
use crate::server::AuthorizationServer;
use crate::store::audit_event;
use crate::store::session::{self, Record, Rotation};
use crate::token::refresh_token::RefreshToken;
use crate::token::response::{Narrowed, TokenResponse};
use crate::token::rotation::{Judgement, Position, judge};

/// The value of `grant_type`.
pub const TYPE: &str = "refresh_token";

/// How often the row may change between reading and writing it before the client is asked to come
/// back. Once is ordinary (two tabs); more takes as many refreshes at the same instant.
const ATTEMPTS: usize = 8;

/// A request that waited longer for the store, or whose node stood still, says nothing about who holds the
/// token: its client gave up, and may have gone on at another node, twice even.
const HELD_UP: Duration = Duration::from_secs(5);

/// The parameters of the grant.
#[derive(Debug)]
pub struct Request {
    refresh_token: Secret,
    narrowing: Narrowing,
    came: Timestamp,
}

impl Request {
    /// Reads the parameters, which came at `now`.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidRequest`] without a `refresh_token`, [`Error::InvalidScope`] for a malformed
    /// scope.
    pub fn parse(parameters: &Parameters, now: Timestamp) -> Result<Self, Error> {
        Ok(Self {
            refresh_token: parameters.require("refresh_token")?.clone(),
            narrowing: Narrowing::parse(parameters)?,
            came: now,
        })
    }

    /// Exchanges the token for its successor and an access token.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidGrant`] when the session is over or the token is a replay;
    /// [`Error::InvalidScope`] or [`Error::InvalidTarget`] when it asks for more than the session
    /// has, which consumes nothing.
    pub async fn exchange(
        self,
        client: &AuthenticatedClient,
        device: Device,
        server: &AuthorizationServer,
    ) -> Result<TokenResponse, Error> {
        let token = RefreshToken::decode(self.refresh_token.expose(), &server.root_secrets)
            .map_err(|why| Error::InvalidGrant(why.to_string().into()))?;
        let refresh = Refresh {
            token,
            client,
            device,
            came: self.came,
            server,
        };
        if !self.narrowing.is_empty() {
            refresh.check(&self.narrowing).await?;
        }
        let record = refresh.advance().await?;
        let narrowed = refresh.narrow(self.narrowing, &record)?;
        let roles = record.roles.as_deref().unwrap_or_default();
        TokenResponse::for_session(&record.session, roles, narrowed, client, server)
    }
}

/// One refresh under way. It reads the clock anew at each step: a step may have waited long for its
/// turn to write, and a row that was written meanwhile must not be judged by an older time.
struct Refresh<'a> {
    token: RefreshToken,
    client: &'a AuthenticatedClient,
    device: Device,
    came: Timestamp,
    server: &'a AuthorizationServer,
}

impl Refresh<'_> {
    /// Checks that the session has what is asked for, before anything is written: "more" must not
    /// cost the client its refresh token.
    async fn check(&self, narrowing: &Narrowing) -> Result<(), Error> {
        let record = self.find().await?;
        if let Judgement::Replay { distance } = self.judge(&record) {
            return Err(self.end_replayed(record.session, distance).await?);
        }
        self.narrow(narrowing.clone(), &record).map(drop)
    }

    /// "The requested scope MUST NOT include any scope not originally granted by the resource owner, and
    /// if omitted is treated as equal to the scope originally granted", RFC 6749 §6; less what the client
    /// may have no more.
    ///
    /// If nothing is left, the person has to sign in again, for what the client may have now; and
    /// `invalid_grant` is what makes a client ask them to.
    fn narrow(&self, narrowing: Narrowing, record: &Record) -> Result<Narrowed, Error> {
        let (client, issuer) = (&self.client.client, &self.server.settings.issuer);
        let granted = Narrowed::still_granted(&record.session, client, issuer);
        let Narrowed { scope, audience } = granted.ok_or_else(|| {
            Error::InvalidGrant("the client may have nothing more of what was granted".into())
        })?;
        narrowing.apply(&scope, audience)
    }

    /// Moves the session on, or finds that it has been; says where it stands now.
    async fn advance(&self) -> Result<Record, Error> {
        for _ in 0..ATTEMPTS {
            if let Some(record) = self.rotate().await? {
                return self.begin_window(record).await;
            }
            let record = self.find().await?;
            match self.judge(&record) {
                Judgement::SameAnswer => {
                    count("same_answer");
                    return Ok(record);
                }
                Judgement::Replay { distance } => {
                    return Err(self.end_replayed(record.session, distance).await?);
                }
                Judgement::LateRetry => {
                    if let Some(record) = self.retry_late(&record).await? {
                        return self.begin_window(record).await;
                    }
                }
                // The row moved between the two statements: another refresh, or a store that was
                // put back. Look again.
                Judgement::Rotate => {}
            }
        }
        Err(Error::TemporarilyUnavailable(
            "the session would not hold still".into(),
        ))
    }

    /// Begins the next generation, or lets the present one go on where refresh tokens stay as they are.
    async fn rotate(&self) -> Result<Option<Record>, Error> {
        let presented = self.token.generation;
        let (next, outcome) = match self.client.policy.rotation {
            RefreshTokenRotation::Always => (presented.checked_add(1), "rotated"),
            RefreshTokenRotation::Never => (Some(presented), "kept"),
        };
        let rotation = Rotation {
            session: self.token.session,
            client_id: &self.client.client.id,
            presented,
            next: next.ok_or_else(|| {
                Error::InvalidGrant("the session has no further generation".into())
            })?,
            now: self.now(),
            idle_since: self.idle_since(),
            begun_since: self.now().minus(self.client.policy.session_lifetime),
        };
        let record = session::rotate(&self.server.store, rotation).await?;
        if let Some(Record { session, .. }) = &record {
            count(outcome);
            if session.rotation_gap > 0 {
                count("ahead_of_store");
                self.tell_of_gap(session).await;
            }
        }
        Ok(record)
    }

    /// A row that cannot be written is no reason to keep the person out: the log has been told, and
    /// the token has proved itself.
    async fn tell_of_gap(&self, session: &session::Model) {
        let event = Event::new(Action::RefreshAheadOfStore, &self.cause())
            .user(session.user_id)
            .client(&session.client_id)
            .session(session.id)
            .with("generations", session.rotation_gap);
        if let Err(error) = audit_event::record(&self.server.store, &event).await {
            tracing::error!(%error, "an audit event could not be stored");
        }
    }

    /// The window counts from the answer: a write that waited long for its turn has used it up.
    async fn begin_window(&self, record: Record) -> Result<Record, Error> {
        let window = self.client.policy.retry_window;
        let now = self.now();
        if window.is_zero() || now.apart(record.session.rotated_at) < window / 2 {
            return Ok(record);
        }
        let restamped = session::restamp(&self.server.store, &record.session, now).await?;
        Ok(restamped.unwrap_or(record))
    }

    async fn retry_late(&self, seen: &Record) -> Result<Option<Record>, Error> {
        let store = &self.server.store;
        let record = session::retry_late(store, &seen.session, &self.cause()).await?;
        if record.is_some() {
            count("late_retry");
        }
        Ok(record)
    }

    /// Ends the session, in a statement of its own that the refusal does not roll back, and in a task
    /// of its own that the thief does not take along by hanging up.
    async fn end_replayed(&self, session: session::Model, distance: u32) -> Result<Error, Error> {
        if self.now().apart(self.came) > HELD_UP {
            let reason = "held up for so long that an old token is no replay";
            return Ok(Error::TemporarilyUnavailable(reason.into()));
        }
        let (store, cause) = (self.server.store.clone(), self.cause());
        let ending = async move {
            session::end_replayed(&store, &session, distance, &cause).await?;
            count("replay");
            Ok::<_, sea_orm::DbErr>(())
        };
        let ended = tokio::spawn(ending.in_current_span()).await;
        ended.map_err(|_| Error::ServerError("the ending of a session failed".into()))??;
        Ok(Error::InvalidGrant("replay: the session is ended".into()))
    }

    /// The session, if it lives and is this client's. A refusal here touches nothing, so that
    /// another client with a stolen token cannot sign the owner out.
    async fn find(&self) -> Result<Record, Error> {
        let refused = |why: &'static str| Error::InvalidGrant(why.into());
        let found = session::find(&self.server.store, self.token.session).await?;
        let record = found.ok_or_else(|| refused("no such session"))?;
        let session = &record.session;
        // "the refresh token is bound to the client to which it was issued", RFC 6749 §6.
        if session.client_id != self.client.client.id {
            return Err(refused("the session is another client's"));
        }
        if session.revoked_at.is_some() {
            return Err(refused("the session was ended"));
        }
        if session.ends_at(&self.client.policy) <= self.now() {
            return Err(refused("the session has expired"));
        }
        if session.rotated_at <= self.idle_since() {
            return Err(refused("the session was idle too long"));
        }
        if record.roles.is_none() {
            return Err(refused("the session's user or client is gone or disabled"));
        }
        Ok(record)
    }

    /// As of the moment of this request that is nearest to the rotation: who was held up while another
    /// request moved the session on is not late, and uses nothing up of what is forgiven.
    fn judge(&self, record: &Record) -> Judgement {
        let position = Position::from(&record.session);
        let (came, now) = (self.came, self.now());
        let nearest = position.rotated_at.clamp(came.min(now), came.max(now));
        let policy = &self.client.policy;
        judge(self.token.generation, position, policy, nearest)
    }

    /// Whoever shows the token: its owner or a thief.
    fn cause(&self) -> Cause {
        Cause {
            at: self.now(),
            actor: Actor::Client(self.client.client.id.clone()),
            device: self.device.clone(),
        }
    }

    fn now(&self) -> Timestamp {
        self.server.clock.now()
    }

    fn idle_since(&self) -> Timestamp {
        self.now().minus(self.client.policy.session_idle_lifetime)
    }
}

/// How refreshes went; a rotation ahead of the store is counted as both.
fn count(outcome: &'static str) {
    metrics::counter!("jeton_refreshes_total", "outcome" => outcome).increment(1);
}
