//! The landing page.

use std::sync::Arc;

use poem::http::StatusCode;
use poem::web::Data;
use poem_openapi::OpenApi;

use crate::page::{LandingPage, PageResponse, Site};
use crate::server::AuthorizationServer;

/// The landing page at `/`.
#[derive(Default)]
pub struct LandingEndpoint;

#[OpenApi]
#[expect(clippy::unused_async, reason = "poem-openapi requires async")]
impl LandingEndpoint {
    /// Not in the OpenAPI document.
    #[oai(path = "/", method = "get", hidden)]
    async fn landing(&self, server: Data<&Arc<AuthorizationServer>>) -> PageResponse {
        let site = Site::new(&server.settings.page.name);
        PageResponse::new(StatusCode::OK, &LandingPage { site })
    }
}
