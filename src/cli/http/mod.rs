//! The HTTP client of commands.

mod certificates;

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{HOST, USER_AGENT};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use url::{Host, Position, Url};

use certificates::Certificates;

/// For the whole exchange, from the look-up of the host's address to the last byte of the body.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Maximum bytes of a response: another program than a server of Jeton may respond.
const MAX_BODY: usize = 1024 * 1024;
const AGENT: &str = concat!("jeton/", env!("CARGO_PKG_VERSION"));

/// A response. Redirects are not followed: clients expect the documents at their URLs.
pub struct Response {
    pub status: StatusCode,
    pub text: String,
}

/// A GET request. The error says the cause, such as a refused connection or an unknown certificate.
pub async fn get(url: &str) -> Result<Response, String> {
    within_time(connect_and_send(url, Certificates::Trusted)).await
}

/// The same at an address of this machine, for which no certificate is issued: any certificate is accepted.
pub async fn get_here(url: &str) -> Result<Response, String> {
    within_time(connect_and_send(url, Certificates::Any)).await
}

/// The same over a Unix socket.
pub async fn get_over(socket: &Path, url: &str) -> Result<Response, String> {
    within_time(async { send(&Url::parse(url)?, UnixStream::connect(socket).await?).await }).await
}

async fn within_time(
    exchange: impl Future<Output = Result<Response, Box<dyn Error>>>,
) -> Result<Response, String> {
    match tokio::time::timeout(TIMEOUT, exchange).await {
        Ok(response) => response.map_err(|error| innermost(&*error)),
        Err(_) => Err(format!("no response within {} seconds", TIMEOUT.as_secs())),
    }
}

async fn connect_and_send(url: &str, accepted: Certificates) -> Result<Response, Box<dyn Error>> {
    let url = Url::parse(url)?;
    let host = match url.host() {
        Some(Host::Ipv6(address)) => address.to_string(),
        Some(host) => host.to_string(),
        None => return Err("the URL has no host".into()),
    };
    let port = url.port_or_known_default().unwrap_or_default();
    let stream = TcpStream::connect((host.as_str(), port)).await?;
    if url.scheme() == "https" {
        let name = ServerName::try_from(host)?;
        let stream = certificates::connector(accepted)?
            .connect(name, stream)
            .await?;
        send(&url, stream).await
    } else {
        send(&url, stream).await
    }
}

async fn send(
    url: &Url,
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
) -> Result<Response, Box<dyn Error>> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::get(&url[Position::BeforePath..Position::AfterQuery])
        .header(HOST, &url[Position::BeforeHost..Position::AfterPort])
        .header(USER_AGENT, AGENT)
        .body(String::new())?;
    // It ends when the sender is dropped.
    tokio::spawn(connection);
    read(sender.send_request(request).await?).await
}

async fn read(response: hyper::Response<Incoming>) -> Result<Response, Box<dyn Error>> {
    let status = response.status();
    let body = Limited::new(response.into_body(), MAX_BODY).collect().await;
    let body = body.map_err(|error| -> Box<dyn Error> {
        if error.is::<LengthLimitError>() {
            format!("the response has more than {MAX_BODY} bytes").into()
        } else {
            error
        }
    })?;
    Ok(Response {
        status,
        text: String::from_utf8_lossy(&body.to_bytes()).into_owned(),
    })
}

fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
