//! The caller's address: that of the connection, or of a trusted proxy's header.

use crate::support::peer::sent_from;
use crate::support::{Jeton, SIGN_IN, encode, form};

/// The address in the session after a sign-in.
async fn session_address(jeton: &Jeton, peer: &str, headers: &[(&str, &str)]) -> String {
    let mut request = form("/token");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = sent_from(peer, request.body(encode(&SIGN_IN)));
    let tokens = jeton.send(request).await.tokens();
    jeton.session(&tokens).await.address
}

/// row 20.
#[tokio::test]
async fn a_forwarded_address_is_read_behind_a_trusted_proxy_alone() {
    let headers = [
        ("x-forwarded-for", "6.6.6.6, 203.0.113.9"),
        ("x-forwarded-for", "10.2.3.4"),
    ];
    let direct = Jeton::start().await;
    assert_eq!(
        session_address(&direct, "10.0.0.1", &headers).await,
        "10.0.0.1"
    );
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
            session_address(&behind, peer, headers).await,
            expected,
            "{headers:?}"
        );
    }
}
