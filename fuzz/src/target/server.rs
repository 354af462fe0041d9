//! A server in memory that targets send requests to.

use poem::{Request, RequestBuilder};
use tokio::runtime::{Builder, Runtime};

use crate::support::{Answer, Jeton};

/// The server, and the runtime of its connections.
pub(super) struct Server {
    pub(super) jeton: Jeton,
    runtime: Runtime,
}

impl Server {
    /// A server with what `prepare` adds. It does not slow failed sign-ins.
    pub(super) fn start(prepare: impl AsyncFnOnce(&Jeton)) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let jeton = runtime.block_on(async {
            let jeton = Jeton::with(|settings| {
                settings.sign_in.account_burst = 0;
                settings.sign_in.address_burst = 0;
            });
            let jeton = jeton.await;
            prepare(&jeton).await;
            jeton
        });
        Self { jeton, runtime }
    }

    pub(super) fn run<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// Sends a request. Panics on a response that the OpenAPI document does not declare, or a failure of the server.
    pub(super) fn send(&self, request: RequestBuilder, body: Vec<u8>) -> Answer {
        let answer = self.run(self.jeton.send(request.body(body)));
        assert_no_failure(&answer);
        answer
    }

    /// `GET` of a path and a query that may have any bytes; those that no URI can have are percent-encoded.
    pub(super) fn get(path: &str, query: &[u8]) -> Option<RequestBuilder> {
        let query = percent_encoding::percent_encode(query, OUTSIDE_URIS);
        let uri = format!("{path}{query}").parse().ok()?;
        Some(Request::builder().uri(uri))
    }
}

/// What the parser of URIs refuses.
const OUTSIDE_URIS: &percent_encoding::AsciiSet = &percent_encoding::CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>');

#[track_caller]
pub(super) fn assert_no_failure(answer: &Answer) {
    let status = answer.status.as_u16();
    assert!(status < 500, "{status} {}", answer.body);
}

/// The first value of a parameter of a form, decoded by another parser than the server's.
pub(super) fn parameter(form: &[u8], name: &str) -> Option<String> {
    let mut pairs = url::form_urlencoded::parse(form);
    let found = pairs.find(|(own, value)| own == name && !value.is_empty());
    found.map(|(_, value)| value.into_owned())
}

/// The text with each placeholder, such as `{r}`, replaced.
pub(super) fn filled(text: &[u8], values: &[(&str, &str)]) -> Vec<u8> {
    let mut filled = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        let found = values
            .iter()
            .find(|(name, _)| rest.starts_with(name.as_bytes()));
        if let Some((name, value)) = found {
            filled.extend_from_slice(value.as_bytes());
            rest = &rest[name.len()..];
        } else {
            filled.push(*first);
            rest = after;
        }
    }
    filled
}
