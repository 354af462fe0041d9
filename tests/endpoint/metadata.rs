use serde_json::Value;

use crate::support::{Jeton, SIGN_IN, claims, encode, form};

const OAUTH: &str = "/.well-known/oauth-authorization-server";
const OPENID: &str = "/.well-known/openid-configuration";

/// Members that OpenID Connect clients read.
const OPENID_MEMBERS: [&str; 8] = [
    "userinfo_endpoint",
    "scopes_supported",
    "subject_types_supported",
    "id_token_signing_alg_values_supported",
    "claims_supported",
    "claims_parameter_supported",
    "request_parameter_supported",
    "request_uri_parameter_supported",
];

async fn metadata(jeton: &Jeton, path: &str) -> Value {
    let answer = jeton.get(path).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    answer.json()
}

/// row 46: RFC 8414 §2. Grant types and authentication methods are listed, because the defaults differ.
/// row 73: `code_challenge_methods_supported` is `S256` alone, in both documents.
#[tokio::test]
async fn the_metadata_lists_endpoints_grants_and_methods() {
    let jeton = Jeton::start().await;
    let mut oauth = metadata(&jeton, OAUTH).await;
    assert_eq!(metadata(&jeton, OPENID).await, oauth);
    let members = oauth.as_object_mut().unwrap();
    members.retain(|name, _| !OPENID_MEMBERS.contains(&name.as_str()));
    insta::assert_json_snapshot!(oauth, @r#"
    {
      "issuer": "https://jeton.test",
      "authorization_endpoint": "https://jeton.test/authorize",
      "end_session_endpoint": "https://jeton.test/end-session",
      "token_endpoint": "https://jeton.test/token",
      "revocation_endpoint": "https://jeton.test/revoke",
      "introspection_endpoint": "https://jeton.test/introspect",
      "revoked_sessions_endpoint": "https://jeton.test/revoked-sessions",
      "jwks_uri": "https://jeton.test/.well-known/jwks.json",
      "response_types_supported": [
        "code"
      ],
      "response_modes_supported": [
        "query"
      ],
      "prompt_values_supported": [
        "none",
        "login",
        "consent",
        "select_account"
      ],
      "code_challenge_methods_supported": [
        "S256"
      ],
      "authorization_response_iss_parameter_supported": true,
      "grant_types_supported": [
        "password",
        "refresh_token",
        "client_credentials",
        "authorization_code"
      ],
      "token_endpoint_auth_methods_supported": [
        "client_secret_basic",
        "client_secret_post",
        "none"
      ],
      "revocation_endpoint_auth_methods_supported": [
        "client_secret_basic",
        "client_secret_post",
        "none"
      ],
      "introspection_endpoint_auth_methods_supported": [
        "client_secret_basic",
        "client_secret_post"
      ],
      "service_documentation": "https://jeton.test/docs",
      "acr_values_supported": [
        "pwd"
      ]
    }
    "#);
}

/// row 96, row 67: OpenID Connect Discovery §3: "`subject_types_supported` REQUIRED [...]
/// `id_token_signing_alg_values_supported` REQUIRED"; "`request_uri_parameter_supported` [...] If omitted, the default
/// value is true".
#[tokio::test]
async fn the_metadata_says_what_openid_connect_clients_may_expect() {
    let jeton = Jeton::start().await;
    let openid = metadata(&jeton, OPENID).await;
    let members = OPENID_MEMBERS.map(|name| (name.to_owned(), openid[name].clone()));
    let members = Value::Object(members.into_iter().collect());
    insta::assert_json_snapshot!(members, @r#"
    {
      "userinfo_endpoint": "https://jeton.test/userinfo",
      "scopes_supported": [
        "openid",
        "profile",
        "email",
        "offline_access",
        "account",
        "admin",
        "introspect"
      ],
      "subject_types_supported": [
        "public"
      ],
      "id_token_signing_alg_values_supported": [
        "RS256"
      ],
      "claims_supported": [
        "iss",
        "sub",
        "aud",
        "exp",
        "iat",
        "auth_time",
        "acr",
        "sid",
        "at_hash",
        "nonce",
        "preferred_username",
        "name",
        "updated_at",
        "email",
        "email_verified"
      ],
      "claims_parameter_supported": false,
      "request_parameter_supported": false,
      "request_uri_parameter_supported": false
    }
    "#);
}

/// row 46: "The "issuer" value returned MUST be identical to the authorization server's issuer
/// identifier value", RFC 8414 §3.3, and to the `iss` of the tokens.
#[tokio::test]
async fn the_issuer_is_the_configured_string() {
    for issuer in [
        "https://jeton.test",
        "https://jeton.test:8443",
        "https://JETON.test/a/b",
        "http://127.0.0.1:8080/%61",
    ] {
        let jeton = Jeton::with(|settings| issuer.clone_into(&mut settings.issuer)).await;
        let path = &issuer[issuer.find("://").unwrap() + 3..];
        let path = path.find('/').map_or("", |at| &path[at..]);
        for place in [format!("{OAUTH}{path}"), format!("{path}{OPENID}")] {
            let metadata = metadata(&jeton, &place).await;
            assert_eq!(metadata["issuer"], issuer);
            assert_eq!(metadata["token_endpoint"], format!("{issuer}/token"));
            assert_eq!(
                metadata["jwks_uri"],
                format!("{issuer}/.well-known/jwks.json")
            );
        }
        assert_eq!(claims(&jeton.sign_in().await.access_token)["iss"], issuer);
    }
}

/// row 46, row 96: "the well-known URI string is inserted between the host component and the path
/// component", RFC 8414 §3.1; OpenID Connect Discovery §4.1 appends it. Both documents have both
/// forms, because clients confuse them.
#[tokio::test]
async fn both_documents_are_served_before_and_after_the_path_of_the_issuer() {
    let jeton =
        Jeton::with(|settings| "https://jeton.test/auth/eu".clone_into(&mut settings.issuer));
    let jeton = jeton.await;
    for place in [
        "/.well-known/oauth-authorization-server/auth/eu",
        "/auth/eu/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration/auth/eu",
        "/auth/eu/.well-known/openid-configuration",
    ] {
        let answer = jeton.get(place).await;
        assert_eq!(answer.status, 200, "{place}");
        assert_eq!(answer.json()["issuer"], "https://jeton.test/auth/eu");
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
        assert_eq!(answer.header("cache-control"), Some("public, max-age=300"));
        assert!(answer.header("etag").is_some());
    }
    for elsewhere in [
        "/.well-known/oauth-authorization-server/auth",
        "/.well-known/oauth-authorization-server/auth/eu/x",
    ] {
        jeton
            .get(elsewhere)
            .await
            .assert_error(404, "invalid_request");
    }
}

/// row 46: a proxy may or may not strip the issuer's path.
#[tokio::test]
async fn the_endpoints_are_served_below_the_path_of_the_issuer_and_at_the_root() {
    let jeton =
        Jeton::with(|settings| "https://jeton.test/auth/eu".clone_into(&mut settings.issuer));
    let jeton = jeton.await;
    for prefix in ["", "/auth/eu"] {
        let at = |path: &str| format!("{prefix}{path}");
        let answer = jeton.send(form(&at("/token")).body(encode(&SIGN_IN))).await;
        let tokens = answer.tokens();
        let account = jeton.get_with(&at("/account"), &tokens.access_token).await;
        assert_eq!(account.json()["username"], "alice");
        let keys = jeton.get(&at("/.well-known/jwks.json")).await;
        assert_eq!(keys.json()["keys"].as_array().unwrap().len(), 1);
        assert_eq!(keys.header("access-control-allow-origin"), Some("*"));
        // The second path.
        let same = jeton.get(&at("/jwks.json")).await;
        assert_eq!((same.status, same.body), (keys.status, keys.body));
        for page in ["/docs", "/openapi.json", "/healthz", "/readyz", "/"] {
            assert_eq!(jeton.get(&at(page)).await.status, 200, "{prefix}{page}");
        }
        let answer = jeton.get(&at("/token")).await;
        answer.assert_error(405, "invalid_request");
        assert_eq!(answer.header("allow"), Some("POST"));
        let answer = jeton.get(&at("/nothing")).await;
        answer.assert_error(404, "invalid_request");
    }
}
