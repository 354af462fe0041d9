//! The HTTP response to a refused request: RFC 6750 §3, RFC 9470 §3, RFC 9457.

use http::{HeaderName, HeaderValue, Response, header};

use crate::refusal::Refusal;

/// Seconds until a client may retry when the keys are unavailable.
const RETRY_AFTER: &str = "5";

/// The parameters that every challenge of an API carries.
#[derive(Clone, Debug)]
pub(crate) struct Challenge {
    pub realm: String,
    /// The URL of the RFC 9728 document.
    pub resource_metadata: Option<String>,
}

impl Challenge {
    /// The response to a request that was refused on a route that requires `scopes`.
    pub(crate) fn response(&self, refusal: Refusal, scopes: &[&str]) -> Response<String> {
        let mut response = Response::new(problem(refusal).to_string());
        *response.status_mut() = refusal.status();
        let headers = response.headers_mut();
        let mut set =
            |name: HeaderName, value| headers.insert(name, HeaderValue::from_static(value));
        set(header::CONTENT_TYPE, "application/problem+json");
        set(header::CACHE_CONTROL, "no-store");
        if refusal == Refusal::KeysUnavailable {
            set(header::RETRY_AFTER, RETRY_AFTER);
        } else if let Ok(value) = HeaderValue::try_from(self.header(refusal, scopes)) {
            headers.insert(header::WWW_AUTHENTICATE, value);
        }
        response
    }

    /// The value of `WWW-Authenticate`.
    fn header(&self, refusal: Refusal, scopes: &[&str]) -> String {
        let mut header = format!("Bearer realm=\"{}\"", self.realm);
        let mut add = |name: &str, value: &str| header.extend([", ", name, "=\"", value, "\""]);
        if let Some(error) = refusal.error() {
            add("error", error);
            add("error_description", refusal.description());
        }
        let scopes = match refusal {
            Refusal::NoToken => scopes,
            Refusal::InsufficientScope { scopes } => scopes,
            _ => &[],
        };
        if !scopes.is_empty() {
            add("scope", &scopes.join(" "));
        }
        if let Refusal::InsufficientAuthentication {
            max_age,
            acr_values,
        } = refusal
        {
            if let Some(max_age) = max_age {
                add("max_age", &max_age.as_secs().to_string());
            }
            if !acr_values.is_empty() {
                add("acr_values", &acr_values.join(" "));
            }
        }
        if let Some(url) = &self.resource_metadata {
            add("resource_metadata", url);
        }
        header
    }
}

/// Whether a text needs no escapes in a quoted string of a header.
pub(crate) fn is_quotable(text: &str) -> bool {
    text.bytes()
        .all(|byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\')
}

fn problem(refusal: Refusal) -> serde_json::Value {
    let status = refusal.status();
    let mut problem = serde_json::json!({
        "type": "about:blank",
        "title": status.canonical_reason().unwrap_or_default(),
        "status": status.as_u16(),
        "detail": refusal.description(),
    });
    if let (Some(error), Some(members)) = (refusal.error(), problem.as_object_mut()) {
        members.insert("error".to_owned(), error.into());
    }
    problem
}
