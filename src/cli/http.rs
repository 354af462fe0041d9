//! The HTTP client of commands.

use std::path::Path;
use std::time::Duration;

use reqwest::{Client, ClientBuilder, Response, redirect};

const TIMEOUT: Duration = Duration::from_secs(5);

/// A GET request. The error says the cause, such as a refused connection or an unknown certificate.
pub async fn get(url: &str) -> Result<Response, String> {
    send(url, client()).await
}

/// The same at an address of this machine, for which no certificate is issued: any certificate is accepted.
pub async fn get_here(url: &str) -> Result<Response, String> {
    send(url, client().danger_accept_invalid_certs(true)).await
}

/// The same over a Unix socket.
pub async fn get_over(socket: &Path, url: &str) -> Result<Response, String> {
    send(url, client().unix_socket(socket)).await
}

async fn send(url: &str, client: ClientBuilder) -> Result<Response, String> {
    let client = client.build().map_err(|error| innermost(&error))?;
    let response = client.get(url).send();
    response.await.map_err(|error| innermost(&error))
}

/// No redirect is followed: clients expect the documents at their URLs.
fn client() -> ClientBuilder {
    Client::builder()
        .timeout(TIMEOUT)
        .redirect(redirect::Policy::none())
        .no_proxy()
        .user_agent(concat!("jeton/", env!("CARGO_PKG_VERSION")))
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
