//! The signed-in user of a request, by an access token of this server.

use std::time::Duration;

use poem::{Request, RequestBody};
use poem_openapi::registry::Registry;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use uuid::Uuid;

use crate::api::bearer::{self, Bearer};
use crate::audit::Cause;
use crate::clock::Clock;
use crate::response::problem::Problem;
use crate::scope;
use crate::server::AuthorizationServer;
use crate::store::user;
use crate::token::claims::Claims;

/// A user with an active session and a token with scope `account`.
pub struct SignedIn {
    /// The claims of the token.
    pub claims: Claims,
    /// The session of the token.
    pub session_id: Uuid,
    /// The user's present row.
    pub user: user::Model,
    cause: Cause,
    clock: Clock,
}

impl SignedIn {
    async fn authenticate(
        request: &Request,
        server: &AuthorizationServer,
    ) -> Result<Self, Problem> {
        let bearer = Bearer::authenticate(request, &scope::ACCOUNT, server).await?;
        let cause = bearer.cause(request, server);
        match (bearer.user, bearer.claims.sid) {
            (Some(user), Some(session_id)) => Ok(Self {
                claims: bearer.claims,
                session_id,
                user,
                cause,
                clock: server.clock.clone(),
            }),
            _ => Err(Problem::InvalidToken("the token has no user".to_owned())),
        }
    }

    /// Requires a sign-in, not a refresh, within `max_age`: "the authentication event associated with the
    /// access token presented with the request does not meet the authentication requirements", RFC 9470 §3.
    pub fn require_fresh(&self, max_age: Duration) -> Result<(), Problem> {
        let signed_in_at = self.claims.auth_time.unwrap_or_default();
        let age = self.cause.at.as_seconds().saturating_sub(signed_in_at);
        let max_age = max_age.as_secs();
        if u64::try_from(age).unwrap_or_default() > max_age {
            return Err(Problem::StaleSignIn(max_age));
        }
        Ok(())
    }

    /// The cause of a change that is made now. The body of the request may have arrived slowly, and the list of revoked
    /// sessions requires the time at which the transaction begins.
    pub fn cause(&self) -> Cause {
        Cause {
            at: self.clock.now(),
            ..self.cause.clone()
        }
    }
}

/// Written by hand, because poem-openapi's bearer scheme has its own error format.
impl<'a> ApiExtractor<'a> for SignedIn {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        bearer::register(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        vec![bearer::USER]
    }

    async fn from_request(
        request: &'a Request,
        _body: &mut RequestBody,
        _options: ExtractParamOptions<Self::ParamType>,
    ) -> poem::Result<Self> {
        let server = bearer::server(request)?;
        Ok(Self::authenticate(request, server).await?)
    }
}
