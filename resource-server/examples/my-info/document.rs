//! The API's OpenAPI document, and Swagger UI.

use jeton_resource_server::Verifier;
use jeton_resource_server::poem::{SignIn, describe};
use poem_openapi::OpenApiService;
use serde_json::{Value, json};

use super::Site;
use super::api::{MyInfoApi, SCOPES};
use super::page::SwaggerUi;

pub type Service = OpenApiService<MyInfoApi, ()>;

pub fn service(api: MyInfoApi, site: &Site) -> Service {
    OpenApiService::new(api, "My info", env!("CARGO_PKG_VERSION"))
        .description("An example API that shows users their own data, with access tokens of Jeton.")
        .server(&site.resource)
}

/// The document with the sign-in of the issuer.
pub fn json(spec: &str, site: &Site, verifier: &Verifier) -> String {
    let Ok(mut document) = serde_json::from_str::<Value>(spec) else {
        return spec.to_owned();
    };
    let token_endpoint = verifier.token_endpoint();
    let token_endpoint = token_endpoint.unwrap_or_else(|| format!("{}/token", site.issuer));
    let authorization_endpoint = format!("{}/authorize", site.issuer);
    let sign_in = SignIn::authorization_code(authorization_endpoint, &token_endpoint);
    let sign_in = sign_in.description(format!(
        "Sign in on the page of {}, or with user name and password. client_id is {}; leave client_secret empty.",
        site.issuer, site.client_id,
    ));
    let sign_in = SCOPES
        .iter()
        .fold(sign_in, |sign_in, (scope, description)| {
            sign_in.scope(*scope, *description)
        });
    describe(&mut document, &sign_in);
    add_password_flow(&mut document, &token_endpoint);
    strip_charsets(&mut document);
    // The operations share the error responses of Problem; GET has no body and no If-Match.
    let pointer = "/paths/~1my-info/get/responses";
    if let Some(responses) = document.pointer_mut(pointer).and_then(Value::as_object_mut) {
        responses.retain(|status, _| !["412", "413", "415", "422"].contains(&status.as_str()));
    }
    document.to_string()
}

/// Adds the password grant, for the same scopes. The client of this API is first-party.
fn add_password_flow(document: &mut Value, token_endpoint: &str) {
    let pointer = "/components/securitySchemes/OAuth2/flows";
    let Some(flows) = document.pointer_mut(pointer) else {
        return;
    };
    let scopes = flows.pointer("/authorizationCode/scopes").cloned();
    if let Some(flows) = flows.as_object_mut() {
        let flow =
            json!({ "tokenUrl": token_endpoint, "refreshUrl": token_endpoint, "scopes": scopes });
        flows.insert("password".to_owned(), flow);
    }
}

/// Removes the charset from media types, because SDK generators do not recognize
/// `application/json; charset=utf-8`.
fn strip_charsets(value: &mut Value) {
    match value {
        Value::Object(members) => {
            let old = std::mem::take(members);
            for (name, mut inner) in old {
                strip_charsets(&mut inner);
                let bare = name.strip_suffix("; charset=utf-8").unwrap_or(&name);
                members.insert(bare.to_owned(), inner);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(strip_charsets),
        _ => {}
    }
}

/// Extracts script and style sheet from the framework's page, because the content security policy forbids
/// inline scripts.
pub fn swagger_ui(service: &Service) -> SwaggerUi {
    let page = service.swagger_ui_html();
    let between = |start: &str, end: &str| {
        let rest = page.split_once(start).map_or("", |(_, rest)| rest);
        rest.split_once(end)
            .map_or("", |(inside, _)| inside)
            .to_owned()
    };
    SwaggerUi {
        script: between("<script charset=\"UTF-8\">", "</script>"),
        style: between("<style charset=\"UTF-8\">", "</style>"),
    }
}
