//! What the generator of the document gets wrong or cannot say, put right once.

use poem_openapi::OpenApiService;
use serde_json::{Map, Value, json};

use super::{Doors, header, manual, refusal, schema, security};

/// The document as JSON.
#[must_use]
pub fn repaired(service: &OpenApiService<Doors, ()>) -> String {
    let Ok(mut document) = serde_json::from_str::<Value>(&service.spec()) else {
        return service.spec();
    };
    tidy(&mut document);
    let issuer = document.pointer("/servers/0/url").and_then(Value::as_str);
    let issuer = issuer.unwrap_or_default().to_owned();
    let manual = manual::read();
    let mut bodies = Vec::new();
    let paths = document.get_mut("paths").and_then(Value::as_object_mut);
    for (path, operations) in paths.into_iter().flatten() {
        let operations = operations.as_object_mut().into_iter().flatten();
        for operation in operations.filter_map(|(_, operation)| operation.as_object_mut()) {
            let id = operation.get("operationId").and_then(Value::as_str);
            let unwritten = manual::Entry::default();
            let entry = id.and_then(|id| manual.get(id)).unwrap_or(&unwritten);
            refusal::settle(path, operation, entry);
            header::declare(path, operation);
            entry.illustrate(operation);
            schema::bound_parameters(operation);
            bodies.extend(schema::of_json_body(operation));
            security::require(operation);
        }
    }
    if let Some(components) = document.get_mut("components") {
        complete(components, &bodies, &issuer);
    }
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

fn complete(components: &mut Value, bodies: &[String], issuer: &str) {
    let schemas = components.get_mut("schemas");
    if let Some(schemas) = schemas.and_then(Value::as_object_mut) {
        schema::complete(schemas, bodies);
    }
    let security = components.get_mut("securitySchemes");
    if let Some(schemes) = security.and_then(Value::as_object_mut) {
        security::complete(schemes, issuer);
    }
    if let Some(components) = components.as_object_mut() {
        components.insert("headers".to_owned(), header::components());
        components.insert("examples".to_owned(), json!(refusal::examples()));
    }
}

/// What holds everywhere.
fn tidy(value: &mut Value) {
    match value {
        Value::Object(members) => {
            strip_charsets(members);
            flatten_reference(members);
            // So it is anyway.
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

/// The framework writes bounds of whole numbers as fractions, which some languages refuse.
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

/// Media types are named bare, or generators take `application/json; charset=utf-8` for a format
/// that they do not know.
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

/// A reference with a description is `allOf` of the two, and the description stands beside it once
/// more. Generators want objects in an `allOf` of two, and leave out the whole schema around it.
fn flatten_reference(members: &mut Map<String, Value>) {
    if let Some(Value::Array(parts)) = members.get_mut("allOf") {
        parts.retain(|part| {
            let members = part.as_object();
            !members.is_some_and(|part| part.keys().all(|name| name == "description"))
        });
    }
}
