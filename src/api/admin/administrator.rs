//! Authentication of administrators: a user with the role `jeton:admin`, or a client with its own token. The access token
//! needs the scope `admin`.

use poem::{Request, RequestBody};
use poem_openapi::registry::Registry;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use crate::api::bearer::{self, Bearer};
use crate::audit::Cause;
use crate::clock::Clock;
use crate::response::problem::Problem;
use crate::scope;
use crate::server::AuthorizationServer;

/// An authenticated administrator.
pub struct Administrator {
    cause: Cause,
    clock: Clock,
}

impl Administrator {
    async fn authenticate(
        request: &Request,
        server: &AuthorizationServer,
    ) -> Result<Self, Problem> {
        let bearer = Bearer::authenticate(request, &scope::ADMIN, server).await?;
        Ok(Self {
            cause: bearer.cause(request, server),
            clock: server.clock.clone(),
        })
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

/// Written by hand, because poem's bearer scheme has its own error response.
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
        let server = bearer::server(request)?;
        Ok(Self::authenticate(request, server).await?)
    }
}
