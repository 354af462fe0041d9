//! The password grant: parameters, Unicode in usernames and passwords, refusals, renewed hashes.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use jeton::app::app;
use jeton::clock::Clock;
use jeton::listener;
use jeton::password::Password;
use jeton::store::session;
use jeton::store::user::{self, Change};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::support::audit::AuditLog;
use crate::support::file::DataDir;
use crate::support::{ALICE, Answer, Jeton, ROOT_SECRET, claims, encode, form};

/// The password of the imported hashes below, which other programs made.
const IMPORTED: &str = "correct horse battery stäple";

fn credentials<'a>(username: &'a str, password: &'a str) -> [(&'a str, &'a str); 3] {
    [
        ("grant_type", "password"),
        ("username", username),
        ("password", password),
    ]
}

impl Jeton {
    async fn sign_in_as(&self, username: &str, password: &str) -> Answer {
        self.token(&credentials(username, password)).await
    }

    /// Refusals take half a second while an outdated hash is stored.
    async fn refused_after_a_while(&self, attempt: impl Future<Output = Answer>) {
        let mut attempt = pin!(attempt);
        loop {
            match timeout(Duration::from_millis(100), attempt.as_mut()).await {
                Ok(answer) => return answer.assert_error(400, "invalid_grant"),
                Err(_) => self.advance(Duration::from_millis(500)),
            }
        }
    }

    async fn password_hash_of(&self, username: &str) -> String {
        let user = user::find_by_username(&self.server.store, username).await;
        user.unwrap().unwrap().password_hash
    }
}

/// row 18: "username REQUIRED. [...] password REQUIRED.", RFC 6749 §4.3.2.
#[tokio::test]
async fn username_and_password_are_required() {
    let jeton = Jeton::start().await;
    let complete = credentials(ALICE.0, ALICE.1);
    for missing in ["username", "password"] {
        let mut some = complete.to_vec();
        some.retain(|(name, _)| *name != missing);
        jeton
            .token(&some)
            .await
            .assert_error(400, "invalid_request");
        some.push((missing, ""));
        jeton
            .token(&some)
            .await
            .assert_error(400, "invalid_request");
    }
    jeton.token(&complete).await.tokens();
}

/// row 18: "scope OPTIONAL.", RFC 6749 §4.3.2. Without it, the scope is the client's (§3.3).
#[tokio::test]
async fn scope_is_optional_and_limited_to_the_clients_scope() {
    let jeton = Jeton::start().await;
    let sign_in = async |scope| {
        let parameters = [&credentials(ALICE.0, ALICE.1)[..], &[("scope", scope)]].concat();
        jeton.token(&parameters).await
    };
    assert_eq!(jeton.sign_in().await.scope, "account read write");
    assert_eq!(sign_in("").await.tokens().scope, "account read write");
    assert_eq!(sign_in("write read").await.tokens().scope, "write read");
    sign_in("read admin")
        .await
        .assert_error(400, "invalid_scope");
    sign_in("read  write")
        .await
        .assert_error(400, "invalid_scope");
}

/// row 24: "The authorization server MAY fully or partially ignore the scope requested by the client", RFC 6749 §3.3.
/// OpenID Connect libraries send its scopes by default.
#[tokio::test]
async fn scopes_of_openid_connect_are_ignored_unless_the_client_is_registered_for_them() {
    let jeton = Jeton::start().await;
    jeton
        .add_client("oidc", None, |row| {
            "read openid".clone_into(&mut row.scope);
        })
        .await;
    let sign_in = async |client, scope| {
        let more = [("client_id", client), ("scope", scope)];
        let parameters = [&credentials(ALICE.0, ALICE.1)[..], &more].concat();
        jeton.token(&parameters).await
    };
    for (client, scope, granted) in [
        ("first-party", "openid profile read email", "read"),
        ("first-party", "read offline_access write", "read write"),
        ("oidc", "openid profile", "openid"),
    ] {
        let tokens = sign_in(client, scope).await.tokens();
        assert_eq!(tokens.scope, granted);
        assert_eq!(claims(&tokens.access_token)["scope"], granted);
        let refreshed = jeton.refresh_at(client, &tokens).await.tokens();
        assert_eq!(refreshed.scope, granted);
    }
    // The default scope would be more than was asked for. Other scopes are not ignored.
    for scope in [
        "openid",
        "openid profile email offline_access",
        "read openid admin",
        "read address",
    ] {
        let answer = sign_in("first-party", scope).await;
        answer.assert_error(400, "invalid_scope");
    }
}

/// row 18: the Unicode form, width and case of a username do not matter.
#[tokio::test]
async fn a_username_matches_in_every_unicode_form_width_and_case() {
    let jeton = Jeton::start().await;
    jeton.add_user("éloïse", "x").await;
    jeton.add_user("ガ日本", "x").await;
    for typed in [
        "éloïse",
        "e\u{301}loi\u{308}se",
        "ÉLOÏSE",
        "E\u{301}LOI\u{308}SE",
        "éｌｏïｓｅ",
        "ｶﾞ日本",
    ] {
        assert_eq!(jeton.sign_in_as(typed, "x").await.status, 200, "{typed:?}");
    }
    // Letters that only look similar do not match.
    for typed in ["eloise", "éloіse", "él oïse"] {
        let answer = jeton.sign_in_as(typed, "x").await;
        answer.assert_error(400, "invalid_grant");
    }
}

/// row 18: only the Unicode form of a password is changed.
#[tokio::test]
async fn a_password_is_normalized_to_nfc_and_not_changed_otherwise() {
    let jeton = Jeton::start().await;
    for (username, password, others) in [
        (
            "composed",
            "pässwörd Å 한",
            ["passwörd Å 한", "PÄSSWÖRD Å 한", "pässwörd Å 하"],
        ),
        (
            "spaces",
            " two  words ",
            ["two  words", " two words ", " two  words"],
        ),
        (
            "emoji",
            "🦀👩‍👩‍👧\u{1f44d}\u{1f3fd}",
            ["🦀👩‍👩‍👧👍", "🦀👩👩👧\u{1f44d}\u{1f3fd}", "🦀"],
        ),
        (
            "signs",
            "a+b&c=d%20\"\\",
            ["a b&c=d%20\"\\", "a+b&c=d \"\\", "a+b"],
        ),
        ("full", "ｆｕｌｌ", ["full", "FULL", "ＦＵＬＬ"]),
    ] {
        jeton.add_user(username, password).await;
        assert_eq!(
            jeton.sign_in_as(username, password).await.status,
            200,
            "{password:?}"
        );
        for other in others {
            let answer = jeton.sign_in_as(username, other).await;
            assert_eq!(answer.status, 400, "{other:?} for {password:?}");
        }
    }
    let decomposed = "pa\u{308}sswo\u{308}rd A\u{30a} \u{1112}\u{1161}\u{11ab}";
    assert_eq!(jeton.sign_in_as("composed", decomposed).await.status, 200);
    let angstrom = "pässwörd \u{212b} 한";
    assert_eq!(jeton.sign_in_as("composed", angstrom).await.status, 200);
    let body = "grant_type=password&username=spaces&password=+two++words+";
    assert_eq!(jeton.post_raw(body).await.status, 200);
}

/// row 18: keyboards and the clipboard add spaces. Spaces inside a name stay an error, and those of a password count.
#[tokio::test]
async fn spaces_around_a_username_are_ignored() {
    let jeton = Jeton::start().await;
    for username in [" alice", "alice ", "\talice\r\n", "\u{a0}Alice\u{3000}"] {
        let answer = jeton.sign_in_as(username, ALICE.1).await;
        assert_eq!(answer.status, 200, "{username:?}: {}", answer.body);
    }
    for (username, password) in [
        ("al ice", ALICE.1.to_owned()),
        (" ", ALICE.1.to_owned()),
        ("alice", format!(" {}", ALICE.1)),
        ("alice", format!("{} ", ALICE.1)),
    ] {
        let answer = jeton.sign_in_as(username, &password).await;
        answer.assert_error(400, "invalid_grant");
    }
}

/// row 19: "`invalid_grant`: The provided authorization grant (e.g., [...] resource owner
/// credentials) [...] is invalid", RFC 6749 §5.2. The response does not say which part.
#[tokio::test]
async fn a_wrong_password_an_unknown_user_and_a_disabled_user_get_the_same_response() {
    let jeton = Jeton::start().await;
    let bob = jeton.add_user("bob", "bob's").await;
    user::change(&jeton.server.store, bob, Change::DISABLE, &jeton.cause())
        .await
        .unwrap();
    let wrong = jeton.sign_in_as(ALICE.0, "wrong").await;
    wrong.assert_error(400, "invalid_grant");
    insta::assert_json_snapshot!(wrong.json(), @r#"
    {
      "error": "invalid_grant",
      "error_description": "The username or password is wrong, or the code or the refresh token is invalid, expired, used or revoked, or was issued to another client, redirect_uri or code_verifier."
    }
    "#);
    let long = "x".repeat(5_000);
    for (username, password) in [
        ("mallory", ALICE.1),
        ("bob", "bob's"),
        ("bob", "wrong"),
        ("🦀", ALICE.1),
        ("two words", ALICE.1),
        ("a\nb", ALICE.1),
        ("\u{202e}ecila", ALICE.1),
        (&long, ALICE.1),
        (ALICE.0, &long),
    ] {
        let answer = jeton.sign_in_as(username, password).await;
        assert_eq!(answer.body, wrong.body, "{username:?}");
        assert_eq!(answer.status, wrong.status, "{username:?}");
        assert_eq!(
            headers_without_request_id(&answer),
            headers_without_request_id(&wrong),
            "{username:?}"
        );
    }
}

/// The sorted headers without `X-Request-Id`.
fn headers_without_request_id(answer: &Answer) -> Vec<(String, String)> {
    let headers = answer.headers.iter();
    let mut headers: Vec<_> = headers
        .filter(|(name, _)| *name != "x-request-id")
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    headers.sort();
    headers
}

/// row 19: a sign-in of an unknown user uses the hasher too. While its queue is full, the sign-in is refused.
/// A test of the hasher shows that the decoy hash costs the same work.
#[tokio::test]
async fn a_sign_in_of_an_unknown_user_uses_the_hasher() {
    let jeton = Jeton::with(|settings| settings.password.queue = 1).await;
    for username in [ALICE.0, "mallory", "\u{202e}ecila"] {
        let sign_in = || jeton.sign_in_as(username, "wrong");
        let answer = jeton.with_hasher_full(sign_in()).await;
        answer.assert_error(503, "temporarily_unavailable");
        sign_in().await.assert_error(400, "invalid_grant");
    }
}

/// row 21: "`unauthorized_client`: The authenticated client is not authorized to use this
/// authorization grant type.", RFC 6749 §5.2.
#[tokio::test]
async fn a_client_that_is_not_registered_for_the_grant_is_refused() {
    let jeton = Jeton::start().await;
    jeton
        .add_client("refresher", None, |row| {
            row.grant_types = "refresh_token".to_owned();
        })
        .await;
    jeton
        .add_client("signer", None, |row| {
            row.grant_types = "password".to_owned();
        })
        .await;
    let tokens = jeton.sign_in_at("signer").await;
    let refused = [
        ("refresher", credentials(ALICE.0, ALICE.1).to_vec()),
        // Also with a wrong password: the client is refused before the password is verified.
        ("refresher", credentials(ALICE.0, "wrong").to_vec()),
        (
            "signer",
            vec![
                ("grant_type", "refresh_token"),
                ("refresh_token", &tokens.refresh_token),
            ],
        ),
    ];
    for (client, mut parameters) in refused {
        parameters.push(("client_id", client));
        let answer = jeton.token(&parameters).await;
        answer.assert_error(400, "unauthorized_client");
    }
}

/// row 22: "The resource owner password credentials grant [...] MUST NOT be used", RFC 9700 §2.4.
/// A client has it only if an operator adds it.
#[tokio::test]
async fn a_new_client_has_no_password_grant_unless_an_operator_adds_it() {
    let data = DataDir::new();
    let jeton = Jeton::on(data.open().await, Clock::system(), ROOT_SECRET, |_| {}).await;
    jeton.add_user(ALICE.0, ALICE.1).await;
    data.jeton_ok(&["client", "add", "plain"]).await;
    data.jeton_ok(&[
        "client",
        "add",
        "trusted",
        "--first-party",
        "--grant",
        "password",
    ])
    .await;
    let sign_in = async |client| {
        let client = [("client_id", client)];
        let parameters = [&credentials(ALICE.0, ALICE.1)[..], &client].concat();
        jeton.token(&parameters).await
    };
    sign_in("plain")
        .await
        .assert_error(400, "unauthorized_client");
    let tokens = sign_in("trusted").await.tokens();
    assert_eq!(jeton.refresh_at("trusted", &tokens).await.status, 200);
}

/// row 18, and the comment in the settings: "Other hashes are renewed at the next sign-in."
#[tokio::test]
async fn a_sign_in_renews_a_hash_of_another_cost_and_ends_no_session() {
    let jeton = Jeton::start().await;
    let before = jeton.password_hash_of(ALICE.0).await;
    let tokens = jeton.sign_in().await;
    assert_eq!(
        jeton.password_hash_of(ALICE.0).await,
        before,
        "a hash of the current cost was renewed"
    );
    let costlier = Jeton::on(
        jeton.server.store.clone(),
        jeton.server.clock.clone(),
        ROOT_SECRET,
        |settings| settings.password.iterations = 2,
    )
    .await;
    let wrong = costlier.sign_in_as(ALICE.0, "wrong");
    costlier.refused_after_a_while(wrong).await;
    assert_eq!(
        jeton.password_hash_of(ALICE.0).await,
        before,
        "a wrong password renewed the hash"
    );
    costlier.sign_in().await;
    let after = jeton.password_hash_of(ALICE.0).await;
    assert!(after.starts_with("$argon2id$v=19$m=64,t=2,p=1$"), "{after}");
    costlier.sign_in().await;
    assert_eq!(
        jeton.password_hash_of(ALICE.0).await,
        after,
        "the hash was renewed twice"
    );
    jeton.refresh(&tokens.refresh_token).await.tokens();
}

/// Imported users sign in with their old password, and the hash is renewed. The hashes are by libxcrypt,
/// OpenSSL and argon2-cffi.
#[tokio::test]
async fn an_imported_user_signs_in_and_is_rehashed() {
    let jeton = Jeton::start().await;
    for (username, hash) in [
        (
            "bcrypt",
            "$2y$04$abcdefghijklmnopqrstuuUmjNXq1XyawyZ/BlKYVX3Rw7vQMuTEm",
        ),
        (
            "scrypt",
            "$scrypt$ln=4,r=8,p=2$AAECAwQFBgcICQoLDA0ODw$wV/OGOy2LlY/rHTwCoYTqgp+jiSgNhveRfCzk9Ra72g",
        ),
        (
            "pbkdf2",
            "$pbkdf2-sha256$i=1000,l=32$AAECAwQFBgcICQoLDA0ODw$2+4p6vQ6S5gnf5AAMp168qdjeu/jv0c7acY05H+peNA",
        ),
        (
            "argon2i",
            "$argon2i$v=19$m=64,t=3,p=2$AAECAwQFBgcICQoLDA0ODw$tMFoUjXPdJPS6KimjMg2pRm3boaChJH9bWBvdA/Y0HU",
        ),
    ] {
        jeton.add_user_with_hash(username, hash).await;
        let wrong = jeton.sign_in_as(username, "correct horse battery staple");
        jeton.refused_after_a_while(wrong).await;
        assert_eq!(jeton.password_hash_of(username).await, hash);
        assert_eq!(
            jeton.sign_in_as(username, IMPORTED).await.status,
            200,
            "{username}"
        );
        let renewed = jeton.password_hash_of(username).await;
        assert!(
            renewed.starts_with("$argon2id$v=19$m=64,t=1,p=1$"),
            "{renewed}"
        );
        assert_eq!(
            jeton.sign_in_as(username, IMPORTED).await.status,
            200,
            "{username}"
        );
    }
}

/// A rehash does not overwrite a hash that changed since the sign-in read it. Otherwise the old password would be
/// valid again.
#[tokio::test]
async fn a_rehash_does_not_undo_a_new_password() {
    let jeton = Jeton::start().await;
    let store = &jeton.server.store;
    let read = user::find_by_username(store, ALICE.0)
        .await
        .unwrap()
        .unwrap();
    let new = jeton
        .server
        .hasher
        .hash(Password::new("new"))
        .await
        .unwrap();
    user::change(store, read.id, Change::password(new), &jeton.cause())
        .await
        .unwrap();
    let renewed = jeton
        .server
        .hasher
        .hash(Password::new(ALICE.1))
        .await
        .unwrap();
    user::rehash(store, &read, &renewed).await.unwrap();
    jeton
        .sign_in_as(ALICE.0, ALICE.1)
        .await
        .assert_error(400, "invalid_grant");
    assert_eq!(jeton.sign_in_as(ALICE.0, "new").await.status, 200);
}

/// Users recognize a session in a list by its user agent. The stored text is limited to the column's length.
#[tokio::test]
async fn a_session_stores_the_user_agent_truncated_to_255_characters() {
    let jeton = Jeton::start().await;
    let long = "Mozilla/5.0 ".repeat(40);
    for (given, kept) in [("curl/8.5.0", "curl/8.5.0"), (&long, &long[..255])] {
        let request = form("/token").header("user-agent", given);
        let body = encode(&credentials(ALICE.0, ALICE.1));
        let tokens = jeton.send(request.body(body)).await.tokens();
        assert_eq!(jeton.session(&tokens).await.user_agent, kept);
    }
}

/// The address is that of the connection's peer.
#[tokio::test]
async fn a_session_and_the_audit_log_record_the_address() {
    let audit = AuditLog::listen();
    let jeton = Jeton::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = Arc::clone(&jeton.server);
    let settings = server.settings.server.clone();
    let client = async {
        let body = encode(&credentials(ALICE.0, ALICE.1));
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = format!(
            "POST /token HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
             content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all((head + &body).as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        stop.send(()).unwrap();
    };
    let until_stopped = async {
        stopped.await.ok();
    };
    let serving = listener::serve(listener, app(server), &settings, until_stopped);
    let (outcome, ()) = tokio::join!(serving, client);
    outcome.unwrap();
    let sessions = session::list(&jeton.server.store, None, 9).await.unwrap();
    assert_eq!(sessions[0].address, "127.0.0.1");
    let entries = audit.entries("sign_in");
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0]["address"], "127.0.0.1");
    assert_eq!(entries[0]["session"], sessions[0].id.to_string());
    assert_eq!(entries[0]["user"], sessions[0].user_id.to_string());
    assert_eq!(entries[0]["client"], "first-party");
}
