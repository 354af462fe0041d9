use jeton::config::Settings;
use poem::Body;
use poem::http::Method;

use crate::support::{ALICE, Answer, Jeton, SIGN_IN, and, encode, form};

async fn post_to(jeton: &Jeton, path: &str, parameters: &[(&str, &str)]) -> Answer {
    jeton.send(form(path).body(encode(parameters))).await
}

/// row 1: "The client MUST use the HTTP "POST" method when making access token requests", RFC 6749
/// §3.2; "The origin server MUST generate an Allow header field in a 405 response", RFC 9110
/// §15.5.6.
#[tokio::test]
async fn any_method_but_post_is_405_with_allow() {
    let jeton = Jeton::start().await;
    for method in ["GET", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"] {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let request = form("/token").method(method.clone());
        let answer = jeton.send(request.body(encode(&SIGN_IN))).await;
        answer.assert_error(405, "invalid_request");
        assert_eq!(answer.header("allow"), Some("POST"), "{method}");
    }
    let request = form("/token").method(Method::HEAD);
    let answer = jeton.send(request.finish()).await;
    assert_eq!(answer.status, 405);
    assert_eq!(answer.header("allow"), Some("POST"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

/// row 2: "using the "application/x-www-form-urlencoded" format per Appendix B with a character
/// encoding of UTF-8", RFC 6749 §4.3.2; media types are case-insensitive, RFC 9110 §8.3.1.
#[tokio::test]
async fn a_charset_parameter_is_tolerated_and_the_form_is_utf_8() {
    let jeton = Jeton::start().await;
    jeton.add_user("zoë", "pässwörd 🦀").await;
    for content_type in [
        "application/x-www-form-urlencoded",
        "application/x-www-form-urlencoded; charset=UTF-8",
        "application/x-www-form-urlencoded;charset=iso-8859-1",
        "Application/X-WWW-Form-URLEncoded ; Charset=\"utf-8\"",
    ] {
        let request = poem::Request::builder()
            .method(Method::POST)
            .uri("/token".parse().unwrap())
            .content_type(content_type)
            .body("grant_type=password&username=zo%c3%AB&password=p%C3%A4sswörd+🦀");
        jeton.send(request).await.tokens();
    }
}

/// row 2: a plus is a space, RFC 6749 Appendix B.
#[tokio::test]
async fn a_plus_is_a_space_and_an_encoded_plus_is_a_plus() {
    let jeton = Jeton::start().await;
    jeton.add_user("bob", "1 + 1").await;
    let body = "grant_type=password&username=bob&password=";
    jeton.post_raw(format!("{body}1+%2B%201")).await.tokens();
    let answer = jeton.post_raw(format!("{body}1+++1")).await;
    answer.assert_error(400, "invalid_grant");
}

/// row 2: RFC 6749 §3.2, §5.2.
#[tokio::test]
async fn another_media_type_or_none_is_refused_in_the_oauth_shape() {
    let jeton = Jeton::start().await;
    for content_type in [
        "application/json",
        "multipart/form-data; boundary=x",
        "text/plain",
        "application/x-www-form-urlencoded-not",
        "application/x-www-form-urlencoded, application/json",
        "",
        ";",
        "é",
    ] {
        let request = poem::Request::builder()
            .method(Method::POST)
            .uri("/token".parse().unwrap())
            .header("content-type", content_type)
            .body(encode(&SIGN_IN));
        jeton
            .send(request)
            .await
            .assert_error(400, "invalid_request");
    }
    let request = poem::Request::builder()
        .method(Method::POST)
        .uri("/token".parse().unwrap());
    let answer = jeton.send(request.body(encode(&SIGN_IN))).await;
    answer.assert_error(400, "invalid_request");
}

/// row 3: "Request and response parameters MUST NOT be included more than once", RFC 6749 §3.2.
#[tokio::test]
async fn a_parameter_given_twice_is_refused() {
    let jeton = Jeton::start().await;
    for (name, value) in [
        ("grant_type", "password"),
        ("username", ALICE.0),
        ("password", ALICE.1),
        ("scope", "read"),
        ("client_id", "first-party"),
        ("client_secret", "x"),
        ("refresh_token", "x"),
        ("never_heard_of", "x"),
    ] {
        let others: Vec<_> = SIGN_IN.into_iter().filter(|it| it.0 != name).collect();
        let twice = and(&others, &[(name, value), (name, value)]);
        let answer = jeton.token(&twice).await;
        answer.assert_error(400, "invalid_request");
        // The same name in another encoding.
        let first = encode(&and(&others, &[(name, value)]));
        let spelled = format!("{first}&%{:02x}{}={value}", name.as_bytes()[0], &name[1..]);
        jeton
            .post_raw(spelled)
            .await
            .assert_error(400, "invalid_request");
    }
}

/// row 3.
#[tokio::test]
async fn a_parameter_in_the_query_and_in_the_body_is_refused() {
    let jeton = Jeton::start().await;
    for query in ["grant_type=password", "scope=read", "never_heard_of=1"] {
        let parameters = and(&SIGN_IN, &[("scope", "read"), ("never_heard_of", "1")]);
        let answer = post_to(&jeton, &format!("/token?{query}"), &parameters).await;
        answer.assert_error(400, "invalid_request");
    }
}

/// row 3: a parameter that would narrow the token is refused in the query: ignoring it would give the client a wider
/// token than intended.
#[tokio::test]
async fn grant_parameters_are_read_from_the_body_alone() {
    let jeton = Jeton::start().await;
    let answer = post_to(&jeton, "/token?grant_type=password", &SIGN_IN[1..]).await;
    answer.assert_error(400, "invalid_request");
    for query in ["scope=read", "resource=https%3A%2F%2Fapi.test"] {
        let answer = post_to(&jeton, &format!("/token?{query}"), &SIGN_IN).await;
        answer.assert_error(400, "invalid_request");
    }
    let answer = post_to(&jeton, "/token?unknown=1", &SIGN_IN).await;
    assert_eq!(answer.tokens().scope, "account read write");
}

/// row 4: "Parameters sent without a value MUST be treated as if they were omitted from the
/// request", RFC 6749 §3.2.
#[tokio::test]
async fn a_parameter_with_an_empty_value_is_omitted() {
    let jeton = Jeton::start().await;
    let full = "account read write";
    for name in [
        "scope",
        "client_id",
        "client_secret",
        "resource",
        "refresh_token",
    ] {
        let answer = jeton.token(&and(&SIGN_IN, &[(name, "")])).await;
        assert_eq!(answer.tokens().scope, full, "{name}");
    }
    let answer = jeton
        .post_raw(format!("{}&scope&&=&client_id", encode(&SIGN_IN)))
        .await;
    assert_eq!(answer.tokens().scope, full);
    for name in ["grant_type", "username", "password"] {
        let emptied = SIGN_IN.map(|(key, value)| (key, if key == name { "" } else { value }));
        jeton
            .token(&emptied)
            .await
            .assert_error(400, "invalid_request");
    }
    let answer = jeton.refresh("").await;
    answer.assert_error(400, "invalid_request");
}

/// row 5: "The authorization server MUST ignore unrecognized request parameters", RFC 6749 §3.2.
#[tokio::test]
async fn unknown_parameters_are_ignored() {
    let jeton = Jeton::start().await;
    let more = [
        ("nonce", "1"),
        ("GRANT_TYPE", "x"),
        ("🦀", "ü"),
        ("a b", ""),
    ];
    jeton.token(&and(&SIGN_IN, &more)).await.tokens();
    let request = form("/token?state=1&lang=fr").body(encode(&SIGN_IN));
    jeton.send(request).await.tokens();
}

/// row 6: "The parameters can only be transmitted in the request-body and MUST NOT be included in
/// the request URI", RFC 6749 §2.3.1.
#[tokio::test]
async fn credentials_in_the_query_are_refused() {
    let jeton = Jeton::start().await;
    for name in [
        "client_id",
        "client_secret",
        "client_assertion",
        "username",
        "password",
        "refresh_token",
        "token",
        "client%5Fsecret",
    ] {
        let answer = post_to(&jeton, &format!("/token?x=1&{name}=y"), &SIGN_IN).await;
        answer.assert_error(400, "invalid_request");
    }
}

/// row 8: text must be UTF-8 in well-formed percent-encoding, RFC 6749 Appendix B, without NUL.
#[tokio::test]
async fn malformed_text_is_refused_in_every_place() {
    let jeton = Jeton::start().await;
    let malformed: [&[u8]; 11] = [
        b"%FF",
        b"\xFF",
        b"%C0%AF",
        b"%ED%A0%80",
        b"%F4%90%80%80",
        b"%ZZ",
        b"%",
        b"%4",
        b"%+1",
        b"%00",
        b"\0",
    ];
    for text in malformed {
        for (before, after) in [
            ("password=", ""),
            ("scope=read", ""),
            ("never_heard_of=", ""),
            ("", "=1"),
        ] {
            let mut body = b"grant_type=password&username=alice&".to_vec();
            body.extend_from_slice(before.as_bytes());
            body.extend_from_slice(text);
            body.extend_from_slice(after.as_bytes());
            if before != "password=" {
                body.extend_from_slice(b"&");
                body.extend_from_slice(encode(&SIGN_IN[2..]).as_bytes());
            }
            jeton
                .post_raw(body)
                .await
                .assert_error(400, "invalid_request");
        }
    }
    for query in ["%FF", "a=%ZZ", "%00=1", "a=%"] {
        let answer = post_to(&jeton, &format!("/token?{query}"), &SIGN_IN).await;
        answer.assert_error(400, "invalid_request");
    }
}

/// A sign-in of `length` bytes.
fn padded(length: usize) -> Vec<u8> {
    let mut body = format!("{}&padding=", encode(&SIGN_IN)).into_bytes();
    body.resize(length, b'x');
    body
}

/// row 8: with and without `Content-Length`.
#[tokio::test]
async fn a_body_over_the_limit_is_413() {
    let jeton = Jeton::start().await;
    let limit = Settings::defaults().unwrap().server.body_limit;
    jeton.post_raw(padded(limit)).await.tokens();
    let announced = form("/token").header("content-length", (limit + 1).to_string());
    let streamed = Body::from_bytes_stream(in_pieces(&padded(limit + 1)));
    for request in [
        announced.body(padded(limit + 1)),
        form("/token").body(padded(limit + 1)),
        form("/token").body(streamed),
    ] {
        let answer = jeton.send(request).await;
        answer.assert_error(413, "invalid_request");
        // The unread bytes would be read as the next request.
        assert_eq!(answer.header("connection"), Some("close"));
    }
}

fn in_pieces(bytes: &[u8]) -> impl futures_util::Stream<Item = std::io::Result<Vec<u8>>> + use<> {
    let pieces: Vec<_> = bytes.chunks(1000).map(|piece| Ok(piece.to_vec())).collect();
    futures_util::stream::iter(pieces)
}
