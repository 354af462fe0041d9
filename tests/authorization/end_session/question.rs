//! The question before a sign-out, and its form.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jeton::store::session::Ending;

use super::{BOB, assert_returned, ending, sign_in, start};
use crate::support::browser::{Browser, request};
use crate::support::{ALICE, ISSUER};

/// row 112: "the OP MUST ask the End-User this question if an `id_token_hint` was not provided or if the supplied ID Token
/// does not belong to the current OP session with the RP and/or currently logged in End-User", §2.
#[tokio::test]
async fn without_a_good_hint_the_user_is_asked() {
    let jeton = start().await;
    let user = sign_in(&jeton, ALICE, "openid read").await;
    let other = sign_in(&jeton, BOB, "openid read").await;
    let unsigned = {
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
        let claims = user.id_token.split('.').nth(1).unwrap();
        format!("{header}.{claims}.")
    };
    let damaged = format!("{}AAAA", &user.id_token[..user.id_token.len() - 4]);
    for hint in [
        "",
        "x",
        &unsigned,
        &damaged,
        &user.tokens.access_token,
        &other.id_token,
    ] {
        let page = user.visit(&jeton, &[("id_token_hint", hint)]).await;
        page.assert_page(200, "alice");
        user.assert_signed_in(&jeton).await;
        let answer = user.press(&jeton, &page, "cancel").await;
        assert_returned(&answer, &format!("{ISSUER}/"));
        user.assert_signed_in(&jeton).await;
    }
    other.assert_signed_in(&jeton).await;
    let hint = [("id_token_hint", other.id_token.as_str())];
    let page = user.visit(&jeton, &hint).await;
    let answer = user.press(&jeton, &page, "sign_out").await;
    answer.assert_page(200, "You are signed out");
    user.assert_signed_out(&jeton).await;
    // The session of the hint, but not the other browser.
    let ended = ending(&jeton, other.tokens.session()).await;
    assert_eq!(ended, Some(Ending::SignOut));
    let kept = ending(&jeton, other.browser_session(&jeton).await).await;
    assert_eq!(kept, None);
}

/// row 101: a form of another site, or without its token, signs no user out. row 55: a request of another site in a form is
/// redirected.
#[tokio::test]
async fn another_site_cannot_answer_the_question() {
    let jeton = start().await;
    let user = sign_in(&jeton, ALICE, "openid read").await;
    let page = user.visit(&jeton, &[]).await;
    let token = page.form_token();
    let sign_in_token = {
        let query = request(&[("prompt", "login")]);
        user.browser.open(&jeton, &query).await.form_token()
    };
    for (token, origin) in [
        (token.as_str(), "https://evil.example"),
        (token.as_str(), "null"),
        ("x", ISSUER),
        (sign_in_token.as_str(), ISSUER),
    ] {
        let fields = [("form_token", token), ("action", "sign_out")];
        let answer = user
            .browser
            .post(&jeton, "/end-session?", &fields, origin)
            .await;
        answer.assert_page(403, "alice");
        user.assert_signed_in(&jeton).await;
    }
    let fields = [("action", "sign_out"), ("id_token_hint", "x")];
    let answer = user
        .browser
        .post(&jeton, "/end-session", &fields, "https://app.example")
        .await;
    let location = format!("{ISSUER}/end-session?action=sign%5Fout&id%5Ftoken%5Fhint=x");
    assert_returned(&answer, &location);
    user.assert_signed_in(&jeton).await;
    let other = Browser::default();
    let fields = [("form_token", token.as_str()), ("action", "sign_out")];
    let answer = other.post(&jeton, "/end-session?", &fields, ISSUER).await;
    answer.assert_page(403, "cookie");
}
