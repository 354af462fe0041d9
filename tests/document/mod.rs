//! The OpenAPI document.

mod examples;
mod operations;

use std::collections::BTreeSet;

use jeton::app::endpoints::ENDPOINTS;
use jeton::config::Settings;
use jeton::document;
use jeton::page::policy::inline_sources;
use poem::Request;
use serde_json::Value;

use crate::support::Jeton;
use crate::support::document::DOCUMENT;

/// The document as the code defines it.
fn written() -> String {
    document::to_text(&DOCUMENT)
}

/// `UPDATE_OPENAPI=1 cargo test document` writes the file.
#[test]
fn the_document_in_the_repository_is_the_generated_one() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi/openapi.json");
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::write(path, written()).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        kept == written(),
        "openapi/openapi.json differs from the code; run: UPDATE_OPENAPI=1 cargo test document"
    );
}

#[test]
fn the_document_for_the_default_issuer_is_the_file_in_the_repository() {
    let issuer = Settings::defaults().unwrap().issuer;
    assert_eq!(issuer, document::DEFAULT_ISSUER);
    assert_eq!(
        document::for_issuer(&issuer),
        include_str!("../../openapi/openapi.json")
    );
}

#[test]
fn the_document_names_its_own_issuer_everywhere() {
    let document = document::for_issuer("https://auth.example.com/x");
    assert!(!document.contains(document::DEFAULT_ISSUER));
    assert_eq!(
        document
            .matches("\"https://auth.example.com/x/token\"")
            .count(),
        5
    );
}

/// An endpoint that is missing in the table would have no CORS, no `Allow` and no metric label.
#[test]
fn the_endpoint_table_has_every_path_and_method_of_the_document() {
    for (path, operations) in DOCUMENT["paths"].as_object().unwrap() {
        let row = ENDPOINTS.iter().find(|row| row.path == path);
        let row = row.unwrap_or_else(|| panic!("{path} is missing in app/endpoints.rs"));
        let mut methods = BTreeSet::new();
        for method in operations.as_object().unwrap().keys() {
            methods.insert(method.to_ascii_uppercase());
            if method == "get" {
                methods.insert("HEAD".to_owned());
            }
        }
        let allowed = row.allow.split(", ").map(str::to_owned).collect();
        assert_eq!(methods, allowed, "{path}");
    }
}

/// The reverse: a row without a route. Pages and probes are not in the document, so they are requested.
#[tokio::test]
async fn every_path_of_the_endpoint_table_is_routed() {
    let jeton = Jeton::start().await;
    for row in ENDPOINTS.iter().filter(|row| !row.path.contains('*')) {
        if row.path.contains('{') {
            assert!(DOCUMENT["paths"][row.path].is_object(), "{}", row.path);
            continue;
        }
        for method in row.allow.split(", ").filter(|method| !method.is_empty()) {
            let request = Request::builder()
                .uri(row.path.parse().unwrap())
                .method(method.parse().unwrap());
            let answer = jeton.send(request.finish()).await;
            assert!(
                ![404, 405].contains(&answer.status.as_u16()),
                "{method} {}",
                row.path
            );
        }
    }
}

/// poem-openapi writes a path once per definition that has it, and a reader keeps the last one.
#[test]
fn every_path_is_written_once() {
    let generated = document::service().spec();
    let document: Value = serde_json::from_str(&generated).unwrap();
    for path in document["paths"].as_object().unwrap().keys() {
        let key = format!("{path:?}:");
        assert_eq!(generated.matches(&key).count(), 1, "{path}");
    }
}

#[test]
fn every_operation_has_an_id_of_its_own() {
    let document: Value = serde_json::from_str(&written()).unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.0."));
    let mut ids = BTreeSet::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let id = operation["operationId"].as_str();
            let id = id.unwrap_or_else(|| panic!("{method} {path} has no operationId"));
            assert!(ids.insert(id.to_owned()), "{id} is there twice");
        }
    }
    for id in ids {
        assert!(
            id.chars().all(|c| c.is_ascii_alphabetic()) && id.starts_with(char::is_lowercase),
            "{id} makes no good name of a method"
        );
    }
}

/// Generators take `application/json; charset=utf-8` for a format that they do not know.
#[test]
fn media_types_are_named_bare() {
    let document = written();
    assert!(document.contains("\"application/json\""));
    assert!(!document.contains("charset"));
}

/// Some generators take an `allOf` of several for a composed object, and drop what is none.
#[test]
fn a_described_reference_is_one_reference() {
    let document: Value = serde_json::from_str(&written()).unwrap();
    let state = &document["components"]["schemas"]["SigningKey"]["properties"]["state"];
    assert_eq!(
        *state,
        serde_json::json!({
            "description": "State of the key.",
            "allOf": [{ "$ref": "#/components/schemas/SigningKeyState" }],
        })
    );
    assert!(!every_all_of(&document).any(|parts| parts.len() != 1));
}

fn every_all_of(value: &Value) -> Box<dyn Iterator<Item = &Vec<Value>> + '_> {
    match value {
        Value::Object(members) => {
            let own = members.get("allOf").and_then(Value::as_array);
            Box::new(
                own.into_iter()
                    .chain(members.values().flat_map(every_all_of)),
            )
        }
        Value::Array(items) => Box::new(items.iter().flat_map(every_all_of)),
        _ => Box::new(std::iter::empty()),
    }
}

/// In Go, `NewUser` makes a `User`; `Client` makes the calls and `Error` is thrown in several languages; and in
/// Python a module `users` with a field `users` hides the one behind the other.
#[test]
fn schemas_have_names_that_are_free_in_every_language() {
    let document: Value = serde_json::from_str(&written()).unwrap();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    for (name, schema) in schemas {
        assert!(
            !["Client", "Error", "Response"].contains(&name.as_str()),
            "{name}"
        );
        assert!(!schemas.contains_key(&format!("New{name}")), "New{name}");
        let own = name.to_lowercase();
        let properties = schema["properties"].as_object();
        for (property, schema) in properties.into_iter().flatten() {
            let is_list = schema["type"] == "array";
            assert!(!is_list || property.replace('_', "") != own, "{name}");
        }
    }
}

/// Others have no type in most languages.
#[test]
fn values_have_formats_that_generators_know() {
    let document = written();
    let mut formats: Vec<_> = document
        .lines()
        .filter_map(|line| line.trim().strip_prefix("\"format\": "))
        .map(|format| format.trim_matches([',', '"']))
        .collect();
    formats.sort_unstable();
    formats.dedup();
    assert_eq!(formats, ["int32", "int64", "password", "uuid"]);
}

#[tokio::test]
async fn the_document_is_served_for_the_issuer() {
    let jeton = Jeton::start().await;
    let answer = jeton.get("/openapi.json").await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.json()["servers"][0]["url"], crate::support::ISSUER);
}

#[tokio::test]
async fn swagger_ui_contains_the_document() {
    let jeton = Jeton::start().await;
    let page = jeton.get("/docs").await;
    assert!(
        page.header("content-type")
            .unwrap()
            .starts_with("text/html")
    );
    let document = jeton.get("/openapi.json").await.body;
    assert!(page.body.contains(document.trim_end()));
    assert!(page.body.contains("clientId: \"first-party\""));
    assert!(!page.body.contains("\"application/json; charset=utf-8\""));
}

/// The page asks the issuer, which by another name of this machine is another origin.
#[tokio::test]
async fn swagger_ui_is_read_at_the_issuers_name() {
    let jeton = Jeton::with(|settings| settings.issuer = "http://localhost:8080".into()).await;
    let ask = async |host: &str| {
        let request = Request::builder().uri_str("/docs").header("host", host);
        jeton.send(request.finish()).await
    };
    let answer = ask("127.0.0.1:8080").await;
    assert_eq!(answer.status, 307);
    let location = answer.header("location");
    assert_eq!(location, Some("http://localhost:8080/docs"));
    assert_eq!(ask("localhost:8080").await.status, 200);
}

/// The page is whole: it loads nothing, from this host or another.
#[tokio::test]
async fn swagger_ui_asks_no_other_host() {
    let jeton = Jeton::start().await;
    let page = jeton.get("/docs").await.body;
    // Outside of the script and the style that it brings along, there is only this.
    let mut outside = String::new();
    let mut rest = page.as_str();
    for (open, close) in [
        ("<style", "</style>"),
        ("<script", "</script>"),
        ("<script", "</script>"),
    ] {
        let (before, after) = rest.split_once(open).unwrap();
        let (attributes, inside) = after.split_once('>').unwrap();
        assert_eq!(attributes.replace(" charset=\"UTF-8\"", ""), "", "{open}");
        if open == "<style" {
            assert!(!inside.split_once(close).unwrap().0.contains("@import"));
            assert!(!inside.split_once(close).unwrap().0.contains("url(http"));
        }
        outside += before;
        rest = inside.split_once(close).unwrap().1;
    }
    outside += rest;
    // Nothing is loaded for an icon of nothing.
    let outside = outside.replacen("<link rel=\"icon\" href=\"data:,\">", "", 1);
    for loads in [
        "<script", "<link", "<img", "<iframe", "src=", "href=", "://",
    ] {
        assert!(!outside.contains(loads), "{outside}");
    }
}

/// Nothing runs there but what this server wrote, and what runs asks this server alone.
#[tokio::test]
async fn swagger_ui_lives_under_a_policy_that_names_its_scripts() {
    let jeton = Jeton::start().await;
    let page = jeton.get("/docs").await;
    let policy = page.header("content-security-policy").unwrap();
    assert!(!policy.contains("unsafe"), "{policy}");
    let directives: Vec<_> = policy
        .split("; ")
        .map(|one| one.split_once(' ').unwrap())
        .collect();
    let sources = |name| {
        let mut own = directives.iter().filter(|(own, _)| *own == name);
        own.next().unwrap_or_else(|| panic!("no {name}")).1
    };
    for name in ["default-src", "base-uri", "form-action", "frame-ancestors"] {
        assert_eq!(sources(name), "'none'", "{name}");
    }
    assert_eq!(
        sources("connect-src"),
        format!("'self' {}", crate::support::ISSUER)
    );
    assert_eq!(sources("script-src").split(' ').count(), 2);
    assert_eq!(sources("style-src").split(' ').count(), 1);
    for (name, element) in [("script-src", "script"), ("style-src", "style")] {
        assert_eq!(sources(name), inline_sources(&page.body, element));
    }
}

/// The page to which the sign-in of Swagger UI returns: it keeps the handle of the window that opened it, also where
/// that is the Swagger UI of an API.
#[tokio::test]
async fn the_sign_in_of_swagger_ui_returns_to_a_page_with_one_script() {
    let jeton = Jeton::start().await;
    let path = "/docs/oauth2-redirect.html";
    let docs = jeton.get("/docs").await;
    let url = format!("oauth2RedirectUrl: \"{}{path}\"", crate::support::ISSUER);
    assert!(docs.body.contains(&url));
    let opener_policy = |page: &crate::support::Answer| {
        page.header("cross-origin-opener-policy").map(str::to_owned)
    };
    assert_eq!(
        opener_policy(&docs).as_deref(),
        Some("same-origin-allow-popups")
    );
    let page = jeton.get(&format!("{path}?code=jac_1&state=s")).await;
    assert_eq!(page.status, 200);
    assert_eq!(opener_policy(&page).as_deref(), Some("unsafe-none"));
    assert_eq!(page.header("cache-control"), Some("no-store"));
    assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    let scripts = inline_sources(&page.body, "script");
    assert_eq!(
        page.header("content-security-policy").unwrap(),
        format!(
            "default-src 'none'; script-src {scripts}; img-src data:; base-uri 'none'; form-action 'none'; \
             frame-ancestors 'none'"
        )
    );
}
