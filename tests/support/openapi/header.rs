//! Response headers: components, and references to them.

use serde_json::{Map, Value, json};

use super::refusal::is_page;

/// Shared headers by their names in the document.
pub(super) fn components() -> Value {
    let text = |description: &str| {
        json!({
            "description": description,
            "required": true,
            "schema": { "type": "string" },
        })
    };
    json!({
        "CacheControl": {
            "description": "The response must not be cached.",
            "required": true,
            "schema": { "type": "string", "enum": ["no-store"] },
        },
        "Location": text("The URL to open next."),
        "RequestId": text("Identifies the request in the server's log."),
        "RetryAfter": {
            "description": "Seconds to wait, RFC 9110 section 10.2.3.",
            "required": true,
            "schema": { "type": "integer", "format": "int64", "minimum": 1 },
        },
        "Challenge": text("The authentication scheme and the error: RFC 9110 section 11.6.1, RFC 6750 section 3."),
        "ChallengeIfAny": {
            "description": "The error of the access token, if there is one: RFC 6750 section 3.",
            "required": false,
            "schema": { "type": "string" },
        },
    })
}

/// Declares the response headers of an operation: its own, and those of every response.
pub(super) fn declare(path: &str, operation: &mut Map<String, Value>) {
    let responses = operation.get_mut("responses");
    let responses = responses.and_then(Value::as_object_mut);
    for (status, response) in responses.into_iter().flatten() {
        let Some(response) = response.as_object_mut() else {
            continue;
        };
        let named = response.remove("headers");
        let mut headers: Map<String, Value> = match named {
            Some(Value::Object(named)) => {
                let usual = named
                    .into_iter()
                    .map(|(name, header)| (usual(&name), header));
                usual.collect()
            }
            _ => Map::new(),
        };
        let has_problems = path.starts_with("/account") || path.starts_with("/admin");
        match status.as_str() {
            "401" => refer(&mut headers, "WWW-Authenticate", "Challenge"),
            "403" if !is_page(path) => {
                refer(&mut headers, "WWW-Authenticate", "ChallengeIfAny");
            }
            "400" if has_problems => refer(&mut headers, "WWW-Authenticate", "ChallengeIfAny"),
            "429" | "503" => refer(&mut headers, "Retry-After", "RetryAfter"),
            "303" => refer(&mut headers, "Location", "Location"),
            _ => {}
        }
        if !headers.contains_key("Cache-Control") {
            refer(&mut headers, "Cache-Control", "CacheControl");
        }
        refer(&mut headers, "X-Request-Id", "RequestId");
        response.insert("headers".to_owned(), Value::Object(headers));
    }
}

fn refer(headers: &mut Map<String, Value>, name: &str, component: &str) {
    let reference = format!("#/components/headers/{component}");
    headers.insert(name.to_owned(), json!({ "$ref": reference }));
}

/// Usual spelling of a header name, which poem-openapi writes in capitals.
fn usual(name: &str) -> String {
    match name {
        "ETAG" => "ETag".to_owned(),
        "CACHE-CONTROL" => "Cache-Control".to_owned(),
        "LOCATION" => "Location".to_owned(),
        other => other.to_owned(),
    }
}
