//! The access token, RFC 9068: header, claims, audience.

use std::collections::BTreeSet;
use std::time::Duration;

use jeton::clock::Clock;
use jeton::password::Password;
use jeton::store::user;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::client::merge_patch;
use crate::support::file::DataDir;
use crate::support::{
    ALICE, Answer, ISSUER, Jeton, ROOT_SECRET, SECRET, SIGN_IN, START, Tokens, basic_raw, claims,
    part,
};

const MINUTE: Duration = Duration::from_mins(1);
const API: &str = "https://api.example.com";
const FILES: &str = "https://files.example.com/v1";

/// A server with the client `api` for one API and the client `both` for two.
async fn start_with_audiences() -> Jeton {
    let jeton = Jeton::start().await;
    jeton
        .add_client("api", None, |row| API.clone_into(&mut row.audience))
        .await;
    jeton
        .add_client("both", None, |row| row.audience = format!("{API} {FILES}"))
        .await;
    jeton
}

impl Jeton {
    /// Adds a user with the password `x`.
    async fn add_user_with_roles(&self, username: &str, roles: &str) {
        let hash = self.server.hasher.hash(Password::new("x")).await.unwrap();
        let user = user::Model {
            roles: roles.to_owned(),
            ..user::Model::new(username, hash, self.now())
        };
        let added = user::insert(&self.server.store, user, &self.cause()).await;
        added.unwrap();
    }

    /// Adds the user `carol` with a fixed id, two roles and the password `x`.
    async fn add_carol(&self) {
        let hash = self.server.hasher.hash(Password::new("x")).await.unwrap();
        let carol = user::Model {
            id: Uuid::from_u128(7),
            roles: "auditor admin".to_owned(),
            ..user::Model::new("carol", hash, self.now())
        };
        user::insert(&self.server.store, carol, &self.cause())
            .await
            .unwrap();
    }

    async fn sign_in_for_resources(&self, client_id: &str, resources: &[&str]) -> Answer {
        let mut parameters = vec![
            ("grant_type", "password"),
            ("username", ALICE.0),
            ("password", ALICE.1),
            ("client_id", client_id),
        ];
        parameters.extend(resources.iter().map(|resource| ("resource", *resource)));
        self.token(&parameters).await
    }
}

fn audience_of(answer: &Answer) -> Value {
    claims(&answer.tokens().access_token)["aud"].clone()
}

/// row 40: "The "typ" value used SHOULD be "at+jwt"", RFC 9068 §2.1.
#[tokio::test]
async fn the_header_contains_only_typ_alg_and_kid() {
    let jeton = Jeton::start().await;
    let first = jeton.sign_in().await;
    let second = jeton.refresh(&first.refresh_token).await.tokens();
    let mut header = part(&first.access_token, 0);
    assert_eq!(header, part(&second.access_token, 0));
    let signing = jeton.get("/.well-known/jwks.json").await.json()["keys"][0]["kid"].clone();
    assert_eq!(header["kid"], signing);
    header["kid"] = "[kid]".into();
    insta::assert_json_snapshot!(header, @r#"
    {
      "typ": "at+jwt",
      "alg": "RS256",
      "kid": "[kid]"
    }
    "#);
}

/// row 40: some APIs do not accept `at+jwt`. Tokens for other audiences keep it.
#[tokio::test]
async fn the_typ_is_jwt_for_the_configured_audiences_only() {
    let jeton = Jeton::with(|settings| {
        settings.access_token.jwt_typ_audiences = format!("https://else.example {FILES}");
    })
    .await;
    jeton
        .add_client("both", None, |row| row.audience = format!("{API} {FILES}"))
        .await;
    for (client, resources, typ) in [
        ("first-party", &[][..], "at+jwt"),
        ("both", &[API], "at+jwt"),
        ("both", &[FILES], "JWT"),
        ("both", &[], "JWT"),
    ] {
        let tokens = jeton
            .sign_in_for_resources(client, resources)
            .await
            .tokens();
        assert_eq!(
            part(&tokens.access_token, 0)["typ"],
            typ,
            "{client} {resources:?}"
        );
    }
}

/// row 40: the client's setting applies from the next token on. This server's API accepts both types, also in tokens
/// from before the change.
#[tokio::test]
async fn the_clients_access_token_type_overrides_the_one_of_the_audience() {
    let jeton = Jeton::with(|settings| {
        settings.access_token.jwt_typ_audiences = ISSUER.to_owned();
    })
    .await;
    jeton.add_client("app", None, |_| {}).await;
    jeton
        .add_client("api", Some(SECRET), |row| {
            ISSUER.clone_into(&mut row.audience);
        })
        .await;
    let mut tokens = jeton.sign_in_at("app").await;
    let mut seen = vec![(tokens.access_token.clone(), "JWT")];
    for (typ, expected) in [
        (json!("at+jwt"), "at+jwt"),
        (json!("JWT"), "JWT"),
        (json!(null), "JWT"),
    ] {
        let change = json!({ "access_token_type": typ });
        jeton.change_client("app", change).await;
        jeton.advance(MINUTE);
        tokens = jeton.refresh_at("app", &tokens).await.tokens();
        seen.push((tokens.access_token.clone(), expected));
    }
    for (token, expected) in seen {
        assert_eq!(part(&token, 0)["typ"], expected);
        let mine = jeton.get_with("/account", &token).await;
        assert_eq!(mine.status, 200, "{}", mine.body);
        let basic = basic_raw("api", SECRET);
        let introspection = jeton
            .post("/introspect", &basic, &[("token", &token)])
            .await;
        assert_eq!(introspection.json()["active"], true);
    }
}

/// row 41: "iss REQUIRED [...] exp REQUIRED [...] aud REQUIRED [...] sub REQUIRED [...] `client_id`
/// REQUIRED [...] iat REQUIRED [...] jti REQUIRED", RFC 9068 §2.2. The others are as granted.
#[tokio::test]
async fn an_access_token_contains_these_claims_and_no_others() {
    let jeton = Jeton::start().await;
    jeton.add_carol().await;
    let carol = [
        ("grant_type", "password"),
        ("username", "carol"),
        ("password", "x"),
        ("scope", "read write"),
    ];
    let tokens = jeton.token(&carol).await.tokens();
    jeton.advance(MINUTE);
    let refreshed = jeton.refresh_with(&tokens.refresh_token, &[("scope", "write")]);
    let refreshed = refreshed.await.tokens();
    let mut both = [tokens, refreshed].map(|tokens| claims(&tokens.access_token));
    assert_eq!(both[0]["sid"], both[1]["sid"]);
    assert_ne!(both[0]["jti"], both[1]["jti"]);
    for claims in &mut both {
        assert_eq!(claims["sid"].as_str().unwrap().len(), 36);
        assert_eq!(claims["jti"].as_str().unwrap().len(), 22);
        claims["sid"] = "[sid]".into();
        claims["jti"] = "[jti]".into();
    }
    insta::assert_json_snapshot!(both, @r#"
    [
      {
        "iss": "https://jeton.test",
        "sub": "00000000-0000-0000-0000-000000000007",
        "aud": "https://jeton.test",
        "client_id": "first-party",
        "scope": "read write",
        "iat": 1767225600,
        "exp": 1767226500,
        "auth_time": 1767225600,
        "acr": "pwd",
        "jti": "[jti]",
        "sid": "[sid]",
        "roles": [
          "auditor",
          "admin"
        ]
      },
      {
        "iss": "https://jeton.test",
        "sub": "00000000-0000-0000-0000-000000000007",
        "aud": "https://jeton.test",
        "client_id": "first-party",
        "scope": "write",
        "iat": 1767225660,
        "exp": 1767226560,
        "auth_time": 1767225600,
        "acr": "pwd",
        "jti": "[jti]",
        "sid": "[sid]",
        "roles": [
          "auditor",
          "admin"
        ]
      }
    ]
    "#);
}

/// row 41: a claim without a value is absent, not empty.
#[tokio::test]
async fn scope_and_roles_are_absent_if_empty() {
    let jeton = Jeton::start().await;
    jeton
        .add_client("scopeless", None, |row| row.scope = String::new())
        .await;
    let tokens = jeton.sign_in_at("scopeless").await;
    let claims = claims(&tokens.access_token);
    for name in ["scope", "roles"] {
        assert_eq!(claims.get(name), None);
    }
}

/// row 41: each refresh reads the roles of the user.
#[tokio::test]
async fn a_refreshed_access_token_has_the_current_roles() {
    let data = DataDir::new();
    let jeton = Jeton::on(
        data.open().await,
        Clock::standing_at(START),
        ROOT_SECRET,
        |_| {},
    )
    .await;
    jeton.add_client("first-party", None, |_| {}).await;
    jeton.add_user(ALICE.0, ALICE.1).await;
    let first = jeton.sign_in().await;
    assert_eq!(data.execute("UPDATE users SET roles = 'admin'").await, 1);
    let second = jeton.refresh(&first.refresh_token).await.tokens();
    assert_eq!(claims(&second.access_token)["roles"], json!(["admin"]));
}

/// row 41: "`auth_time` [...] jti": all tokens of a session have the `auth_time` and `acr` of the sign-in, RFC
/// 9068 §2.2.1. No two access tokens share a `jti`.
#[tokio::test]
async fn auth_time_and_acr_do_not_change_and_every_access_token_has_its_own_jti() {
    let jeton = Jeton::start().await;
    let mut tokens = jeton.sign_in().await;
    let first = claims(&tokens.access_token);
    assert_eq!(first["auth_time"], jeton.now().as_seconds());
    assert_eq!(first["acr"], "pwd");
    let mut ids = BTreeSet::from([first["jti"].to_string()]);
    for round in 1..=1000_i64 {
        let next = jeton.refresh_after(&tokens, MINUTE).await;
        let now = claims(&next.access_token);
        assert_eq!(now["auth_time"], first["auth_time"]);
        assert_eq!(now["acr"], first["acr"]);
        assert_eq!(now["sid"], first["sid"]);
        assert_eq!(now["iat"], jeton.now().as_seconds());
        assert_eq!(now["exp"], jeton.now().as_seconds() + 900);
        assert!(ids.insert(now["jti"].to_string()), "round {round}");
        let again = jeton.refresh(&tokens.refresh_token).await.tokens();
        assert_eq!(again.access_token, next.access_token);
        tokens = next;
    }
    // Access tokens of sessions that begin in the same microsecond have different `jti`s too.
    for _ in 0..50 {
        let other = jeton.sign_in().await;
        assert!(ids.insert(claims(&other.access_token)["jti"].to_string()));
    }
}

/// row 42: "If the request does not include a "resource" parameter, the authorization server MUST
/// use a default resource indicator in the "aud" claim", RFC 9068 §3.
#[tokio::test]
async fn the_default_audience_is_the_clients_or_else_the_issuer() {
    let jeton = start_with_audiences().await;
    for (client, expected) in [
        ("first-party", json!(ISSUER)),
        ("api", json!(API)),
        ("both", json!([API, FILES])),
    ] {
        let first = jeton.sign_in_at(client).await;
        assert_eq!(claims(&first.access_token)["aud"], expected);
        let second = jeton.refresh_at(client, &first).await;
        assert_eq!(audience_of(&second), expected);
    }
}

/// row 42: "it SHOULD audience-restrict issued access tokens to the resource(s) indicated by the
/// "resource" parameter", RFC 8707 §2.
#[tokio::test]
async fn a_resource_narrows_the_audience_of_one_access_token() {
    let jeton = start_with_audiences().await;
    let whole = jeton.sign_in_at("both").await;
    for resource in [API, FILES] {
        let refreshed = jeton.refresh_for_resource("both", &whole, resource).await;
        assert_eq!(audience_of(&refreshed), json!(resource));
    }
    assert_eq!(
        audience_of(&jeton.refresh_at("both", &whole).await),
        json!([API, FILES])
    );
    assert_eq!(
        audience_of(&jeton.sign_in_for_resources("both", &[FILES]).await),
        json!(FILES)
    );
    assert_eq!(
        audience_of(&jeton.sign_in_for_resources("first-party", &[ISSUER]).await),
        json!(ISSUER)
    );
}

impl Jeton {
    async fn refresh_for_resource(
        &self,
        client_id: &str,
        tokens: &Tokens,
        resource: &str,
    ) -> Answer {
        let more = [("client_id", client_id), ("resource", resource)];
        self.refresh_with(&tokens.refresh_token, &more).await
    }
}

/// row 95: the issuer is a resource for every client with a scope that is of use there. Without `openid`, only a request
/// that names it gets a token for it.
#[tokio::test]
async fn a_client_with_a_scope_of_this_server_may_request_a_token_for_it() {
    let jeton = start_with_audiences().await;
    let mut tokens = jeton.sign_in_at("both").await;
    assert_eq!(claims(&tokens.access_token)["aud"], json!([API, FILES]));
    for (resource, expected) in [
        (Some(ISSUER), json!(ISSUER)),
        (None, json!([API, FILES])),
        (Some(API), json!(API)),
    ] {
        let more = resource.map(|resource| ("resource", resource));
        let more: Vec<_> = more.into_iter().chain([("client_id", "both")]).collect();
        jeton.advance(MINUTE);
        let answer = jeton.refresh_with(&tokens.refresh_token, &more).await;
        tokens = answer.tokens();
        assert_eq!(audience_of(&answer), expected);
        let status = if resource == Some(ISSUER) { 200 } else { 401 };
        let mine = jeton.get_with("/account", &tokens.access_token).await;
        assert_eq!(mine.status, status, "{}", mine.body);
    }
    let alone = jeton.sign_in_for_resources("both", &[ISSUER]).await;
    assert_eq!(audience_of(&alone), json!(ISSUER));
    let refreshed = jeton.refresh_at("both", &alone.tokens()).await;
    assert_eq!(audience_of(&refreshed), json!(ISSUER));
    let answer = jeton
        .refresh_for_resource("both", &alone.tokens(), API)
        .await;
    answer.assert_error(400, "invalid_target");
}

/// row 95: "A token that names no `resource` has the issuer in its `aud` when `openid` is granted", and one for a
/// resource has that alone. JWTs and opaque tokens.
#[tokio::test]
async fn a_token_with_openid_is_for_the_issuer_beside_the_registered_audiences() {
    let jeton = Jeton::start().await;
    for format in [None, Some("opaque")] {
        let id = format.unwrap_or("jwt");
        let change = |row: &mut jeton::store::client::Model| {
            "openid read account".clone_into(&mut row.scope);
            row.audience = format!("{API} {FILES}");
            row.access_token_format = format.map(str::to_owned);
        };
        jeton.add_client(id, None, change).await;
    }
    jeton
        .add_client("reader", Some(SECRET), |row| {
            row.audience = format!("{API} {ISSUER}");
        })
        .await;
    let reader = basic_raw("reader", SECRET);
    let audience = async |answer: &Answer| {
        let token = answer.tokens().access_token;
        let parameters = [("token", token.as_str())];
        let shown = jeton.post("/introspect", &reader, &parameters).await;
        shown.json()["aud"].clone()
    };
    for client in ["jwt", "opaque"] {
        let sign_in = async |scope, resource| {
            let more = [
                ("client_id", client),
                ("scope", scope),
                ("resource", resource),
            ];
            jeton.token(&[&SIGN_IN[..], &more].concat()).await
        };
        let all = sign_in("openid read", "").await;
        assert_eq!(audience(&all).await, json!([API, FILES, ISSUER]));
        assert_eq!(audience(&sign_in("openid", API).await).await, API);
        assert_eq!(audience(&sign_in("openid", ISSUER).await).await, ISSUER);
        let without = sign_in("read account", "").await;
        assert_eq!(audience(&without).await, json!([API, FILES]));
        // The same holds for a refresh of the session with openid.
        let refresh = async |more: &[(&str, &str)]| {
            let more = [more, &[("client_id", client)]].concat();
            let token = all.tokens().refresh_token;
            audience(&jeton.refresh_with(&token, &more).await).await
        };
        assert_eq!(refresh(&[]).await, json!([API, FILES, ISSUER]));
        assert_eq!(refresh(&[("scope", "read")]).await, json!([API, FILES]));
        assert_eq!(refresh(&[("resource", API)]).await, API);
        assert_eq!(refresh(&[("resource", ISSUER)]).await, ISSUER);
    }
}

/// row 95: a session that began before keeps its audience. So does one whose client has lost the others: the tokens for
/// the issuer alone were not requested.
#[tokio::test]
async fn a_session_does_not_get_the_issuer_as_its_only_audience_by_a_change_of_the_client() {
    let jeton = start_with_audiences().await;
    let tokens = jeton.sign_in_for_resources("both", &[API]).await.tokens();
    let all = json!({ "scope": "openid account read write" });
    jeton.change_client("both", all).await;
    let answer = jeton.refresh_for_resource("both", &tokens, ISSUER).await;
    answer.assert_error(400, "invalid_target");
    let with_openid = [
        &SIGN_IN[..],
        &[("client_id", "both"), ("scope", "openid read")],
    ]
    .concat();
    let tokens = jeton.token(&with_openid).await.tokens();
    let other = json!({ "audience": ["https://else.example"] });
    jeton.change_client("both", other).await;
    let answer = jeton.refresh_at("both", &tokens).await;
    answer.assert_error(400, "invalid_grant");
    jeton
        .change_client("both", json!({ "audience": [FILES] }))
        .await;
    let answer = jeton.refresh_at("both", &tokens).await;
    assert_eq!(audience_of(&answer), json!([FILES, ISSUER]));
}

/// row 95, with the one bit that an opaque token has for each audience.
#[tokio::test]
async fn an_opaque_token_with_openid_has_room_for_the_issuer() {
    let jeton = Jeton::start().await;
    let audiences = |count| {
        let all = (0..count).map(|number| format!("https://api{number}.test"));
        all.collect::<Vec<_>>()
    };
    // As registered before there was openid.
    let change = |row: &mut jeton::store::client::Model| {
        row.audience = audiences(8).join(" ");
        row.access_token_format = Some("opaque".to_owned());
    };
    jeton.add_client("app", None, change).await;
    let tokens = jeton.sign_in_at("app").await;
    assert!(tokens.access_token.starts_with("jat_"));
    jeton.refresh_at("app", &tokens).await.tokens();
    let patch = json!({ "scope": "openid", "audience": audiences(8) });
    let refused = jeton::client::ClientSettings::new("app")
        .patched(&merge_patch(patch), "app")
        .map(|settings| jeton::client::ClientSettings {
            access_token_format: Some(jeton::client::AccessTokenFormat::Opaque),
            ..settings
        });
    let fields = jeton::client::check(&refused.unwrap(), false);
    assert!(
        fields.iter().any(|one| one.field == "audience"),
        "{fields:?}"
    );
    let fits = json!({ "scope": "openid", "audience": audiences(7) });
    jeton.change_client("app", fits).await;
    let more = [("client_id", "app"), ("scope", "openid")];
    let tokens = jeton.token(&[&SIGN_IN[..], &more].concat()).await.tokens();
    assert!(tokens.access_token.starts_with("jat_"));
}

/// row 42: "`invalid_target`: The requested resource is invalid, missing, unknown, or malformed", RFC
/// 8707 §2. This holds at sign-in and on refresh, and the refused refresh does not rotate.
#[tokio::test]
async fn an_unknown_or_a_second_resource_is_an_invalid_target() {
    let jeton = start_with_audiences().await;
    jeton
        .change_client("both", json!({ "scope": "read write" }))
        .await;
    for resources in [
        &["https://evil.example"][..],
        &[API, FILES],
        &[API, API],
        &["https://api.example.com/"],
        &["HTTPS://API.EXAMPLE.COM"],
        &[ISSUER],
    ] {
        let answer = jeton.sign_in_for_resources("both", resources).await;
        answer.assert_error(400, "invalid_target");
        let tokens = jeton.sign_in_at("both").await;
        let row = jeton.session(&tokens).await;
        let mut more = vec![("client_id", "both")];
        more.extend(resources.iter().map(|resource| ("resource", *resource)));
        let answer = jeton.refresh_with(&tokens.refresh_token, &more).await;
        answer.assert_error(400, "invalid_target");
        assert_eq!(jeton.session(&tokens).await, row);
    }
}

/// row 42: `resource` at sign-in limits the whole session.
#[tokio::test]
async fn a_session_for_one_resource_gets_no_access_token_for_another() {
    let jeton = start_with_audiences().await;
    let tokens = jeton.sign_in_for_resources("both", &[API]).await.tokens();
    let answer = jeton.refresh_for_resource("both", &tokens, FILES).await;
    answer.assert_error(400, "invalid_target");
    assert_eq!(
        audience_of(&jeton.refresh_at("both", &tokens).await),
        json!(API)
    );
}

/// row 41: `acr` comes from the session, for sign-in methods other than the password.
#[tokio::test]
async fn the_acr_of_the_session_is_in_tokens_and_introspection() {
    let data = DataDir::new();
    let clock = Clock::standing_at(START);
    let jeton = Jeton::on(data.open().await, clock, ROOT_SECRET, |_| {}).await;
    jeton.add_client("first-party", Some(SECRET), |_| {}).await;
    jeton.add_user(ALICE.0, ALICE.1).await;
    let basic = basic_raw("first-party", SECRET);
    let first = jeton.token_as(&basic, &SIGN_IN).await.tokens();
    data.execute("UPDATE sessions SET acr = 'urn:example:other'")
        .await;
    let refresh = [
        ("grant_type", "refresh_token"),
        ("refresh_token", &*first.refresh_token),
    ];
    let second = jeton.token_as(&basic, &refresh).await.tokens();
    assert_eq!(claims(&second.access_token)["acr"], "urn:example:other");
    for token in [&second.access_token, &second.refresh_token] {
        let answer = jeton.post("/introspect", &basic, &[("token", token)]).await;
        assert_eq!(answer.json()["acr"], "urn:example:other");
    }
}

/// row 95: the role of administrators is in no token that another API receives, also beside this server.
#[tokio::test]
async fn a_token_for_another_audience_does_not_have_the_role_of_administrators() {
    let jeton = start_with_audiences().await;
    let both = format!("{ISSUER} {API}");
    for format in [None, Some("opaque")] {
        let id = format.unwrap_or("jwt");
        jeton
            .add_client(id, None, |row| {
                row.audience.clone_from(&both);
                row.access_token_format = format.map(str::to_owned);
            })
            .await;
    }
    let for_both = |row: &mut jeton::store::client::Model| row.audience.clone_from(&both);
    jeton.add_client("reader", Some(SECRET), for_both).await;
    jeton
        .add_user_with_roles("dora", "auditor jeton:admin")
        .await;
    let reader = basic_raw("reader", SECRET);
    let (every, others) = (json!(["auditor", "jeton:admin"]), json!(["auditor"]));
    for (resource, expected) in [
        (None, &others),
        (Some(API), &others),
        (Some(ISSUER), &every),
    ] {
        for client in ["jwt", "opaque"] {
            let mut parameters = vec![
                ("grant_type", "password"),
                ("username", "dora"),
                ("password", "x"),
                ("client_id", client),
            ];
            parameters.extend(resource.map(|resource| ("resource", resource)));
            let token = jeton.token(&parameters).await.tokens().access_token;
            let parameters = [("token", token.as_str())];
            let shown = jeton.post("/introspect", &reader, &parameters).await.json();
            assert_eq!(&shown["roles"], expected, "{client} {resource:?}");
            if client == "jwt" {
                assert_eq!(&claims(&token)["roles"], expected, "{resource:?}");
            }
        }
    }
}
