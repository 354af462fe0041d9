//! The parts that every operation and schema of the document must have.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::document::{DOCUMENT, assert_valid, resolved};

/// Each operation, with its method and path.
fn operations() -> impl Iterator<Item = (String, &'static str, &'static Value)> {
    let paths = DOCUMENT["paths"].as_object().unwrap();
    paths.iter().flat_map(|(path, operations)| {
        let operations = operations.as_object().unwrap();
        operations
            .iter()
            .map(move |(method, operation)| (format!("{method} {path}"), path.as_str(), operation))
    })
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

#[test]
fn every_operation_has_a_summary_a_description_and_a_standard() {
    let tags = DOCUMENT["tags"].as_array().unwrap();
    for (what, _, operation) in operations() {
        let summary = text(operation, "summary");
        assert!((1..=60).contains(&summary.len()), "{what}: {summary}");
        assert!(!summary.ends_with('.'), "{what}: {summary}");
        let description = text(operation, "description");
        assert!(description.ends_with('.'), "{what}: {description}");
        let tag = match operation["tags"].as_array().unwrap().as_slice() {
            [tag] => tag.as_str().unwrap(),
            other => panic!("{what} has the tags {other:?}"),
        };
        assert!(
            tag.chars().all(|c| c.is_ascii_alphabetic()),
            "{what}: {tag}"
        );
        let declared = tags.iter().find(|declared| declared["name"] == tag);
        assert!(
            text(declared.unwrap(), "description").ends_with('.'),
            "{tag}"
        );
        if ["Token", "OpenID", "Keys", "Introspection"].contains(&tag) {
            let cites = ["(RFC ", "(OpenID "]
                .iter()
                .any(|cite| description.contains(cite));
            assert!(cites, "{what} names no standard");
        }
    }
}

#[test]
fn the_readme_of_the_sdks_names_every_operation() {
    let readme = include_str!("../../openapi/README.md");
    for (what, _, operation) in operations() {
        let name = text(operation, "operationId");
        let mut snake = String::new();
        for c in name.chars() {
            if c.is_ascii_uppercase() {
                snake.push('_');
            }
            snake.push(c.to_ascii_lowercase());
        }
        for name in [name, &snake] {
            let named = format!("`{name}`");
            assert!(readme.contains(&named), "{what}: {named} is missing");
        }
    }
}

/// RFC 9700 §2.4; row 22.
#[test]
fn every_description_of_the_password_grant_says_that_it_is_deprecated() {
    let (_, _, token) = operations()
        .find(|(what, ..)| what == "post /token")
        .unwrap();
    let scheme = &DOCUMENT["components"]["securitySchemes"]["OAuth2"];
    for described in [token, scheme, &DOCUMENT["info"]] {
        let description = text(described, "description").to_lowercase();
        assert!(
            description.contains("deprecated for third parties"),
            "{description}"
        );
        assert!(
            description.contains("rfc 9700 section 2.4"),
            "{description}"
        );
    }
    let form = &DOCUMENT["components"]["schemas"]["TokenRequest"]["properties"];
    assert!(text(&form["grant_type"], "description").contains("RFC 9700 section 2.4"));
    for field in ["username", "password"] {
        assert!(
            text(&form[field], "description").contains("first-party"),
            "{field}"
        );
    }
}

#[test]
fn every_parameter_is_described_and_every_id_has_an_example() {
    for (what, path, operation) in operations() {
        let parameters = operation["parameters"]
            .as_array()
            .map_or(&[][..], Vec::as_slice);
        for parameter in parameters {
            let name = text(parameter, "name");
            assert!(
                text(parameter, "description").ends_with('.'),
                "{what}: {name}"
            );
            if parameter["in"] == "path" {
                assert!(parameter.get("example").is_some(), "{what}: {name}");
            }
            if let Some(example) = parameter.get("example") {
                assert_valid(&format!("{what}: {name}"), &parameter["schema"], example);
            }
        }
        let in_path = parameters
            .iter()
            .filter(|parameter| parameter["in"] == "path");
        assert_eq!(in_path.count(), path.matches('{').count(), "{what}");
    }
}

#[test]
fn every_body_has_a_named_schema_and_valid_examples() {
    for (what, _, operation) in operations() {
        let mut bodies = vec![(what.clone(), &operation["requestBody"])];
        for (status, response) in operation["responses"].as_object().unwrap() {
            assert!(
                text(response, "description").ends_with('.'),
                "{what} {status}"
            );
            bodies.push((format!("{what} {status}"), response));
        }
        for (what, body) in bodies {
            let Some(content) = body["content"].as_object() else {
                continue;
            };
            assert_eq!(content.len(), 1, "{what} has several media types");
            if content.contains_key("text/html") {
                continue;
            }
            for media_type in content.values() {
                let schema = &media_type["schema"];
                assert!(
                    schema["$ref"].is_string(),
                    "{what} has a schema without a name"
                );
                let examples = media_type["examples"].as_object();
                let examples = examples.unwrap_or_else(|| panic!("{what} has no examples"));
                assert!(!examples.is_empty(), "{what} has no examples");
                for (name, example) in examples {
                    assert_valid(
                        &format!("{what}: {name}"),
                        schema,
                        &resolved(example)["value"],
                    );
                }
            }
        }
    }
}

/// Responses of every operation, and those that follow from its parameters and body.
#[test]
fn every_operation_declares_its_responses_and_headers() {
    for (what, path, operation) in operations() {
        let responses = operation["responses"].as_object().unwrap();
        let has = |status: &str| responses.contains_key(status);
        let takes = |place: &str, name: &str| {
            let parameters = operation["parameters"].as_array();
            let mut parameters = parameters.into_iter().flatten();
            parameters.any(|one| one["in"] == place && (name.is_empty() || one["name"] == name))
        };
        let has_problems = path.starts_with("/account") || path.starts_with("/admin");
        let body = operation.get("requestBody").is_some();
        let needs_token = has_problems && operation["security"] != serde_json::json!([]);
        assert!(
            responses.keys().any(|status| status.starts_with('2')),
            "{what}"
        );
        assert!(has("500") && has("503"), "{what}");
        assert!(has("408") == body && has("413") == body, "{what}");
        assert!(has("415") == (body && has_problems), "{what}");
        assert!(has("412") == takes("header", "If-Match"), "{what}");
        assert!(has("304") == takes("header", "If-None-Match"), "{what}");
        assert!(has("404") == path.contains('{'), "{what}");
        assert!(
            has("422") == (has_problems && (body || takes("query", ""))),
            "{what}"
        );
        assert!(!needs_token || has("401") && has("403"), "{what}");
        for (status, response) in responses {
            let headers = &response["headers"];
            let assert_header =
                |name: &str| assert!(headers.get(name).is_some(), "{what} {status} {name}");
            assert_header("X-Request-Id");
            assert_header("Cache-Control");
            match status.as_str() {
                "401" => assert_header("WWW-Authenticate"),
                "429" | "503" => assert_header("Retry-After"),
                "304" => assert_header("ETag"),
                "201" if path.ends_with("/users") || path.ends_with("/clients") => {
                    assert_header("Location");
                    assert_header("ETag");
                }
                "200" if has("304") || has("412") => assert_header("ETag"),
                _ => {}
            }
        }
    }
}

#[test]
fn every_operation_declares_its_security_schemes() {
    let schemes = DOCUMENT["components"]["securitySchemes"]
        .as_object()
        .unwrap();
    for (what, path, operation) in operations() {
        let security = operation["security"].as_array();
        let security = security.unwrap_or_else(|| panic!("{what} declares no security"));
        let mut named = BTreeSet::new();
        for (scheme, scopes) in security.iter().flat_map(|one| one.as_object().unwrap()) {
            named.insert(scheme.as_str());
            for scope in scopes.as_array().unwrap() {
                let flows = schemes[scheme]["flows"].as_object().unwrap();
                let known = |flow: &Value| flow["scopes"].get(scope.as_str().unwrap()).is_some();
                assert!(flows.values().all(known), "{what}: {scope}");
            }
        }
        let expected: &[&str] = match path {
            "/token" | "/revoke" => &["ClientBasic"],
            "/introspect" | "/revoked-sessions" => &["ClientBasic", "ServiceAccount"],
            _ if path.starts_with("/admin") => &["OAuth2", "ServiceAccount"],
            "/account" if what.starts_with("post") => &[],
            "/userinfo" => &["OAuth2"],
            _ if path.starts_with("/account") => &["OAuth2"],
            _ => &[],
        };
        assert_eq!(named.into_iter().collect::<Vec<_>>(), expected, "{what}");
    }
}

#[test]
fn every_schema_has_a_title_and_describes_its_fields() {
    for (name, schema) in DOCUMENT["components"]["schemas"].as_object().unwrap() {
        assert_eq!(schema["title"], *name);
        assert!(text(schema, "description").ends_with('.'), "{name}");
        for (field, property) in schema["properties"].as_object().into_iter().flatten() {
            assert!(!text(property, "description").is_empty(), "{name}.{field}");
        }
    }
}
