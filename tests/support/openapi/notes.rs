//! `openapi/examples.json`: examples of each operation, and its errors beyond the common ones.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};

const EXAMPLES: &str = include_str!("../../../openapi/examples.json");

/// Notes by operation id.
pub(super) type Notes = BTreeMap<String, Entry>;

/// Notes on an operation.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Entry {
    /// Examples of its body, by name.
    request: Map<String, Value>,
    /// An example of each parameter, by its name.
    parameters: Map<String, Value>,
    /// Examples of its responses, by status and name.
    answers: BTreeMap<String, Map<String, Value>>,
    /// Errors by status.
    pub(super) refusals: BTreeMap<String, Refusals>,
}

/// Errors of one status.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Refusals {
    /// Names of errors in the code; empty: all errors of that status.
    Known(Vec<String>),
    /// Details of its own errors, by a name or by the invalid field.
    Own(BTreeMap<String, String>),
}

/// Reads the file.
pub(super) fn read() -> Notes {
    serde_json::from_str(EXAMPLES).unwrap()
}

impl Entry {
    /// Adds the examples to the operation.
    pub(super) fn illustrate(&self, operation: &mut Map<String, Value>) {
        let parameters = operation.get_mut("parameters");
        let parameters = parameters.and_then(Value::as_array_mut);
        for parameter in parameters.into_iter().flatten() {
            let name = parameter.get("name").and_then(Value::as_str);
            let example = name.and_then(|name| self.parameters.get(name)).cloned();
            if let (Some(example), Some(parameter)) = (example, parameter.as_object_mut()) {
                parameter.insert("example".to_owned(), example);
            }
        }
        if let Some(body) = operation.get_mut("requestBody") {
            show(body, &self.request);
        }
        for (status, examples) in &self.answers {
            let responses = operation.get_mut("responses");
            if let Some(response) = responses.and_then(|all| all.get_mut(status)) {
                show(response, examples);
            }
        }
    }
}

/// Adds examples to each media type of a body.
pub(super) fn show(body: &mut Value, examples: &Map<String, Value>) {
    let content = body.get_mut("content").and_then(Value::as_object_mut);
    for (_, media_type) in content.into_iter().flatten() {
        if let (Some(media_type), false) = (media_type.as_object_mut(), examples.is_empty()) {
            media_type.insert("examples".to_owned(), json!(examples));
        }
    }
}
