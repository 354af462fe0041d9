//! Security of operations that poem-openapi cannot express: clients authenticate by HTTP Basic, by form
//! fields, or, if they are public, not at all.

use jeton::api::bearer::{SERVICE_ACCOUNT, USER};
use jeton::document::DEFAULT_ISSUER;
use jeton::scope::{INTROSPECT, OPENID};
use serde_json::{Map, Value, json};

/// Name of the scheme by which a confidential client authenticates.
const CLIENT: &str = "ClientBasic";

/// Declares the security of an operation. The empty alternative stands for credentials in the form, or
/// none; it comes first, because most callers need it.
pub(super) fn require(operation: &mut Map<String, Value>) {
    let id = operation.get("operationId").and_then(Value::as_str);
    let client = json!({ CLIENT: [] });
    let service_account = json!({ SERVICE_ACCOUNT: [INTROSPECT.name] });
    let user = json!({ USER: [OPENID] });
    let alternatives = match id {
        Some("requestToken" | "revokeToken") => json!([{}, client]),
        Some("introspectToken") => json!([{}, client, service_account]),
        Some("listRevokedSessions") => json!([client, service_account]),
        Some("fetchUserinfo") => json!([user]),
        Some("postUserinfo") => json!([user, {}]),
        _ => json!([]),
    };
    operation.entry("security").or_insert_with(|| alternatives);
}

/// Completes the schemes with absolute URLs, because readers resolve relative ones differently.
pub(super) fn complete(schemes: &mut Map<String, Value>) {
    for (_, scheme) in schemes.iter_mut() {
        let flows = scheme.get_mut("flows").and_then(Value::as_object_mut);
        for (_, flow) in flows.into_iter().flatten() {
            let urls = [
                ("authorizationUrl", "/authorize"),
                ("tokenUrl", "/token"),
                ("refreshUrl", "/token"),
            ];
            for (name, path) in urls {
                if let Some(url) = flow.get_mut(name) {
                    *url = format!("{DEFAULT_ISSUER}{path}").into();
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
                            first (RFC 6749 section 2.3.1). Not a user's password.",
        }),
    );
}
