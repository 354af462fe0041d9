//! Requests that come from somewhere: an address, a user agent, a proxy.

use std::net::SocketAddr;

use poem::http::uri::Scheme;
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Addr, Request, RequestParts};

/// The same request on a connection from `address`.
pub fn sent_from(address: &str, request: Request) -> Request {
    let (sent, body) = request.into_parts();
    let mut parts = poem::http::Request::new(()).into_parts().0;
    parts.method = sent.method;
    parts.uri = sent.uri;
    parts.headers = sent.headers;
    let peer = SocketAddr::new(address.parse().unwrap(), 40_000);
    let remote = RemoteAddr(Addr::SocketAddr(peer));
    let parts = RequestParts::from((parts, LocalAddr::default(), remote, Scheme::HTTP));
    Request::from_parts(parts, body)
}
