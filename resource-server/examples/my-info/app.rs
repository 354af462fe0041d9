//! All paths in one route, and what every answer passes.

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

/// A request must be answered after this time, its body's arrival included.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// What every answer says, unless it says otherwise itself.
const HEADERS: [(HeaderName, &str); 4] = [
    (header::CACHE_CONTROL, "no-store"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; frame-ancestors 'none'",
    ),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
];

/// The whole application.
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
            let answer = tokio::time::timeout(REQUEST_TIMEOUT, next.call(request)).await;
            let answer = answer.unwrap_or_else(|_| {
                Err(Problem::Failed("no answer within the request's time".to_owned()).into())
            });
            let mut answer = answer.unwrap_or_else(|error| problem::shaped(error, &path));
            for (name, value) in HEADERS {
                let entry = answer.headers_mut().entry(name);
                entry.or_insert(HeaderValue::from_static(value));
            }
            tracing::info!(%method, path, status = answer.status().as_u16(), "request");
            Ok(answer)
        })
}

/// Whether this process works, and how it does: for a probe and for people.
#[handler]
async fn healthz(verifier: Data<&Verifier>, database: Data<&Database>) -> Response {
    let database = database.ping().await.is_ok();
    let health = serde_json::json!({
        "status": if database { "ok" } else { "failing" },
        "database": database,
        "tokens": verifier.status(),
    });
    let answer = Json(health).into_response();
    if database {
        answer
    } else {
        answer
            .with_status(StatusCode::SERVICE_UNAVAILABLE)
            .into_response()
    }
}
