//! The landing page.

use poem::http::StatusCode;
use poem_openapi::OpenApi;

use crate::page::{LandingPage, PageResponse, Site};

/// The landing page at `/`.
#[derive(Default)]
pub struct LandingEndpoint;

#[OpenApi]
#[expect(clippy::unused_async, reason = "poem-openapi requires async")]
impl LandingEndpoint {
    /// Not in the OpenAPI document.
    #[oai(path = "/", method = "get", hidden)]
    async fn landing(&self) -> PageResponse {
        let site = Site::new("Jeton");
        PageResponse::new(StatusCode::OK, &LandingPage { site })
    }
}
