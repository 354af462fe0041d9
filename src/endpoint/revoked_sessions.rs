//! Which sessions were ended: for APIs that verify tokens by themselves and want to hear of a sign-out
//! before the token expires.

use std::sync::Arc;
use std::time::Duration;

use poem::Request;
use poem::web::Data;
use poem_openapi::param::{Header, Query};
use poem_openapi::{Object, OpenApi};
use uuid::Uuid;

use super::Tag;
use super::authorization::Asker;
use super::caching::Cached;
use crate::clock::{Timestamp, micros};
use crate::error::Error;
use crate::parameters::Parameters;
use crate::response::oauth_error::ErrorAnswer;
use crate::server::AuthorizationServer;
use crate::store::client;
use crate::store::session::{self, Revoked};

/// The path.
pub const PATH: &str = "/revoked-sessions";
/// So many at once.
const PAGE: u64 = 1000;
/// An ending may come to light this long after its own time: nodes' clocks lie apart, and a write may
/// wait for its turn.
const OVERLAP: Duration = Duration::from_mins(1);

/// The door.
#[derive(Default)]
pub struct RevokedSessionsEndpoint;

/// Sessions that were ended, oldest ending first.
#[derive(Object)]
struct RevokedSessions {
    /// The sessions.
    sessions: Vec<RevokedSession>,
    /// Ask with this as `since` the next time: at once if `more`, a second later if not.
    next: String,
    /// Whether there are more than these at this moment.
    more: bool,
}

/// A session that was ended.
#[derive(Object)]
struct RevokedSession {
    /// The `sid` of its access tokens.
    sid: Uuid,
    /// When it was ended, in seconds since 1970.
    revoked_at: i64,
    /// When the last of its access tokens has expired, in seconds since 1970: forget the session then.
    until: i64,
}

/// How far an asker has read.
#[derive(Clone, Copy)]
struct Cursor {
    at: Timestamp,
    id: Uuid,
}

#[OpenApi]
impl RevokedSessionsEndpoint {
    /// Ended sessions
    ///
    /// The sessions that were ended while access tokens of theirs may still be alive. An API that
    /// verifies tokens by itself refuses those whose `sid` is among them, and so hears of a sign-out
    /// within seconds, without a question for each request.
    ///
    /// Ask without `since` first, then with the `next` of the last answer, every second or so; the same
    /// session may be told twice. `ETag` and `If-None-Match` save the body when nothing is new. For
    /// confidential clients by HTTP Basic, which hear of sessions for an audience that they are
    /// registered for, and for bearers of an access token with the scope `introspect`, as at
    /// `/introspect` (RFC 7662 section 2.1). No RFC has this path.
    #[oai(
        path = "/revoked-sessions",
        method = "get",
        operation_id = "listRevokedSessions",
        tag = "Tag::Token"
    )]
    async fn list(
        &self,
        request: &Request,
        server: Data<&Arc<AuthorizationServer>>,
        /// The `next` of the last answer.
        since: Query<Option<String>>,
        /// The `ETag` of the last answer to the same question.
        #[oai(name = "If-None-Match")]
        if_none_match: Header<Option<String>>,
    ) -> Result<Cached<RevokedSessions>, ErrorAnswer> {
        let asker = Asker::authorize(request, &Parameters::default(), &server).await?;
        let since = since.0.as_deref().map(Cursor::parse).transpose()?;
        let list = read(&asker, since, &server).await?;
        Ok(Cached::private(list, if_none_match.0.as_deref()))
    }
}

async fn read(
    asker: &Asker,
    since: Option<Cursor>,
    server: &AuthorizationServer,
) -> Result<RevokedSessions, Error> {
    let now = server.clock.now();
    let longest = longest_lifetime(server).await?;
    // What was ended before has no token left.
    let oldest = Cursor {
        at: now.minus(longest),
        id: Uuid::nil(),
    };
    let from = since.filter(|since| since.at > oldest.at).unwrap_or(oldest);
    let mut revoked =
        session::revoked_after(&server.store, from.at, from.id, PAGE.saturating_add(1)).await?;
    let page = usize::try_from(PAGE).unwrap_or(usize::MAX);
    let more = revoked.len() > page;
    revoked.truncate(page);
    let last = revoked.last().map(|last| Cursor {
        at: last.revoked_at,
        id: last.id,
    });
    let next = next(last.or(since), more, now);
    let may_know = |one: &Revoked| {
        let audience = one.audience(&server.settings.issuer);
        asker.may_know(&one.client_id, audience.iter().map(String::as_str))
    };
    Ok(RevokedSessions {
        sessions: revoked
            .into_iter()
            .filter(may_know)
            .map(|one| RevokedSession {
                sid: one.id,
                revoked_at: one.revoked_at.as_seconds(),
                until: one.revoked_at.plus(longest).as_seconds() + 1,
            })
            .collect(),
        next: next.to_string(),
        more,
    })
}

/// From where to read on: after the last one, but no later than a while ago if all were read, so that
/// an ending that comes to light late is not passed over.
fn next(last: Option<Cursor>, more: bool, now: Timestamp) -> Cursor {
    let settled = Cursor {
        at: now.minus(OVERLAP),
        id: Uuid::nil(),
    };
    match last {
        Some(last) if more || last.at < settled.at => last,
        // In steps, so that the same question has the same answer for a while.
        Some(_) => settled.rounded(),
        None => Cursor {
            at: Timestamp::from_micros(0),
            id: Uuid::nil(),
        },
    }
}

async fn longest_lifetime(server: &AuthorizationServer) -> Result<Duration, Error> {
    let registered = client::longest_lifetime(&server.store).await?;
    let default = micros(server.settings.access_token.lifetime.0);
    let signed = server.keys.ring().longest_lifetime();
    let longest = u64::try_from(registered.max(default).max(signed)).unwrap_or_default();
    Ok(Duration::from_micros(longest))
}

impl Cursor {
    fn parse(text: &str) -> Result<Self, Error> {
        let parts = text.split_once('.');
        let parsed = parts.and_then(|(at, id)| {
            Some(Self {
                at: Timestamp::from_micros(at.parse().ok().filter(|at| *at >= 0)?),
                id: Uuid::try_parse(id).ok()?,
            })
        });
        parsed.ok_or_else(|| Error::InvalidRequest("since is no cursor of ours".into()))
    }

    fn rounded(self) -> Self {
        let step = micros(OVERLAP / 6);
        Self {
            at: Timestamp::from_micros(self.at.as_micros() / step * step),
            ..self
        }
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.at.as_micros(), self.id.simple())
    }
}
