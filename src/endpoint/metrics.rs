//! What Prometheus reads: an application of its own, for a listener of its own.

use poem::{Endpoint, EndpointExt as _, Response, Route, get};

/// Answers `GET /metrics` with what `render` gives, in the text format of Prometheus.
pub fn app(
    render: impl Fn() -> String + Send + Sync + 'static,
) -> impl Endpoint<Output = Response> {
    let answer = poem::endpoint::make_sync(move |_| {
        Response::builder()
            .content_type("text/plain; version=0.0.4; charset=utf-8")
            .body(render())
    });
    Route::new().at("/metrics", get(answer)).map_to_response()
}
