//! Where a request comes from: the connection, or what a trusted proxy says of it.

use crate::support::peer::sent_from;
use crate::support::{Jeton, SIGN_IN, encode, form};

/// The address that the session of a sign-in remembers.
async fn remembered(jeton: &Jeton, peer: &str, headers: &[(&str, &str)]) -> String {
    let mut request = form("/token");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = sent_from(peer, request.body(encode(&SIGN_IN)));
    let tokens = jeton.send(request).await.tokens();
    jeton.session(&tokens).await.address
}

/// row 20: the address is the connection's, unless the settings name the proxy that it comes from.
#[tokio::test]
async fn a_forwarded_address_is_believed_behind_a_trusted_proxy_alone() {
    let headers = [
        ("x-forwarded-for", "6.6.6.6, 203.0.113.9"),
        ("x-forwarded-for", "10.2.3.4"),
    ];
    let alone = Jeton::start().await;
    assert_eq!(remembered(&alone, "10.0.0.1", &headers).await, "10.0.0.1");
    let behind = Jeton::with(|settings| {
        settings.server.trusted_proxies = "10.0.0.0/8".parse().unwrap();
    })
    .await;
    for (peer, headers, expected) in [
        ("10.0.0.1", &headers[..], "203.0.113.9"),
        ("::ffff:10.0.0.1", &headers, "203.0.113.9"),
        ("10.0.0.1", &[], "10.0.0.1"),
        ("192.0.2.1", &headers, "192.0.2.1"),
        (
            "10.0.0.1",
            &[("forwarded", "for=\"[2001:db8::9]:80\"")],
            "2001:db8::9",
        ),
        (
            "10.0.0.1",
            &[("forwarded", "for=\"[2001:db8::9\"")],
            "10.0.0.1",
        ),
        (
            "10.0.0.1",
            &[
                ("forwarded", "for=6.6.6.6"),
                ("x-forwarded-for", "203.0.113.9"),
            ],
            "10.0.0.1",
        ),
    ] {
        assert_eq!(
            remembered(&behind, peer, headers).await,
            expected,
            "{headers:?}"
        );
    }
}
