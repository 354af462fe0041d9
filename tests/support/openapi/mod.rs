//! Completes the document that poem-openapi generates: corrections, headers, errors, examples.

mod header;
mod notes;
mod refusal;
mod schema;
mod security;

use jeton::document;
use serde_json::{Map, Value, json};

/// Order of the tags in the document, and so in Swagger UI.
const TAGS: [&str; 7] = [
    "Token",
    "Authorization",
    "OpenID",
    "Account",
    "Keys",
    "Introspection",
    "Admin",
];

/// The document, generated from the definitions in the code.
pub fn generate() -> Value {
    let mut document: Value = serde_json::from_str(&document::service().spec()).unwrap();
    tidy(&mut document);
    let tags = document["tags"].as_array_mut().unwrap();
    tags.sort_by_key(|tag| TAGS.iter().position(|name| tag["name"] == *name).unwrap());
    let notes = notes::read();
    let mut bodies = Vec::new();
    let paths = document.get_mut("paths").and_then(Value::as_object_mut);
    for (path, operations) in paths.into_iter().flatten() {
        let operations = operations.as_object_mut().into_iter().flatten();
        for operation in operations.filter_map(|(_, operation)| operation.as_object_mut()) {
            let id = operation.get("operationId").and_then(Value::as_str);
            let without_notes = notes::Entry::default();
            let entry = id.and_then(|id| notes.get(id)).unwrap_or(&without_notes);
            refusal::settle(path, operation, entry);
            header::declare(path, operation);
            entry.illustrate(operation);
            schema::bound_parameters(operation);
            bodies.extend(schema::of_json_body(operation));
            security::require(operation);
        }
    }
    if let Some(components) = document.get_mut("components") {
        complete(components, &bodies);
    }
    document
}

fn complete(components: &mut Value, bodies: &[String]) {
    let schemas = components.get_mut("schemas");
    if let Some(schemas) = schemas.and_then(Value::as_object_mut) {
        schema::complete(schemas, bodies);
    }
    let security = components.get_mut("securitySchemes");
    if let Some(schemes) = security.and_then(Value::as_object_mut) {
        security::complete(schemes);
    }
    if let Some(components) = components.as_object_mut() {
        components.insert("headers".to_owned(), header::components());
        components.insert("examples".to_owned(), json!(refusal::examples()));
    }
}

/// Corrections of every part.
fn tidy(value: &mut Value) {
    match value {
        Value::Object(members) => {
            strip_charsets(members);
            flatten_reference(members);
            // These are the defaults.
            members.retain(|name, value| match name.as_str() {
                "deprecated" => *value != json!(false),
                "explode" => *value != json!(true),
                _ => true,
            });
            round(members);
            members.values_mut().for_each(tidy);
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        _ => {}
    }
}

/// poem-openapi writes integer bounds as fractions, which some generators refuse.
fn round(members: &mut Map<String, Value>) {
    for bound in ["minimum", "maximum"] {
        if let Some(bound) = members.get_mut(bound)
            && let Some(whole) = bound
                .as_f64()
                .and_then(|bound| format!("{bound:.0}").parse().ok())
        {
            *bound = Value::Number(whole);
        }
    }
}

/// Removes parameters of media types: generators do not know `application/json; charset=utf-8`.
fn strip_charsets(members: &mut Map<String, Value>) {
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
}

/// Removes the description from an `allOf` of a reference and a description, which is repeated beside
/// it: some generators drop a schema whose `allOf` has a member that is no object.
fn flatten_reference(members: &mut Map<String, Value>) {
    if let Some(Value::Array(parts)) = members.get_mut("allOf") {
        parts.retain(|part| {
            let members = part.as_object();
            !members.is_some_and(|part| part.keys().all(|name| name == "description"))
        });
    }
}
