//! Corrections of schemas and parameters that poem-openapi cannot express.

use jeton::api::admin::page;
use jeton::client::GrantType;
use serde_json::{Map, Value, json};

/// Completes the schemas. Those in `bodies` are JSON request bodies, which refuse unknown fields.
pub(super) fn complete(schemas: &mut Map<String, Value>, bodies: &[String]) {
    for (name, schema) in schemas.iter_mut() {
        if let Some(schema) = schema.as_object_mut() {
            schema.entry("title").or_insert_with(|| json!(name));
            if bodies.contains(name) {
                schema.insert("additionalProperties".to_owned(), json!(false));
            }
        }
    }
    if let Some(grant_type) = property(schemas, "TokenRequest", "grant_type") {
        grant_type.insert(
            "enum".to_owned(),
            json!(GrantType::ALL.map(GrantType::as_str)),
        );
    }
}

/// Name of the schema of an operation's JSON body.
pub(super) fn of_json_body(operation: &Map<String, Value>) -> Option<String> {
    let content = operation.get("requestBody")?.get("content")?;
    let reference = content.get("application/json")?.pointer("/schema/$ref")?;
    reference.as_str()?.rsplit('/').next().map(str::to_owned)
}

fn property<'a>(
    schemas: &'a mut Map<String, Value>,
    schema: &str,
    name: &str,
) -> Option<&'a mut Map<String, Value>> {
    let properties = schemas.get_mut(schema)?.get_mut("properties")?;
    properties.get_mut(name)?.as_object_mut()
}

/// Declares the bounds of parameters that the code checks.
pub(super) fn bound_parameters(operation: &mut Map<String, Value>) {
    let parameters = operation
        .get_mut("parameters")
        .and_then(Value::as_array_mut);
    for parameter in parameters.into_iter().flatten() {
        let bounds = match parameter.get("name").and_then(Value::as_str) {
            Some("limit") => {
                json!({ "minimum": 1, "maximum": page::MAX_LIMIT, "default": page::DEFAULT_LIMIT })
            }
            Some("since" | "until")
                if parameter.pointer("/schema/type") == Some(&json!("integer")) =>
            {
                json!({ "minimum": 0 })
            }
            _ => continue,
        };
        let schema = parameter.get_mut("schema").and_then(Value::as_object_mut);
        if let (Some(schema), Value::Object(bounds)) = (schema, bounds) {
            schema.extend(bounds);
        }
    }
}
