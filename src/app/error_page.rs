//! Errors of the framework and of the request layers at endpoints that are pages.

use poem::http::{StatusCode, header};
use poem::{IntoResponse as _, Response};

use crate::page::{ErrorKind, ErrorPage, PageResponse, Site};

/// The page for an error response. It keeps the status and the headers that HTTP requires.
pub(super) fn error_page(error: &Response, site_name: &str, request_id: &str) -> Response {
    let status = error.status();
    let kind = match status {
        StatusCode::SERVICE_UNAVAILABLE => ErrorKind::Unavailable,
        status if status.is_server_error() => ErrorKind::ServerError,
        _ => ErrorKind::InvalidRequest,
    };
    let page = ErrorPage {
        site: Site::new(site_name),
        kind,
        status,
        detail: None,
        request_id: Some(request_id),
    };
    let mut response = PageResponse::new(status, &page).into_response();
    for name in [header::ALLOW, header::RETRY_AFTER, header::CONNECTION] {
        if let Some(value) = error.headers().get(&name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response
}
