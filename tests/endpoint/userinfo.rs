use jeton::store::client;
use jeton::store::user::{self, Change, UserAttributes, ValueChange};
use poem::Request;
use poem::http::Method;
use serde_json::{Value, json};

use super::sign_in;
use crate::support::{
    Answer, ISSUER, Jeton, SECRET, SIGN_IN, Tokens, and, basic_raw, claims, encode, form,
};

const PATH: &str = "/userinfo";
const API: &str = "https://api.example.com";
const ALL: &str = "openid profile email read";

/// A server with clients for JWTs and for opaque tokens, which are registered for an API.
async fn start() -> Jeton {
    let jeton = Jeton::start().await;
    for id in ["jwt", "opaque"] {
        let change = |row: &mut client::Model| {
            "openid profile email account read".clone_into(&mut row.scope);
            API.clone_into(&mut row.audience);
            row.access_token_format = Some(id.to_owned());
        };
        jeton.add_client(id, None, change).await;
    }
    jeton
}

async fn give_profile(jeton: &Jeton, tokens: &Tokens) {
    let change = Change::Attributes(UserAttributes {
        name: ValueChange::Set("Alice Example".to_owned()),
        email: ValueChange::Set("alice@example.com".to_owned()),
        ..UserAttributes::NONE
    });
    let changed = user::change(&jeton.server.store, tokens.user(), change, &jeton.cause()).await;
    changed.unwrap();
}

async fn userinfo(jeton: &Jeton, token: &str) -> Answer {
    jeton.get_with(PATH, token).await
}

#[track_caller]
fn assert_refused(answer: &Answer, status: u16, error: &str) {
    answer.assert_error(status, error);
    let challenge = answer.header("www-authenticate").unwrap();
    assert!(challenge.contains(error), "{challenge}");
}

/// row 94: "The sub (subject) Claim MUST always be returned in the `UserInfo` Response", OpenID Connect Core §5.3.2; "profile
/// [...] requests access to the End-User's default profile Claims", §5.4. "If a Claim is not returned, that Claim Name
/// SHOULD be omitted".
#[tokio::test]
async fn the_scope_decides_which_claims_are_returned() {
    let jeton = start().await;
    for client in ["jwt", "opaque"] {
        let tokens = sign_in(&jeton, client, ALL, "").await;
        let sub = jeton.server_sub().await;
        for (has_profile, name, email) in [
            (false, json!(null), json!(null)),
            (true, json!("Alice Example"), json!("alice@example.com")),
        ] {
            if has_profile {
                give_profile(&jeton, &jeton.sign_in().await).await;
            }
            for scope in ["openid", "openid profile", "openid email", ALL] {
                let more = [("client_id", client), ("scope", scope)];
                let token = jeton.refresh_with(&tokens.refresh_token, &more).await;
                let answer = userinfo(&jeton, &token.tokens().access_token).await;
                assert_eq!(answer.status, 200, "{}", answer.body);
                let mut expected = json!({ "sub": sub });
                if scope.contains("profile") {
                    expected["preferred_username"] = "alice".into();
                    expected["updated_at"] = jeton.now().as_seconds().into();
                    expected["name"] = name.clone();
                }
                if scope.contains("email") {
                    expected["email"] = email.clone();
                    expected["email_verified"] = if has_profile {
                        json!(false)
                    } else {
                        json!(null)
                    };
                }
                let members = expected.as_object_mut().unwrap();
                members.retain(|_, value| !value.is_null());
                assert_eq!(answer.json(), expected, "{client} {scope}");
                assert_eq!(answer.header("cache-control"), Some("no-store"));
            }
        }
        let id = jeton.sign_in().await.user();
        let none = Change::Attributes(UserAttributes {
            name: ValueChange::Remove,
            email: ValueChange::Remove,
            ..UserAttributes::NONE
        });
        user::change(&jeton.server.store, id, none, &jeton.cause())
            .await
            .unwrap();
    }
}

impl Jeton {
    /// The `sub` of the user of the tests.
    async fn server_sub(&self) -> String {
        let tokens = self.sign_in().await;
        claims(&tokens.access_token)["sub"]
            .as_str()
            .unwrap()
            .to_owned()
    }
}

/// row 94: "The `UserInfo` Endpoint MUST support the use of the HTTP GET and HTTP POST methods [...] MUST accept Access
/// Tokens as OAuth 2.0 Bearer Token Usage", OpenID Connect Core §5.3.
#[tokio::test]
async fn the_token_is_in_the_header_or_in_the_form() {
    let jeton = start().await;
    let token = sign_in(&jeton, "jwt", ALL, "").await.access_token;
    let bearer = format!("Bearer {token}");
    let in_form = [("access_token", token.as_str())];
    let by_header = userinfo(&jeton, &token).await;
    assert_eq!(by_header.status, 200, "{}", by_header.body);
    let post = |content_type: &str, body: &str| {
        let request = Request::builder()
            .method(Method::POST)
            .uri(PATH.parse().unwrap())
            .header("authorization", &bearer)
            .header("content-type", content_type);
        jeton.send(request.body(body.to_owned()))
    };
    for answer in [
        jeton.post(PATH, "", &in_form).await,
        jeton.post(PATH, &bearer, &[]).await,
        jeton.post(PATH, &bearer, &[("access_token", "")]).await,
        post("application/json", r#"{"access_token": 7}"#).await,
        post("text/plain", "").await,
    ] {
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(answer.json(), by_header.json());
    }
    let without_body = Request::builder()
        .method(Method::POST)
        .uri(PATH.parse().unwrap())
        .header("authorization", &bearer);
    assert_eq!(
        jeton.send(without_body.finish()).await.json(),
        by_header.json()
    );
}

/// row 95: "Clients MUST NOT use more than one method to transmit the token in each request", RFC 6750 §2.
#[tokio::test]
async fn a_token_that_is_sent_twice_is_an_invalid_request() {
    let jeton = start().await;
    let token = sign_in(&jeton, "jwt", ALL, "").await.access_token;
    let bearer = format!("Bearer {token}");
    let in_form = [("access_token", token.as_str())];
    let in_query = format!("{PATH}?access_token={token}");
    for answer in [
        jeton.post(PATH, &bearer, &in_form).await,
        jeton.post(PATH, "", &and(&in_form, &in_form)).await,
        jeton.post(&in_query, "", &in_form).await,
        jeton.post(&in_query, &bearer, &[]).await,
        jeton.get_with(&in_query, &token).await,
    ] {
        answer.assert_error(400, "invalid_request");
    }
    let two = Request::builder()
        .uri(PATH.parse().unwrap())
        .header("authorization", &bearer)
        .header("authorization", &bearer);
    let answer = jeton.send(two.finish()).await;
    answer.assert_error(400, "invalid_request");
    let malformed = form(PATH).body(format!("access_token={token}&x=%ZZ"));
    jeton
        .send(malformed)
        .await
        .assert_error(400, "invalid_request");
    let get = jeton.get(&in_query).await;
    get.assert_error(401, "invalid_token");
    let delete = Request::builder()
        .method(Method::DELETE)
        .uri(PATH.parse().unwrap());
    let delete = jeton.send(delete.finish()).await;
    delete.assert_error(405, "invalid_request");
    assert_eq!(delete.header("allow"), Some("GET, HEAD, POST"));
}

/// row 95: "If the request lacks any authentication information [...], the resource server SHOULD NOT include an error
/// code or other error information", RFC 6750 §3.1.
#[tokio::test]
async fn without_a_token_the_challenge_names_no_error() {
    let jeton = start().await;
    for answer in [
        jeton.get(PATH).await,
        jeton.post(PATH, "", &[]).await,
        jeton.post(PATH, "Bearer", &[]).await,
        jeton.post(PATH, &basic_raw("a", "b"), &[]).await,
        jeton.post(PATH, "", &[("access_token", "")]).await,
    ] {
        answer.assert_error(401, "invalid_token");
        let challenge = answer.header("www-authenticate");
        assert_eq!(challenge, Some(r#"Bearer realm="jeton""#));
    }
}

/// row 95, row 86: "`invalid_token`: The access token provided is expired, revoked, malformed, or invalid for other
/// reasons", RFC 6750 §3.1.
#[tokio::test]
async fn a_token_that_is_not_active_or_no_access_token_is_refused() {
    let jeton = start().await;
    for client in ["jwt", "opaque"] {
        let more = [("client_id", client), ("scope", ALL)];
        let answer = jeton.token(&and(&SIGN_IN, &more)).await;
        let tokens = answer.tokens();
        let id_token = answer.json()["id_token"].as_str().unwrap().to_owned();
        let damaged = tokens.access_token.to_uppercase();
        for token in [id_token.as_str(), &tokens.refresh_token, &damaged, "x"] {
            assert_refused(&userinfo(&jeton, token).await, 401, "invalid_token");
            let by_form = jeton.post(PATH, "", &[("access_token", token)]).await;
            assert_refused(&by_form, 401, "invalid_token");
        }
        let revocation = [("client_id", client), ("token", &tokens.refresh_token)];
        jeton.post("/revoke", "", &revocation).await;
        let ended = userinfo(&jeton, &tokens.access_token).await;
        assert_refused(&ended, 401, "invalid_token");
    }
}

/// row 95: "`insufficient_scope`: The request requires higher privileges than provided by the access token", RFC 6750 §3.1.
#[tokio::test]
async fn a_token_without_openid_has_insufficient_scope() {
    let jeton = start().await;
    jeton
        .add_client("job", Some(SECRET), |row| {
            "client_credentials".clone_into(&mut row.grant_types);
            "openid profile read".clone_into(&mut row.scope);
        })
        .await;
    let grant = [("grant_type", "client_credentials")];
    let own = jeton.token_as(&basic_raw("job", SECRET), &grant).await;
    let own = own.json()["access_token"].as_str().unwrap().to_owned();
    let plain = sign_in(&jeton, "jwt", "account", ISSUER).await.access_token;
    for token in [own, plain] {
        let answer = userinfo(&jeton, &token).await;
        assert_refused(&answer, 403, "insufficient_scope");
        let challenge = answer.header("www-authenticate").unwrap();
        assert!(challenge.contains(r#"scope="openid""#), "{challenge}");
    }
    // A client that has lost the scope must not use it with tokens from before.
    let tokens = sign_in(&jeton, "jwt", ALL, "").await;
    let patch = json!({ "scope": "openid account read" });
    jeton.change_client("jwt", patch).await;
    let shown = userinfo(&jeton, &tokens.access_token).await.json();
    assert_eq!(shown.as_object().unwrap().len(), 1, "{shown}");
    jeton.change_client("jwt", json!({ "scope": "read" })).await;
    let answer = userinfo(&jeton, &tokens.access_token).await;
    assert_refused(&answer, 403, "insufficient_scope");
}

/// row 95: an API that receives a token for itself alone cannot read the user's claims with it.
#[tokio::test]
async fn a_token_for_another_audience_is_refused() {
    let jeton = start().await;
    for client in ["jwt", "opaque"] {
        let elsewhere = sign_in(&jeton, client, ALL, API).await;
        let answer = userinfo(&jeton, &elsewhere.access_token).await;
        assert_refused(&answer, 401, "invalid_token");
        let description = answer.json()["error_description"].clone();
        assert_eq!(description, Value::from(jeton::error::OTHER_AUDIENCE));
        for resource in ["", ISSUER] {
            let here = sign_in(&jeton, client, ALL, resource).await;
            assert_eq!(userinfo(&jeton, &here.access_token).await.status, 200);
        }
    }
}

/// row 94: "CORS as for /token": the pages of the token's client read the response.
#[tokio::test]
async fn pages_of_the_client_read_the_response() {
    const APP: &str = "https://app.example.com";
    const OTHER: &str = "https://other.example.com";
    let jeton = start().await;
    jeton.set_origins("jwt", &[APP]).await;
    jeton.set_origins("opaque", &[OTHER]).await;
    let good = sign_in(&jeton, "jwt", ALL, "").await.access_token;
    let short = sign_in(&jeton, "jwt", "account", ISSUER).await.access_token;
    for (token, status) in [(&good, 200), (&short, 403)] {
        for (origin, readable) in [(APP, true), (OTHER, false), ("https://evil.test", false)] {
            let request = Request::builder()
                .uri(PATH.parse().unwrap())
                .header("origin", origin)
                .header("authorization", format!("Bearer {token}"));
            let answer = jeton.send(request.finish()).await;
            assert_eq!(answer.status, status);
            let allowed = answer.header("access-control-allow-origin");
            assert_eq!(allowed, readable.then_some(origin), "{origin}");
        }
    }
    let body = encode(&[("access_token", good.as_str())]);
    let foreign = form(PATH).header("origin", "https://evil.test").body(body);
    jeton
        .send(foreign)
        .await
        .assert_error(403, "invalid_request");
    let preflight = Request::builder()
        .method(Method::OPTIONS)
        .uri(PATH.parse().unwrap())
        .header("origin", APP)
        .header("access-control-request-method", "GET")
        .header("access-control-request-headers", "authorization");
    let answer = jeton.send(preflight.finish()).await;
    assert_eq!(answer.header("access-control-allow-origin"), Some(APP));
    let methods = answer.header("access-control-allow-methods");
    assert_eq!(methods, Some("GET, HEAD, POST"));
}
