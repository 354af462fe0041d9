//! Tokens, cookies, forms and clients in the place of others.

use crate::support::browser::{Browser, credentials, request};
use crate::support::{ALICE, ISSUER, Jeton, SECRET, basic_raw, form};

const BOB: (&str, &str) = ("bob", "another horse battery staple");
const COOKIE: &str = "__Host-jeton";

/// row 86, row 99, row 100: the cookie is read by the pages alone, and only the cookie is.
#[tokio::test]
async fn a_cookie_is_no_token_and_a_token_is_no_cookie() {
    let jeton = Jeton::with_app().await;
    jeton.add_client("api", Some(SECRET), |_| {}).await;
    let api = basic_raw("api", SECRET);
    let browser = Browser::default();
    let query = request(&[("scope", "openid")]);
    let code = browser.sign_in(&jeton, &query).await.code();
    let answer = jeton.redeem(&code).await;
    let tokens = answer.tokens();
    let id_token = answer.json()["id_token"].as_str().unwrap().to_owned();
    let cookie = browser.cookie(COOKIE).unwrap();
    let as_refresh_token = cookie.replace("jbs_", "jrt_");
    for token in [&cookie, &as_refresh_token, &code, &id_token] {
        for client in ["app", "first-party"] {
            let more = [("client_id", client)];
            let answer = jeton.refresh_with(token, &more).await;
            answer.assert_error(400, "invalid_grant");
        }
        let path = "/account";
        assert_eq!(jeton.get_with(path, token).await.status, 401, "{token}");
        let parameters = [("token", token.as_str()), ("client_id", "app")];
        let answer = jeton.post("/revoke", "", &parameters).await;
        assert_eq!(answer.status, 200);
        let parameters = [("token", token.as_str())];
        let answer = jeton.post("/introspect", &api, &parameters).await;
        assert_eq!(answer.body, "{\"active\":false}");
    }
    let as_cookie = tokens.refresh_token.replace("jrt_", "jbs_");
    for other in [&tokens.refresh_token, &as_cookie, &code, &id_token, "x"] {
        let get = poem::Request::builder()
            .uri(format!("/authorize?{query}").parse().unwrap())
            .header("cookie", format!("{COOKIE}={other}"));
        jeton.send(get.finish()).await.assert_page(200, "password");
    }
    // Nothing has ended.
    browser.open(&jeton, &query).await.code();
    jeton.refresh_at("app", &tokens).await.tokens();
}

/// row 21, row 100: the client of browser sessions gets no tokens.
#[tokio::test]
async fn the_client_of_browser_sessions_cannot_authenticate() {
    let jeton = Jeton::with_app().await;
    let browser = Browser::default();
    let code = browser.sign_in(&jeton, &request(&[])).await.code();
    let cookie = browser.cookie(COOKIE).unwrap();
    let own = ("client_id", "jeton:browser");
    for parameters in [
        [
            ("grant_type", "password"),
            ("username", ALICE.0),
            ("password", ALICE.1),
        ],
        [
            ("grant_type", "refresh_token"),
            ("refresh_token", &cookie),
            ("scope", ""),
        ],
        [
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("code_verifier", "x"),
        ],
        [
            ("grant_type", "client_credentials"),
            ("client_secret", "x"),
            ("scope", "account"),
        ],
    ] {
        let answer = jeton.token(&[&parameters[..], &[own]].concat()).await;
        answer.assert_error(401, "invalid_client");
    }
    let parameters = [("token", cookie.as_str()), own];
    let answer = jeton.post("/revoke", "", &parameters).await;
    answer.assert_error(401, "invalid_client");
    browser.open(&jeton, &request(&[])).await.code();
}

/// row 101, row 108: a form has an effect only for the user that its page showed.
#[tokio::test]
async fn a_page_of_another_user_allows_and_continues_nothing() {
    let jeton = Jeton::with_app().await;
    jeton.add_app("other", |client| client.consent = None).await;
    jeton.add_user(BOB.0, BOB.1).await;
    let browser = Browser::default();
    let query = request(&[("client_id", "other")]);
    let sign_in_page = browser.open(&jeton, &query).await;
    for action in ["allow", "continue"] {
        let fields = [("action", action)];
        let answer = browser.submit(&jeton, &sign_in_page, &fields).await;
        answer.assert_page(403, "password");
    }
    let of_alice = browser
        .submit(&jeton, &sign_in_page, &credentials(ALICE))
        .await;
    of_alice.assert_page(200, "alice");
    for action in ["allow", "continue"] {
        let fields = [("action", action)];
        let answer = browser.submit(&jeton, &sign_in_page, &fields).await;
        answer.assert_page(403, "Allow");
    }
    let of_bob = browser
        .submit(&jeton, &sign_in_page, &credentials(BOB))
        .await;
    of_bob.assert_page(200, "bob");
    let allow = [("action", "allow")];
    let answer = browser.submit(&jeton, &of_alice, &allow).await;
    answer.assert_page(403, "bob");
    // Another request, with more scope.
    let token = of_bob.form_token();
    let more = request(&[("client_id", "other"), ("scope", "read openid")]);
    let fields = [("form_token", token.as_str()), allow[0]];
    let path = format!("/authorize?{more}");
    let answer = browser.post(&jeton, &path, &fields, ISSUER).await;
    answer.assert_page(403, "Allow");
    browser.submit(&jeton, &of_bob, &allow).await.code();
}

/// row 89: a page without a password does not replace the sign-in that the client asks for.
#[tokio::test]
async fn no_form_of_a_signed_in_user_skips_a_new_sign_in() {
    let jeton = Jeton::with_app().await;
    let browser = Browser::default();
    browser.sign_in(&jeton, &request(&[])).await.code();
    let query = request(&[("prompt", "login select_account")]);
    let page = browser.open(&jeton, &query).await;
    for fields in [
        &[("action", "continue")][..],
        &[("action", "allow")],
        &[("action", "sign_in"), ("username", "alice")],
        &[("username", "Alice "), ("password", "wrong")],
        &[("action", "other_account")],
    ] {
        let answer = browser.submit(&jeton, &page, fields).await;
        assert!(answer.headers.get("location").is_none(), "{fields:?}");
        assert!(answer.body.contains("password"), "{fields:?}");
    }
}

/// row 103: no parameter and no name adds markup to the page, or sources to its policy.
#[tokio::test]
async fn input_adds_nothing_to_the_page_or_its_policy() {
    let jeton = Jeton::with_app().await;
    let payload = "\"'><script>alert(1)</script>;form-action *,{{7*7}}\u{202e}";
    jeton
        .add_app("other", |client| client.name = payload.to_owned())
        .await;
    let browser = Browser::default();
    let plain = browser.open(&jeton, &request(&[])).await;
    let policy = plain.header("content-security-policy").unwrap();
    for name in ["login_hint", "nonce", "state", "display", "claims", payload] {
        for client in ["app", "other"] {
            let query = request(&[("client_id", client), (name, payload)]);
            let page = browser.open(&jeton, &query).await;
            page.assert_page(200, "password");
            assert_eq!(page.header("content-security-policy"), Some(policy));
            assert!(!page.body.contains("<script"), "{name}: {}", page.body);
            let fields = [("username", payload), ("password", "x")];
            let again = browser.submit(&jeton, &page, &fields).await;
            assert!(!again.body.contains("<script"), "{name}: {}", again.body);
        }
    }
    let body = form("/authorize").body("client_id=\"><script>");
    let answer = jeton.send(body).await;
    assert!(!answer.body.contains("<script"));
}

/// row 112: the same user in another browser is another session, and an ID token may have been seen by others.
#[tokio::test]
async fn an_id_token_of_another_browser_does_not_sign_out_at_once() {
    let jeton = Jeton::with_app().await;
    let query = request(&[("scope", "openid")]);
    let (browser, other) = (Browser::default(), Browser::default());
    browser.sign_in(&jeton, &query).await.code();
    let code = other.sign_in(&jeton, &query).await.code();
    let answer = jeton.redeem(&code).await;
    let hint = answer.json()["id_token"].as_str().unwrap().to_owned();
    let path = format!("/end-session?id_token_hint={hint}");
    let page = browser.visit(&jeton, &path).await;
    page.assert_page(200, "Sign out of");
    browser.open(&jeton, &query).await.code();
    let answer = other.visit(&jeton, &path).await;
    answer.assert_page(200, "You are signed out");
}
