//! Which methods a path knows, RFC 9110 §10.2.1: read from the document, so that it is said once.

use serde_json::Value;

/// The pages and probes, which the document does not list.
const PAGES: &str = "GET, HEAD";

/// The methods of each path in the document.
#[derive(Debug)]
pub(super) struct Methods(Vec<Known>);

#[derive(Debug)]
struct Known {
    /// `None` stands for any one segment.
    segments: Vec<Option<String>>,
    allow: String,
}

impl Methods {
    /// Reads them from the document.
    pub(super) fn of(document: &str) -> Self {
        let document: Value = serde_json::from_str(document).unwrap_or_default();
        let paths = document.get("paths").and_then(Value::as_object);
        let known = paths.into_iter().flatten().map(|(path, operations)| Known {
            segments: path
                .split('/')
                .map(|segment| (!segment.starts_with('{')).then(|| segment.to_owned()))
                .collect(),
            allow: allow(operations),
        });
        Self(known.collect())
    }

    /// The methods of a path, as in `Allow`.
    pub(super) fn of_path(&self, path: &str) -> &str {
        let found = self.0.iter().find(|known| known.matches(path));
        found.map_or(PAGES, |known| &known.allow)
    }
}

impl Known {
    fn matches(&self, path: &str) -> bool {
        let mut given = path.split('/');
        let all = self.segments.iter().all(|own| {
            let given = given.next();
            given.is_some_and(|given| own.as_ref().is_none_or(|own| own == given))
        });
        all && given.next().is_none()
    }
}

fn allow(operations: &Value) -> String {
    let mut methods = Vec::new();
    for name in operations
        .as_object()
        .into_iter()
        .flat_map(|all| all.keys())
    {
        let method = name.to_ascii_uppercase();
        let is_get = method == "GET";
        methods.push(method);
        if is_get {
            methods.push("HEAD".to_owned());
        }
    }
    methods.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_the_methods_that_the_document_says() {
        let methods = Methods::of(
            r#"{"paths": {
                "/token": {"post": {}},
                "/account/sessions": {"get": {}, "delete": {}},
                "/account/sessions/{id}": {"delete": {}}
            }}"#,
        );
        let cases = [
            ("/token", "POST"),
            ("/account/sessions", "GET, HEAD, DELETE"),
            ("/account/sessions/7", "DELETE"),
            ("/account/sessions/7/x", "GET, HEAD"),
            ("/docs", "GET, HEAD"),
            ("", "GET, HEAD"),
        ];
        for (path, expected) in cases {
            assert_eq!(methods.of_path(path), expected, "{path}");
        }
    }
}
