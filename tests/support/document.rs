//! Compares every response of a test with the OpenAPI document: status, headers, schema of the body.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex};

use jsonschema::{Draft, Validator};
use poem::http::Method;
use serde_json::{Value, json};

use super::Answer;

pub static DOCUMENT: LazyLock<Value> = LazyLock::new(super::openapi::generate);

/// Panics when an operation of the document answers in a way that it does not declare.
#[track_caller]
pub fn assert_declared(method: &Method, path: &str, answer: &Answer) {
    // Made for HEAD from the answer to GET, and for CORS before any operation is known.
    let (method, has_body) = match *method {
        Method::HEAD => ("get".to_owned(), false),
        Method::OPTIONS => return,
        _ => (method.as_str().to_ascii_lowercase(), true),
    };
    let paths = DOCUMENT["paths"].as_object().unwrap();
    let operations = paths.iter().filter(|(template, _)| matches(template, path));
    let mut declared = operations.filter_map(|(_, operations)| operations.get(&method));
    let Some(operation) = declared.next() else {
        return;
    };
    let what = format!("{method} {path} answers {}", answer.status);
    let response = &operation["responses"][answer.status.as_str()];
    assert!(response.is_object(), "{what}, which is not declared");
    for (name, header) in response["headers"].as_object().unwrap() {
        let required = resolved(header)["required"] == true;
        let missing = required && answer.headers.get(name).is_none();
        assert!(!missing, "{what} without {name}");
    }
    for name in ["etag", "location", "retry-after", "www-authenticate"] {
        let declared = response["headers"].as_object().unwrap().keys();
        let declared = declared
            .into_iter()
            .any(|own| own.eq_ignore_ascii_case(name));
        let undeclared = answer.headers.contains_key(name) && !declared;
        assert!(!undeclared, "{what} with {name}, which is not declared");
    }
    if has_body {
        assert_body(&what, response, answer);
    }
}

#[track_caller]
fn assert_body(what: &str, response: &Value, answer: &Answer) {
    let Some(content) = response["content"].as_object() else {
        assert_eq!(answer.body, "", "{what} with a body");
        return;
    };
    let media_type = answer.header("content-type").unwrap().split(';').next();
    let media_type = media_type.unwrap();
    if media_type == "text/html" {
        assert!(content.contains_key(media_type), "{what} with a page");
        return;
    }
    let media_type = &content[media_type];
    assert_valid(what, &media_type["schema"], &answer.json());
}

/// Panics when a value is not what a schema of the document asks for.
#[track_caller]
pub fn assert_valid(what: &str, schema: &Value, value: &Value) {
    static VALIDATORS: LazyLock<Mutex<HashMap<String, Validator>>> = LazyLock::new(Mutex::default);
    // A panic is a test's verdict, and leaves the map as it was.
    let mut validators = VALIDATORS
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let validator = validators.entry(schema.to_string()).or_insert_with(|| {
        let mut whole = schema.clone();
        whole["components"] = DOCUMENT["components"].clone();
        let options = jsonschema::options().with_draft(Draft::Draft4);
        options.build(&nullable(whole)).unwrap()
    });
    let wrong: Vec<String> = validator
        .iter_errors(value)
        .map(|one| one.to_string())
        .collect();
    drop(validators);
    assert!(wrong.is_empty(), "{what}: {wrong:?} in {value}");
}

/// What is `nullable` in the words of JSON Schema.
fn nullable(schema: Value) -> Value {
    match schema {
        Value::Object(members) => {
            let is_nullable = members.get("nullable") == Some(&json!(true));
            let members = members.into_iter().map(|(name, one)| (name, nullable(one)));
            let schema = Value::Object(members.collect());
            if is_nullable {
                json!({ "anyOf": [schema, { "enum": [null] }] })
            } else {
                schema
            }
        }
        Value::Array(items) => items.into_iter().map(nullable).collect(),
        other => other,
    }
}

/// A part of the document, or the one that it refers to.
pub fn resolved(part: &Value) -> &Value {
    match part["$ref"].as_str() {
        Some(reference) => DOCUMENT.pointer(reference.trim_start_matches('#')).unwrap(),
        None => part,
    }
}

fn matches(template: &str, path: &str) -> bool {
    let mut given = path.split('/');
    template.split('/').all(|own| {
        let given = given.next();
        given.is_some_and(|given| own.starts_with('{') || own == given)
    }) && given.next().is_none()
}
