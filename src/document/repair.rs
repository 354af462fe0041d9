//! What the generator of the document gets wrong, put right once.

use poem_openapi::OpenApiService;
use serde_json::{Map, Value, json};

use super::Doors;

/// What does not allow these is there already, or the state it is in.
const CONFLICTS: [&str; 9] = [
    "changeAccountPassword",
    "createClient",
    "createClientSecret",
    "createUser",
    "deleteClientSecret",
    "deleteUser",
    "registerAccount",
    "rotateSigningKey",
    "updateUser",
];
/// At these somebody could guess, or fill the store.
const THROTTLED: [&str; 3] = ["changeAccountPassword", "registerAccount", "requestToken"];
/// No access token is asked for, and yet not everybody may.
const RESERVED: [&str; 3] = ["introspectToken", "listRevokedSessions", "registerAccount"];

/// The document as JSON.
#[must_use]
pub fn repaired(service: &OpenApiService<Doors, ()>) -> String {
    let Ok(mut document) = serde_json::from_str::<Value>(&service.spec()) else {
        return service.spec();
    };
    strip_charsets(&mut document);
    flatten_references(&mut document);
    let paths = document.get_mut("paths").and_then(Value::as_object_mut);
    for (path, operations) in paths.into_iter().flatten() {
        let operations = operations.as_object_mut().into_iter().flatten();
        for operation in operations.filter_map(|(_, operation)| operation.as_object_mut()) {
            repair(path, operation);
        }
    }
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

fn repair(path: &str, operation: &mut Map<String, Value>) {
    let known = operation.clone();
    if let Some(responses) = operation
        .get_mut("responses")
        .and_then(Value::as_object_mut)
    {
        responses.retain(|status, _| is_possible(status, path, &known));
    }
    // Said outright: there is none, and none was forgotten.
    operation.entry("security").or_insert_with(|| json!([]));
}

/// Whether an operation may answer so. A door declares all that it ever refuses with; what one of its
/// operations cannot be refused with is left out of its responses.
fn is_possible(status: &str, path: &str, operation: &Map<String, Value>) -> bool {
    let id = operation.get("operationId").and_then(Value::as_str);
    let is_one_of = |ids: &[&str]| id.is_some_and(|id| ids.contains(&id));
    let takes_body = operation.contains_key("requestBody");
    let needs_token = operation.contains_key("security");
    let is_for_clients = !path.starts_with("/account") && !path.starts_with("/admin");
    match status {
        "401" => needs_token || is_for_clients,
        "403" => needs_token || is_one_of(&RESERVED),
        "404" => path.contains('{'),
        "409" => is_one_of(&CONFLICTS),
        "412" => takes(operation, "header", "If-Match"),
        "413" | "415" => takes_body,
        "422" => takes_body || takes(operation, "query", ""),
        "429" => is_one_of(&THROTTLED),
        _ => true,
    }
}

/// Whether it has a parameter there, by this name if one is given.
fn takes(operation: &Map<String, Value>, place: &str, name: &str) -> bool {
    let parameters = operation.get("parameters").and_then(Value::as_array);
    parameters.into_iter().flatten().any(|parameter| {
        let is = |member: &str, value: &str| {
            parameter.get(member).and_then(Value::as_str) == Some(value)
        };
        is("in", place) && (name.is_empty() || is("name", name))
    })
}

/// Media types are named bare, or generators take `application/json; charset=utf-8` for a format
/// that they do not know.
fn strip_charsets(value: &mut Value) {
    match value {
        Value::Object(members) => {
            let named: Vec<String> = members
                .keys()
                .filter(|name| name.contains("; charset="))
                .cloned()
                .collect();
            for name in named {
                if let (Some(inner), Some(bare)) = (members.remove(&name), name.split(';').next()) {
                    members.insert(bare.to_owned(), inner);
                }
            }
            members.values_mut().for_each(strip_charsets);
        }
        Value::Array(items) => items.iter_mut().for_each(strip_charsets),
        _ => {}
    }
}

/// A reference with a description is `allOf` of the two, and the description stands beside it once
/// more. Generators want objects in an `allOf` of two, and leave out the whole schema around it.
fn flatten_references(value: &mut Value) {
    match value {
        Value::Object(members) => {
            if let Some(Value::Array(parts)) = members.get_mut("allOf") {
                parts.retain(|part| {
                    let members = part.as_object();
                    !members.is_some_and(|part| part.keys().all(|name| name == "description"))
                });
            }
            members.values_mut().for_each(flatten_references);
        }
        Value::Array(items) => items.iter_mut().for_each(flatten_references),
        _ => {}
    }
}
