//! Errors of each operation. A definition declares every error status of its module; statuses that an
//! operation cannot return are removed, and the others get examples from the code.

use jeton::api::admin;
use jeton::endpoint::{authorization, end_session};
use jeton::error::Error;
use jeton::response::oauth_error::OAuthError;
use jeton::response::problem::Problem;
use jeton::scope;
use poem::error::ResponseError as _;
use serde_json::{Map, Value, json};

use super::notes::{Entry, Refusals, show};

/// `Retry-After` in an example, in seconds.
const RETRY_AFTER: u64 = 30;
/// Maximum age of a sign-in in an example, in seconds.
const MAX_AGE: u64 = 600;

/// An error: its name in the document, status and body.
type Named = (&'static str, u16, Value);

/// All errors with fixed texts, as examples.
pub(super) fn examples() -> Map<String, Value> {
    let errors = errors().into_iter().map(|named| ("error", named));
    let problems = problems().into_iter().map(|named| ("problem", named));
    errors
        .chain(problems)
        .map(|(shape, (name, _, body))| (format!("{shape}.{name}"), json!({ "value": body })))
        .collect()
}

/// Removes the error statuses that cannot occur and adds examples to the others.
pub(super) fn settle(path: &str, operation: &mut Map<String, Value>, entry: &Entry) {
    let known = operation.clone();
    let responses = operation.get_mut("responses");
    let Some(responses) = responses.and_then(Value::as_object_mut) else {
        return;
    };
    // Pages declare their own responses.
    if is_page(path) {
        let takes_body = known.contains_key("requestBody");
        responses.retain(|status, _| match status.as_str() {
            "403" | "408" | "413" => takes_body,
            "429" => takes_body && path == authorization::PATH,
            _ => true,
        });
        return;
    }
    responses.retain(|status, _| is_possible(status, path, &known, entry));
    for (status, response) in responses.iter_mut() {
        let is_refusal = status.starts_with(['4', '5']);
        if let (true, Ok(number)) = (is_refusal, status.parse()) {
            show(response, &examples_of(number, path, &known, entry));
        }
    }
}

/// Whether the path has pages for browsers.
pub(super) fn is_page(path: &str) -> bool {
    [authorization::PATH, end_session::PATH].contains(&path)
}

fn has_problems(path: &str) -> bool {
    path.starts_with("/account") || path.starts_with("/admin")
}

fn is_possible(status: &str, path: &str, operation: &Map<String, Value>, entry: &Entry) -> bool {
    let takes_body = operation.contains_key("requestBody");
    let needs_token = operation.contains_key("security");
    match status {
        "400" => has_problems(path) || entry.refusals.contains_key(status),
        "401" | "403" => needs_token || entry.refusals.contains_key(status),
        "404" => path.contains('{'),
        "409" | "429" => entry.refusals.contains_key(status),
        "412" => takes(operation, "header", "If-Match"),
        "408" | "413" | "415" => takes_body,
        "422" => takes_body || takes(operation, "query", ""),
        _ => true,
    }
}

/// Whether the operation has a parameter at this place, with this name if one is given.
fn takes(operation: &Map<String, Value>, place: &str, name: &str) -> bool {
    let parameters = operation.get("parameters").and_then(Value::as_array);
    parameters.into_iter().flatten().any(|parameter| {
        let is = |member: &str, value: &str| {
            parameter.get(member).and_then(Value::as_str) == Some(value)
        };
        is("in", place) && (name.is_empty() || is("name", name))
    })
}

fn examples_of(
    status: u16,
    path: &str,
    operation: &Map<String, Value>,
    entry: &Entry,
) -> Map<String, Value> {
    let (shape, known) = if has_problems(path) {
        ("problem", problems())
    } else {
        ("error", errors())
    };
    let listed = match entry.refusals.get(&status.to_string()) {
        Some(Refusals::Own(own)) if !own.is_empty() => {
            return own
                .iter()
                .map(|(name, detail)| {
                    (
                        name.clone(),
                        json!({ "value": own_problem(status, name, detail) }),
                    )
                })
                .collect();
        }
        Some(Refusals::Known(names)) if !names.is_empty() => Some(names),
        _ => None,
    };
    let applies = |name: &str| match listed {
        Some(names) => names.iter().any(|listed| listed == name),
        None => match name {
            "sign_in_again" => false,
            "no_administrator" | "no_admin_scope" => path.starts_with("/admin"),
            "no_account_scope" => path.starts_with("/account"),
            "no_json_object" => operation.contains_key("requestBody"),
            "two_headers" => operation.contains_key("security"),
            _ => true,
        },
    };
    known
        .into_iter()
        .filter(|(name, own, _)| *own == status && applies(name))
        .map(|(name, ..)| {
            let reference = format!("#/components/examples/{shape}.{name}");
            (name.to_owned(), json!({ "$ref": reference }))
        })
        .collect()
}

/// A problem with a detail of its own.
fn own_problem(status: u16, name: &str, detail: &str) -> Value {
    let detail = detail.to_owned();
    match status {
        403 => Problem::Forbidden(detail.into()).body(),
        409 => Problem::Conflict(detail.into()).body(),
        _ => Problem::invalid(name, detail).body(),
    }
}

fn errors() -> Vec<Named> {
    let none = || "".into();
    [
        ("invalid_request", Error::InvalidRequest(none())),
        ("invalid_grant", Error::InvalidGrant(none())),
        ("invalid_scope", Error::InvalidScope(none())),
        ("invalid_target", Error::InvalidTarget(none())),
        ("unauthorized_client", Error::UnauthorizedClient(none())),
        (
            "unsupported_grant_type",
            Error::UnsupportedGrantType(none()),
        ),
        (
            "unsupported_token_type",
            Error::UnsupportedTokenType(none()),
        ),
        (
            "invalid_client",
            Error::InvalidClient {
                reason: none(),
                by_header: true,
            },
        ),
        ("no_token", Error::NoToken),
        ("invalid_token", Error::InvalidToken(none())),
        ("other_audience", Error::OtherAudience),
        ("insufficient_scope", Error::InsufficientScope("".into())),
        ("foreign_origin", Error::ForeignOrigin),
        ("request_timeout", Error::RequestTimeout),
        ("too_large", Error::TooLarge(none())),
        ("too_many_attempts", Error::TooManyAttempts(RETRY_AFTER)),
        ("server_error", Error::ServerError(none())),
        (
            "temporarily_unavailable",
            Error::TemporarilyUnavailable(none()),
        ),
    ]
    .into_iter()
    .map(|(name, error)| {
        let answer = OAuthError(error);
        (name, answer.status().as_u16(), answer.body())
    })
    .collect()
}

fn problems() -> Vec<Named> {
    [
        (
            "no_json_object",
            Problem::BadRequest("The body is not a JSON object.".into()),
        ),
        (
            "two_headers",
            Problem::BadRequest("Send one Authorization header.".into()),
        ),
        ("no_access_token", Problem::NoToken),
        ("invalid_access_token", Problem::InvalidToken(String::new())),
        ("other_audience", Problem::OtherAudience),
        ("sign_in_again", Problem::StaleSignIn(MAX_AGE)),
        (
            "no_account_scope",
            Problem::InsufficientScope(scope::ACCOUNT.name),
        ),
        (
            "no_admin_scope",
            Problem::InsufficientScope(scope::ADMIN.name),
        ),
        (
            "no_administrator",
            Problem::Forbidden(admin::NOT_ALLOWED.into()),
        ),
        ("not_found", Problem::NotFound),
        ("changed_meanwhile", Problem::PreconditionFailed),
        ("request_timeout", Problem::RequestTimeout),
        ("too_large", Problem::TooLarge),
        ("no_json", Problem::UnsupportedMediaType { is_patch: false }),
        ("too_many_attempts", Problem::TooManyAttempts(RETRY_AFTER)),
        ("server_error", Problem::Failed(String::new())),
        ("busy", Problem::Busy(String::new())),
    ]
    .into_iter()
    .map(|(name, problem)| (name, problem.status().as_u16(), problem.body()))
    .collect()
}
