//! The HTTP client of commands.

use std::time::Duration;

use reqwest::{Client, Response, redirect};

use super::CommandError;

const TIMEOUT: Duration = Duration::from_secs(5);

/// A GET request. The error says the cause, such as a refused connection or an unknown certificate.
pub async fn get(url: &str) -> Result<Response, String> {
    let response = client().map_err(|error| error.to_string())?.get(url).send();
    response.await.map_err(|error| innermost(&error))
}

/// No redirect is followed: clients expect the documents at their URLs.
fn client() -> Result<Client, CommandError> {
    let client = Client::builder()
        .timeout(TIMEOUT)
        .redirect(redirect::Policy::none())
        .no_proxy()
        .user_agent(concat!("jeton/", env!("CARGO_PKG_VERSION")))
        .build();
    client.map_err(|error| CommandError::new(error.to_string()))
}

fn innermost(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("no response within {} seconds", TIMEOUT.as_secs());
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
