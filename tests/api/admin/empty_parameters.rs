//! Parameters without a value, as Swagger UI and HTML forms send fields that were left empty.

use super::Admin;
use crate::support::document::DOCUMENT;

/// Every optional parameter of every list. An empty one means the same as an omitted one.
#[tokio::test]
async fn parameters_without_a_value_are_omitted() {
    let admin = Admin::start().await;
    for path in ["/admin/users", "/admin/clients", "/admin/sessions"] {
        let all = admin.get(path).await;
        let answer = admin.get(&format!("{path}{}", empty_query(path))).await;
        assert_eq!(
            (answer.status, answer.body),
            (all.status, all.body),
            "{path}"
        );
    }
    for path in ["/admin/audit-events", "/account/sessions"] {
        let answer = admin.get(&format!("{path}{}", empty_query(path))).await;
        let expected = if path.starts_with("/admin") { 200 } else { 403 };
        assert_eq!(answer.status, expected, "{path}: {}", answer.body);
    }
}

/// The query of a list, with each parameter of the document and no value.
fn empty_query(path: &str) -> String {
    let parameters = DOCUMENT["paths"][path]["get"]["parameters"].as_array();
    let names = parameters.into_iter().flatten();
    let names = names.filter(|one| one["in"] == "query");
    let pairs = names.map(|one| format!("{}=", one["name"].as_str().unwrap()));
    format!("?{}", pairs.collect::<Vec<_>>().join("&"))
}

/// Swagger UI fills in the examples. One that filters a list shows an empty list, which looks like a fault.
#[test]
fn no_example_of_a_filter_or_of_an_optional_form_field_has_a_value() {
    for (path, operations) in DOCUMENT["paths"].as_object().unwrap() {
        let parameters = operations["get"]["parameters"].as_array();
        for parameter in parameters.into_iter().flatten() {
            let is_filter = parameter["in"] == "query" && parameter["name"] != "limit";
            let example = &parameter["example"];
            assert!(
                !is_filter || example.is_null() || *example == "",
                "{path}: {parameter}"
            );
        }
    }
    for form in ["TokenRequest", "RevocationRequest", "IntrospectionRequest"] {
        let schema = &DOCUMENT["components"]["schemas"][form];
        let required = schema["required"].as_array().unwrap();
        for (name, field) in schema["properties"].as_object().unwrap() {
            let is_required = required.iter().any(|one| one == name);
            assert!(is_required || field["example"] == "", "{form}: {name}");
        }
    }
}
