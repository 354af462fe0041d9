//! Who administers: a person with the role `admin`, or a client that speaks for itself; either by an
//! access token with the scope `admin`.

use std::sync::Arc;

use poem::{Request, RequestBody};
use poem_openapi::registry::Registry;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use super::NOT_ALLOWED;
use crate::api::bearer::{self, Bearer};
use crate::audit::Cause;
use crate::response::problem::Problem;
use crate::scope::{self, Scope};
use crate::server::AuthorizationServer;
use crate::store::client;
use crate::store::user::ADMIN_ROLE;

/// Somebody who may administer, at this moment.
pub struct Administrator {
    cause: Cause,
}

impl Administrator {
    async fn authenticate(
        request: &Request,
        server: &AuthorizationServer,
    ) -> Result<Self, Problem> {
        let bearer = Bearer::authenticate(request, scope::ADMIN, server).await?;
        let may = match &bearer.user {
            Some(user) => user.roles().any(|role| role == ADMIN_ROLE),
            // What the client may do now, not what it might when the token was made.
            None => client::find(&server.store, &bearer.claims.client_id)
                .await?
                .is_some_and(|client| client.scope().covers(&Scope::from_stored(scope::ADMIN))),
        };
        if !may {
            return Err(Problem::Forbidden(NOT_ALLOWED.into()));
        }
        Ok(Self {
            cause: bearer.cause(request, server),
        })
    }

    /// What the request causes.
    pub const fn cause(&self) -> &Cause {
        &self.cause
    }
}

/// Written by hand, because the framework's bearer scheme answers in its own words.
impl<'a> ApiExtractor<'a> for Administrator {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        bearer::register(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        vec![bearer::USER, bearer::SERVICE_ACCOUNT]
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
