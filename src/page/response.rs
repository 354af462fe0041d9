//! The response that contains a page.

use askama::Template;
use poem::http::{HeaderName, HeaderValue, StatusCode, header};
use poem::{IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::payload::Html;
use poem_openapi::registry::{MetaResponses, Registry};

use super::policy::{policy, redirect_source};

/// Headers of every page.
const HEADERS: [(HeaderName, &str); 3] = [
    (header::CACHE_CONTROL, "no-store"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
];

/// A rendered page with its status and content security policy.
#[derive(Debug)]
pub struct PageResponse {
    status: StatusCode,
    html: String,
    policy: String,
    referrer_policy: &'static str,
}

impl PageResponse {
    /// Renders a page without a form.
    pub fn new(status: StatusCode, page: &impl Template) -> Self {
        let (status, html) = match page.render() {
            Ok(html) => (status, html),
            Err(error) => {
                tracing::error!(%error, "cannot render a page");
                (StatusCode::INTERNAL_SERVER_ERROR, String::new())
            }
        };
        Self {
            status,
            html,
            policy: policy("'none'"),
            referrer_policy: "no-referrer",
        }
    }

    /// Permits the page's form to be sent to this server, and its response to redirect to `redirect_uri`.
    #[must_use]
    pub fn with_form(self, redirect_uri: Option<&str>) -> Self {
        let policy = match redirect_uri.and_then(redirect_source) {
            Some(source) => policy(&format!("'self' {source}")),
            None => policy("'self'"),
        };
        Self {
            policy,
            // With `no-referrer`, Chromium would send `Origin: null` with the form.
            referrer_policy: "same-origin",
            ..self
        }
    }
}

impl IntoResponse for PageResponse {
    fn into_response(self) -> Response {
        let mut response = Html(self.html).into_response();
        response.set_status(self.status);
        let headers = response.headers_mut();
        for (name, value) in HEADERS {
            headers.insert(name, HeaderValue::from_static(value));
        }
        let referrer_policy = HeaderValue::from_static(self.referrer_policy);
        headers.insert(header::REFERRER_POLICY, referrer_policy);
        if let Ok(policy) = HeaderValue::try_from(self.policy) {
            headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        }
        response
    }
}

/// For the OpenAPI document.
impl ApiResponse for PageResponse {
    fn meta() -> MetaResponses {
        <Html<String> as ApiResponse>::meta()
    }

    fn register(registry: &mut Registry) {
        <Html<String> as ApiResponse>::register(registry);
    }
}
