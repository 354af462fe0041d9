//! The list of revoked sessions: for APIs that verify tokens offline and must notice a sign-out before
//! the token expires.

use std::sync::Arc;
use std::time::Duration;

use poem::Request;
use poem::web::Data;
use poem_openapi::param::{Header, Query};
use poem_openapi::{Object, OpenApi};
use uuid::Uuid;

use super::Tag;
use super::caching::{Cached, Prebuilt};
use super::resource_server::ResourceServer;
use crate::clock::{Timestamp, micros};
use crate::error::{Error, ParameterFault};
use crate::parameters::Parameters;
use crate::response::oauth_error::OAuthError;
use crate::server::AuthorizationServer;
use crate::store::session::{self, Revoked};
use crate::store::{LONGEST_TRANSACTION, client};
use crate::token::expiry;

/// The path.
pub const PATH: &str = "/revoked-sessions";
/// Sessions per response.
const PAGE: u64 = 1000;
/// How far back each response reads again. A revocation may be committed this long after its own time: half of it is
/// for the transaction, half for clock skew between nodes.
const OVERLAP: Duration = LONGEST_TRANSACTION.saturating_mul(2);

/// The endpoint that lists revoked sessions.
#[derive(Default)]
pub struct RevokedSessionsEndpoint;

/// Revoked sessions, the earliest revocation first.
#[derive(Object)]
struct RevokedSessions {
    /// The sessions.
    sessions: Vec<RevokedSession>,
    /// The `since` of the next request: at once if `more` is true, else a second later.
    next: String,
    /// Whether more sessions follow now.
    more: bool,
}

/// A revoked session.
#[derive(Object)]
struct RevokedSession {
    /// The `sid` of its access tokens.
    sid: Uuid,
    /// When it was revoked, in seconds since 1970.
    revoked_at: i64,
    /// When the last of its access tokens has expired, in seconds since 1970. Drop the entry then.
    until: i64,
}

/// The position of a reader in the list.
#[derive(Clone, Copy)]
struct Cursor {
    at: Timestamp,
    id: Uuid,
}

#[OpenApi]
impl RevokedSessionsEndpoint {
    /// List revoked sessions
    ///
    /// Returns sessions that were revoked while their access tokens may still be valid. An API that
    /// verifies tokens offline refuses tokens whose `sid` is in the list, and so notices a sign-out
    /// within seconds, without a request per token.
    ///
    /// Send no `since` first, then the `next` of the last response, about every second. A session may be
    /// listed twice. `ETag` and `If-None-Match` save the body when nothing is new. Callers are the same
    /// as at `/introspect` (RFC 7662 section 2.1); a client sees sessions for an audience that it is
    /// registered for. No RFC defines this path.
    #[oai(
        path = "/revoked-sessions",
        method = "get",
        operation_id = "listRevokedSessions",
        tag = "Tag::Introspection"
    )]
    async fn list(
        &self,
        request: &Request,
        server: Data<&Arc<AuthorizationServer>>,
        /// The `next` of the last response.
        since: Query<Option<String>>,
        /// The `ETag` of the last response to the same request.
        #[oai(name = "If-None-Match")]
        if_none_match: Header<Option<String>>,
    ) -> Result<Cached<RevokedSessions>, OAuthError> {
        let caller = ResourceServer::authorize(request, &Parameters::default(), &server).await?;
        let since = since.0.as_deref().map(Cursor::parse).transpose()?;
        let list = read(&caller, since, &server).await?;
        let list = Prebuilt::private(&list);
        Ok(Cached::answer(&list, if_none_match.0.as_deref()))
    }
}

async fn read(
    caller: &ResourceServer,
    since: Option<Cursor>,
    server: &AuthorizationServer,
) -> Result<RevokedSessions, Error> {
    if let Some(doubt) = expiry::doubt(server) {
        return Err(expiry::in_doubt(doubt));
    }
    let now = server.clock.now();
    let longest = longest_lifetime(server).await?;
    // No access token of an earlier revocation is left.
    let oldest = Cursor {
        at: now.minus(longest),
        id: Uuid::nil(),
    };
    // A position in the future came from a clock that was ahead. It would hide all revocations until then.
    let from = since.filter(|since| since.at > oldest.at && since.at <= now);
    let from = from.unwrap_or(oldest);
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
    let may_see = |one: &Revoked| {
        let audience = one.audience(&server.settings.issuer);
        caller.may_see(&one.client_id, audience.iter().map(String::as_str))
    };
    Ok(RevokedSessions {
        sessions: revoked
            .into_iter()
            .filter(may_see)
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

/// The position to continue from: after the last session; but not later than `OVERLAP` ago once all were
/// read, so that a revocation that is committed late is listed.
fn next(last: Option<Cursor>, more: bool, now: Timestamp) -> Cursor {
    let settled = Cursor {
        at: now.minus(OVERLAP),
        id: Uuid::nil(),
    };
    match last {
        Some(last) if more || last.at < settled.at => last,
        // Rounded, so that the same request has the same response for a while.
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
        parsed.ok_or(Error::InvalidParameter(ParameterFault::Malformed, "since"))
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
