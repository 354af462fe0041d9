//! Sign-ins whose client does not wait for the response.

use std::time::Duration;

use futures_util::FutureExt as _;
use jeton::config::Span;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::support::peer::credentials;
use crate::support::{ALICE, Jeton, encode};

const TIMEOUT: Duration = Duration::from_secs(30);

impl Jeton {
    /// Sends a sign-in of Alice, and waits until it waits for a thread of the hasher.
    async fn begin_sign_in(&self) -> TcpStream {
        let mut client = TcpStream::connect(super::listen(self).await).await.unwrap();
        let body = encode(&credentials(ALICE.0, ALICE.1));
        let request = format!(
            "POST /token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Connection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        client.write_all(request.as_bytes()).await.unwrap();
        self.wait_until_underway(true).await;
        client
    }

    async fn wait_until_underway(&self, expected: bool) {
        let account = ["account", ALICE.0];
        let subject = self.server.root_secrets.sign_in_subject(&account);
        let attempts = &self.server.throttle.in_flight;
        let waiting = async {
            while attempts.watch(subject).ended().now_or_never().is_none() != expected {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(TIMEOUT, waiting).await.unwrap();
    }
}

/// Its password is then not hashed, as a test of the hasher's threads shows.
#[tokio::test]
async fn a_sign_in_ends_when_its_client_disconnects() {
    let jeton = Jeton::start().await;
    let _busy = jeton.server.hasher.occupy().unwrap();
    let client = jeton.begin_sign_in().await;
    drop(client);
    jeton.wait_until_underway(false).await;
}

/// row 38: the same after `server.request_timeout`.
#[tokio::test]
async fn a_sign_in_ends_at_the_timeout() {
    let jeton = Jeton::with(|settings| {
        settings.server.request_timeout = Span(Duration::from_secs(2));
    })
    .await;
    let _busy = jeton.server.hasher.occupy().unwrap();
    let mut client = jeton.begin_sign_in().await;
    jeton.wait_until_underway(false).await;
    let mut answer = String::new();
    let read = client.read_to_string(&mut answer);
    timeout(TIMEOUT, read).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(
        answer.to_lowercase().contains("\r\nretry-after: "),
        "{answer}"
    );
}
