//! What the metrics say of a request.

use std::time::Duration;

use poem::{Request, Response};

use super::endpoints::Endpoint;
use crate::metric::{
    EndpointName, REQUEST_SECONDS, REQUESTS, StatusClass, TOKEN_REQUEST_SECONDS, TOKEN_REQUESTS,
    TokenOutcome,
};
use crate::response::oauth_error::ErrorCode;
use crate::response::request_grant::RequestGrant;

/// A request whose response is not made yet. Times are microseconds of the monotonic clock.
pub(super) struct Measurement {
    /// Value of the label `endpoint`.
    pub(super) endpoint: EndpointName,
    /// Of a token request.
    grant: Option<RequestGrant>,
    began: i64,
}

impl Measurement {
    pub(super) fn begin(request: &mut Request, endpoint: &Endpoint, began: i64) -> Self {
        let is_token = endpoint.metric == EndpointName::Token;
        Self {
            endpoint: endpoint.metric,
            grant: is_token.then(|| RequestGrant::prepare(request)),
            began,
        }
    }

    /// Counts the request. `now` is the time of the response.
    pub(super) fn end(self, response: &Response, now: i64) {
        let micros = u64::try_from(now.saturating_sub(self.began)).unwrap_or_default();
        let duration = Duration::from_micros(micros);
        REQUESTS.count((self.endpoint, status_class(response.status().as_u16())));
        REQUEST_SECONDS.time(self.endpoint, duration);
        if let Some(grant) = self.grant
            && self.endpoint == EndpointName::Token
        {
            TOKEN_REQUESTS.count((grant.name(), outcome(response)));
            TOKEN_REQUEST_SECONDS.time(grant.name(), duration);
        }
    }
}

const fn status_class(status: u16) -> StatusClass {
    match status {
        ..300 => StatusClass::Success,
        300..400 => StatusClass::Redirection,
        400..500 => StatusClass::ClientError,
        _ => StatusClass::ServerError,
    }
}

fn outcome(response: &Response) -> TokenOutcome {
    let Some(ErrorCode(code)) = response.extensions().get() else {
        return TokenOutcome::Success;
    };
    let mut outcomes = TokenOutcome::ALL.iter().copied();
    let found = outcomes.find(|outcome| outcome.value() == *code);
    found.unwrap_or(TokenOutcome::ServerError)
}
