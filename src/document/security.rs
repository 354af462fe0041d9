//! Who may call what, where the framework cannot say it: clients prove themselves by HTTP Basic, by
//! fields of the form, or, if they are public, not at all.

use serde_json::{Map, Value, json};

use crate::api::bearer::SERVICE_ACCOUNT;

/// How a confidential client proves itself, in the document.
const CLIENT: &str = "ClientBasic";
/// What lets the bearer of an access token ask about tokens and sessions.
const INTROSPECT: &str = "introspect";
const INTROSPECT_WORDS: &str = "Ask about tokens and sessions.";

/// Says of an operation who may call it. Where a form carries credentials, or none are needed, the empty
/// alternative stands for that, and first: it is what most callers need.
pub(super) fn require(operation: &mut Map<String, Value>) {
    let id = operation.get("operationId").and_then(Value::as_str);
    let client = json!({ CLIENT: [] });
    let service_account = json!({ SERVICE_ACCOUNT: [INTROSPECT] });
    let alternatives = match id {
        Some("requestToken" | "revokeToken") => json!([{}, client]),
        Some("introspectToken") => json!([{}, client, service_account]),
        Some("listRevokedSessions") => json!([client, service_account]),
        // Said outright: there is none, and none was forgotten.
        _ => json!([]),
    };
    operation.entry("security").or_insert_with(|| alternatives);
}

/// Completes the schemes. What they are relative to differs among those who read them, so the token
/// endpoint stands there whole.
pub(super) fn complete(schemes: &mut Map<String, Value>, issuer: &str) {
    // Not a person's: the default client has it not, and whoever asks for all scopes would get none.
    let scopes = schemes
        .get_mut(SERVICE_ACCOUNT)
        .and_then(|scheme| scheme.pointer_mut("/flows/clientCredentials/scopes"));
    if let Some(scopes) = scopes.and_then(Value::as_object_mut) {
        scopes.insert(INTROSPECT.to_owned(), INTROSPECT_WORDS.into());
    }
    for (_, scheme) in schemes.iter_mut() {
        let flows = scheme.get_mut("flows").and_then(Value::as_object_mut);
        for (_, flow) in flows.into_iter().flatten() {
            for url in ["tokenUrl", "refreshUrl"] {
                if let Some(url) = flow.get_mut(url) {
                    *url = format!("{issuer}/token").into();
                }
            }
        }
    }
    schemes.insert(
        CLIENT.to_owned(),
        json!({
            "type": "http",
            "scheme": "basic",
            "description": "A confidential client's client_id and client_secret, each form-encoded \
                            first (RFC 6749 section 2.3.1). No person's password belongs here.",
        }),
    );
}
