//! The routes, and the timeout, headers and log line of every request.

use std::time::Duration;

use jeton_resource_server::Verifier;
use jeton_resource_server::poem::protected_resource;
use poem::http::{HeaderName, HeaderValue, StatusCode, header};
use poem::web::{Data, Json};
use poem::{Endpoint, EndpointExt as _, IntoResponse as _, Response, Route, get, handler};

use super::api::MyInfoApi;
use super::database::Database;
use super::problem::{self, Problem};
use super::{Site, document, page};

/// Includes the arrival of the request's body.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// Headers of every response, unless it sets them itself.
const HEADERS: [(HeaderName, &str); 4] = [
    (header::CACHE_CONTROL, "no-store"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; frame-ancestors 'none'",
    ),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
];

pub fn app(
    site: &Site,
    verifier: &Verifier,
    database: Database,
) -> impl Endpoint<Output = Response> + use<> {
    let api = MyInfoApi {
        database: database.clone(),
        verifier: verifier.clone(),
        fresh_sign_in: site.fresh_sign_in,
    };
    let service = document::service(api, site);
    let spec = service.spec();
    let described = poem::endpoint::make_sync({
        let (site, verifier) = (site.clone(), verifier.clone());
        move |_| {
            let json = document::json(&spec, &site, &verifier);
            Response::builder()
                .content_type("application/json")
                .body(json)
        }
    });
    let metadata = verifier.protected_resource();
    let metadata = metadata.map_or_else(String::new, |resource| resource.path().to_owned());
    let route = Route::new()
        .at("/healthz", get(healthz))
        .at("/openapi.json", get(described))
        .at(metadata, get(protected_resource(verifier)));
    page::add_to(route, site, document::swagger_ui(&service))
        .at("/my-info", service)
        .data(verifier.clone())
        .data(database)
        .around(|next, request| async move {
            let method = request.method().clone();
            let path = request.uri().path().to_owned();
            let response = tokio::time::timeout(REQUEST_TIMEOUT, next.call(request)).await;
            let response = response
                .unwrap_or_else(|_| Err(Problem::Failed("request timeout".to_owned()).into()));
            let mut response =
                response.unwrap_or_else(|error| problem::into_response(error, &path));
            for (name, value) in HEADERS {
                let entry = response.headers_mut().entry(name);
                entry.or_insert(HeaderValue::from_static(value));
            }
            tracing::info!(%method, path, status = response.status().as_u16(), "request");
            Ok(response)
        })
}

/// The health of this process, for probes and operators.
#[handler]
async fn healthz(verifier: Data<&Verifier>, database: Data<&Database>) -> Response {
    let database = database.ping().await.is_ok();
    let health = serde_json::json!({
        "status": if database { "ok" } else { "failing" },
        "database": database,
        "tokens": verifier.status(),
    });
    let response = Json(health).into_response();
    if database {
        response
    } else {
        response
            .with_status(StatusCode::SERVICE_UNAVAILABLE)
            .into_response()
    }
}
