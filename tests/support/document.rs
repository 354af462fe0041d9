//! Whatever a test asks for, the answer is one that the document declares.

use std::sync::LazyLock;

use poem::http::{Method, StatusCode};
use serde_json::Value;

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let service = jeton::document::service("");
    serde_json::from_str(&jeton::document::repaired(&service)).unwrap()
});

/// Panics when an operation of the document answers with a status that it does not declare.
#[track_caller]
pub fn assert_declared(method: &Method, path: &str, status: StatusCode) {
    // Made for HEAD from the answer to GET, and for CORS before any operation is known.
    let method = match *method {
        Method::HEAD => "get".to_owned(),
        Method::OPTIONS => return,
        _ => method.as_str().to_ascii_lowercase(),
    };
    let paths = DOCUMENT["paths"].as_object().unwrap();
    let operations = paths.iter().filter(|(template, _)| matches(template, path));
    let mut declared = operations.filter_map(|(_, operations)| operations.get(&method));
    if let Some(operation) = declared.next() {
        let responses = operation["responses"].as_object().unwrap();
        assert!(
            responses.contains_key(status.as_str()),
            "{method} {path} answers {status}, which the document does not declare"
        );
    }
}

fn matches(template: &str, path: &str) -> bool {
    let mut given = path.split('/');
    template.split('/').all(|own| {
        let given = given.next();
        given.is_some_and(|given| own.starts_with('{') || own == given)
    }) && given.next().is_none()
}
