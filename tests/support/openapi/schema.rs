//! Corrections of schemas and parameters that poem-openapi cannot express.

use jeton::api::page;
use jeton::client::GrantType;
use serde_json::{Map, Value, json};

/// The forms. Swagger UI fills a field without an example with "string".
const FORMS: [&str; 5] = [
    "TokenRequest",
    "AuthorizationForm",
    "RevocationRequest",
    "IntrospectionRequest",
    "UserinfoRequest",
];

/// Properties that a request may set to null.
const NULLABLE: [(&str, &str); 4] = [
    ("UserCreation", "name"),
    ("UserCreation", "email"),
    ("UserChange", "name"),
    ("UserChange", "email"),
];

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
    for name in FORMS {
        if let Some(form) = schemas.get_mut(name) {
            leave_optional_fields_empty(form);
        }
    }
    for (schema, name) in NULLABLE {
        if let Some(property) = property(schemas, schema, name) {
            property.insert("nullable".to_owned(), json!(true));
        }
    }
    if let Some(grant_type) = property(schemas, "TokenRequest", "grant_type") {
        grant_type.insert(
            "enum".to_owned(),
            json!(GrantType::ALL.map(GrantType::as_str)),
        );
    }
}

fn leave_optional_fields_empty(form: &mut Value) {
    let required = form["required"].clone();
    let properties = form.get_mut("properties").and_then(Value::as_object_mut);
    for (name, field) in properties.into_iter().flatten() {
        let is_required = required
            .as_array()
            .is_some_and(|all| all.contains(&json!(name)));
        if let Some(field) = field.as_object_mut().filter(|_| !is_required) {
            field.insert("example".to_owned(), json!(""));
        }
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
