//! Who is signed in: the person for whom an access token of our own speaks.

use std::sync::Arc;

use poem::{Request, RequestBody};
use poem_openapi::registry::Registry;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use uuid::Uuid;

use crate::audit::Cause;
use crate::bearer::{self, Bearer};
use crate::problem::Problem;
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
