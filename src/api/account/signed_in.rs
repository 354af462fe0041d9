//! Who is signed in: the person for whom an access token of our own speaks.

use std::sync::Arc;
use std::time::Duration;

use poem::{Request, RequestBody};
use poem_openapi::registry::Registry;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use uuid::Uuid;

use crate::api::bearer::{self, Bearer};
use crate::audit::Cause;
use crate::response::problem::Problem;
use crate::scope;
use crate::server::AuthorizationServer;
use crate::store::user;
use crate::token::claims::Claims;

/// A person with a living session and a token that allows the account door.
pub struct SignedIn {
    /// What the token says.
    pub claims: Claims,
    /// The session that the token belongs to.
    pub session_id: Uuid,
    /// The person, as they are now.
    pub user: user::Model,
    cause: Cause,
}

impl SignedIn {
    async fn authenticate(
        request: &Request,
        server: &AuthorizationServer,
    ) -> Result<Self, Problem> {
        let bearer = Bearer::authenticate(request, scope::ACCOUNT, server).await?;
        let cause = bearer.cause(request, server);
        match (bearer.user, bearer.claims.sid) {
            (Some(user), Some(session_id)) => Ok(Self {
                claims: bearer.claims,
                session_id,
                user,
                cause,
            }),
            _ => Err(Problem::InvalidToken("it speaks for no person".to_owned())),
        }
    }

    /// Asks for a sign-in, not a refresh, that is not older than this.
    ///
    /// # Errors
    ///
    /// [`Problem::StaleSignIn`]: "the authentication event associated with the access token presented
    /// with the request does not meet the authentication requirements", RFC 9470 §3.
    pub fn require_fresh(&self, max_age: Duration) -> Result<(), Problem> {
        let signed_in_at = self.claims.auth_time.unwrap_or_default();
        let age = self.cause.at.as_seconds().saturating_sub(signed_in_at);
        let max_age = max_age.as_secs();
        if u64::try_from(age).unwrap_or_default() > max_age {
            return Err(Problem::StaleSignIn(max_age));
        }
        Ok(())
    }

    /// What the person causes by the request.
    #[must_use]
    pub const fn cause(&self) -> &Cause {
        &self.cause
    }
}

/// Written by hand, because the framework's bearer scheme answers in its own words.
impl<'a> ApiExtractor<'a> for SignedIn {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        bearer::register(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        vec![bearer::PERSON]
    }

    async fn from_request(
        request: &'a Request,
        _body: &mut RequestBody,
        _options: ExtractParamOptions<Self::ParamType>,
    ) -> poem::Result<Self> {
        let server = request.data::<Arc<AuthorizationServer>>();
        let server = server.ok_or_else(|| Problem::Failed("no server in the request".into()))?;
        Ok(Self::authenticate(request, server).await?)
    }
}
