//! The token endpoint: grant types, responses, overload, generated requests.

use futures_util::future::join_all;
use jeton::clock::Clock;
use poem::http::{HeaderValue, Method};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use sea_orm::{ConnectionTrait as _, DbBackend};

use crate::support::file::DataDir;
use crate::support::{ALICE, Jeton, ROOT_SECRET, SIGN_IN, START, and, basic_raw, encode, form};

/// row 7: without `grant_type` a request "is missing a required parameter", RFC 6749 §5.2.
#[tokio::test]
async fn a_request_without_grant_type_is_invalid() {
    let jeton = Jeton::start().await;
    let answer = jeton.token(&SIGN_IN[1..]).await;
    answer.assert_error(400, "invalid_request");
    jeton
        .post_raw("")
        .await
        .assert_error(400, "invalid_request");
}

/// row 7: "The authorization grant type is not supported by the authorization server", RFC 6749
/// §5.2; "all the protocol parameter names and values are case sensitive", §1.9.
#[tokio::test]
async fn an_unknown_grant_type_is_unsupported_and_grant_types_are_case_sensitive() {
    let jeton = Jeton::start().await;
    for grant_type in [
        "Password",
        "PASSWORD",
        "password ",
        "refresh-token",
        "Client_Credentials",
        "Authorization_Code",
        "urn:ietf:params:oauth:grant-type:jwt-bearer",
    ] {
        let parameters = and(&SIGN_IN[1..], &[("grant_type", grant_type)]);
        let answer = jeton.token(&parameters).await;
        answer.assert_error(400, "unsupported_grant_type");
    }
    let renamed = and(&SIGN_IN[1..], &[("Grant_Type", "password")]);
    jeton
        .token(&renamed)
        .await
        .assert_error(400, "invalid_request");
}

/// row 35: `token_type` is `Bearer`, `expires_in` is a number, nothing is null or unknown.
#[tokio::test]
async fn a_token_response_has_the_members_of_rfc_6749_and_no_others() {
    let jeton = Jeton::start().await;
    let signed_in = jeton.token(&SIGN_IN).await;
    let refreshed = jeton.refresh(&signed_in.tokens().refresh_token).await;
    insta::allow_duplicates! {
        for answer in [signed_in, refreshed] {
            let tokens = answer.tokens();
            assert_eq!(tokens.access_token.split('.').count(), 3);
            assert!(tokens.refresh_token.starts_with("jrt_"));
            let mut json = answer.json();
            json["access_token"] = "[a JWT]".into();
            json["refresh_token"] = "[opaque]".into();
            insta::assert_json_snapshot!(json, @r#"
            {
              "access_token": "[a JWT]",
              "token_type": "Bearer",
              "expires_in": 900,
              "refresh_token": "[opaque]",
              "scope": "account read write"
            }
            "#);
            insta::assert_debug_snapshot!(answer.steady_headers(), @r#"
            [
                (
                    "cache-control",
                    "no-store",
                ),
                (
                    "content-security-policy",
                    "default-src 'none'; frame-ancestors 'none'",
                ),
                (
                    "content-type",
                    "application/json; charset=utf-8",
                ),
                (
                    "cross-origin-opener-policy",
                    "same-origin",
                ),
                (
                    "pragma",
                    "no-cache",
                ),
                (
                    "referrer-policy",
                    "no-referrer",
                ),
                (
                    "vary",
                    "Origin",
                ),
                (
                    "x-content-type-options",
                    "nosniff",
                ),
            ]
            "#);
        }
    }
}

/// row 36: "If the issued access token scope is different from the one requested by the client, the
/// authorization server MUST include the "scope" response parameter", RFC 6749 §3.3. Jeton always does.
#[tokio::test]
async fn every_token_response_contains_the_scope() {
    let jeton = Jeton::start().await;
    for scope in ["read", "write account", "account read write"] {
        let answer = jeton.token(&and(&SIGN_IN, &[("scope", scope)])).await;
        assert_eq!(answer.tokens().scope, scope);
        let first = answer.tokens();
        let refreshed = jeton.refresh(&first.refresh_token).await.tokens();
        assert_eq!(refreshed.scope, scope);
    }
    let first = jeton.token(&SIGN_IN).await.tokens();
    let narrowed = jeton
        .token(&[
            ("grant_type", "refresh_token"),
            ("refresh_token", &first.refresh_token),
            ("scope", "read"),
        ])
        .await;
    assert_eq!(narrowed.tokens().scope, "read");
}

/// row 38: a refresh needs no password, so it succeeds meanwhile.
#[tokio::test]
async fn a_sign_in_gets_503_with_retry_after_if_the_password_queue_is_full() {
    let jeton = Jeton::with(|settings| settings.password.queue = 1).await;
    let tokens = jeton.sign_in().await;
    let meanwhile = async {
        let sign_ins = (0..32).map(|_| jeton.token(&SIGN_IN));
        let refused = join_all(sign_ins).await;
        (refused, jeton.refresh(&tokens.refresh_token).await)
    };
    let (refused, refreshed) = jeton.with_hasher_full(meanwhile).await;
    for answer in refused {
        answer.assert_error(503, "temporarily_unavailable");
        let seconds = answer.header("retry-after").unwrap();
        assert!(seconds.parse::<u32>().unwrap() >= 1, "{seconds}");
    }
    refreshed.tokens();
    // Afterwards the queue accepts requests again.
    jeton.sign_in().await;
}

/// row 38: an unavailable database is a temporary error.
#[tokio::test]
async fn requests_get_503_with_retry_after_if_the_database_is_unavailable() {
    let jeton = Jeton::start().await;
    let tokens = jeton.sign_in().await;
    jeton.server.store.clone().close().await.unwrap();
    for answer in [
        jeton.token(&SIGN_IN).await,
        jeton.refresh(&tokens.refresh_token).await,
    ] {
        answer.assert_error(503, "temporarily_unavailable");
        assert!(answer.header("retry-after").is_some());
    }
}

/// row 38: a full disk is a temporary error too.
#[tokio::test]
async fn requests_get_503_with_retry_after_if_the_disk_is_full() {
    let data = DataDir::new();
    let clock = Clock::standing_at(START);
    let jeton = Jeton::on(data.open().await, clock, ROOT_SECRET, |_| {}).await;
    jeton.add_client("first-party", None, |_| {}).await;
    jeton.add_user(ALICE.0, ALICE.1).await;
    let tokens = jeton.sign_in().await;
    let connection = data.connect().await;
    let fill = match connection.get_database_backend() {
        DbBackend::Sqlite => FILL_SQLITE,
        DbBackend::MySql => FILL_MARIADB,
        _ => FILL_POSTGRES,
    };
    connection.execute_unprepared(fill).await.unwrap();
    connection.close().await.unwrap();
    for answer in [
        jeton.token(&SIGN_IN).await,
        jeton.refresh(&tokens.refresh_token).await,
    ] {
        answer.assert_error(503, "temporarily_unavailable");
        assert!(answer.header("retry-after").is_some());
    }
}

/// Makes each write of a session fail with the engine's error for a full disk.
const FILL_SQLITE: &str = "
    CREATE TRIGGER full_1 BEFORE INSERT ON sessions
        BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END;
    CREATE TRIGGER full_2 BEFORE UPDATE ON sessions
        BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END";
const FILL_MARIADB: &str = "
    CREATE TRIGGER full_1 BEFORE INSERT ON sessions FOR EACH ROW
        SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1021;
    CREATE TRIGGER full_2 BEFORE UPDATE ON sessions FOR EACH ROW
        SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1021";
const FILL_POSTGRES: &str = "
    CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN RAISE EXCEPTION USING ERRCODE = ''disk_full''; END';
    CREATE TRIGGER fill BEFORE INSERT OR UPDATE ON sessions
        FOR EACH ROW EXECUTE FUNCTION fill()";

/// row 8, row 34: any method, query, headers and body get tokens or an OAuth error.
#[test]
fn every_generated_token_request_gets_tokens_or_an_oauth_error() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let jeton = runtime.block_on(async {
        let jeton = Jeton::start().await;
        jeton.add_client("kept", Some("x"), |_| {}).await;
        jeton
    });
    let config = Config {
        cases: 250,
        failure_persistence: None,
        ..Config::default()
    };
    let outcome = TestRunner::new(config).run(&generated_request(), |generated| {
        let answer = runtime.block_on(jeton.send(generated.request()));
        prop_assert_eq!(answer.header("cache-control"), Some("no-store"));
        prop_assert_eq!(answer.header("pragma"), Some("no-cache"));
        if answer.status == 200 {
            answer.tokens();
            return Ok(());
        }
        answer.assert_error_shape();
        let code = answer.json()["error"].as_str().unwrap().to_owned();
        let expected: &[&str] = match answer.status.as_u16() {
            400 => &[
                "invalid_request",
                "invalid_grant",
                "invalid_scope",
                "invalid_target",
                "unauthorized_client",
                "unsupported_grant_type",
            ],
            401 => &["invalid_client"],
            403 | 405 | 413 => &["invalid_request"],
            _ => &[],
        };
        prop_assert!(
            expected.contains(&code.as_str()),
            "{} {code}",
            answer.status
        );
        Ok(())
    });
    outcome.unwrap();
}

#[derive(Clone, Debug)]
struct GeneratedRequest {
    method: &'static str,
    query: String,
    headers: Vec<(&'static str, Vec<u8>)>,
    body: Vec<u8>,
}

impl GeneratedRequest {
    fn request(self) -> poem::Request {
        let mut request = form(&format!("/token?{}", self.query))
            .method(self.method.parse::<Method>().unwrap())
            .body(self.body);
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                request.headers_mut().append(name, value);
            }
        }
        request
    }
}

fn generated_request() -> impl Strategy<Value = GeneratedRequest> {
    let method = prop_oneof![20 => Just("POST"), 1 => Just("GET"), 1 => Just("OPTIONS")];
    let query = prop_oneof![4 => Just(String::new()), 1 => "[a-z_=&%+;0-9A-F]{0,30}"];
    let authorization = prop_oneof![
        Just(basic_raw("", "").into_bytes()),
        Just(basic_raw("kept", "x").into_bytes()),
        (".{0,20}", ".{0,20}").prop_map(|(id, secret)| basic_raw(&id, &secret).into_bytes()),
        "(Basic|bearer|é)? ?[A-Za-z0-9+/=]{0,40}".prop_map(String::into_bytes),
        random_bytes(40),
    ];
    let header = prop_oneof![
        authorization.prop_map(|value| ("authorization", value)),
        random_bytes(300).prop_map(|value| ("user-agent", value)),
        random_bytes(60).prop_map(|value| ("content-type", value)),
        random_bytes(60).prop_map(|value| ("origin", value)),
        random_bytes(60).prop_map(|value| ("accept", value)),
        random_bytes(60).prop_map(|value| ("x-forwarded-for", value)),
    ];
    let headers = prop::collection::vec(header, 0..3);
    let body = prop_oneof![4 => parameters(), 1 => random_bytes(300), 1 => random_bytes(20_000)];
    (method, query, headers, body).prop_map(|(method, query, headers, body)| GeneratedRequest {
        method,
        query,
        headers,
        body,
    })
}

/// A form with known names and values, so that many requests pass the first checks.
fn parameters() -> impl Strategy<Value = Vec<u8>> {
    let values = || {
        prop_oneof![
            Just("password".to_owned()),
            Just("refresh_token".to_owned()),
            Just(ALICE.0.to_owned()),
            Just(ALICE.1.to_owned()),
            Just("first-party".to_owned()),
            Just("read".to_owned()),
            Just(String::new()),
            "jrt_[A-Za-z0-9_-]{64}",
            ".{0,300}",
            "\\PC{0,30}",
        ]
    };
    let names = prop_oneof![
        Just("username".to_owned()),
        Just("password".to_owned()),
        Just("refresh_token".to_owned()),
        Just("scope".to_owned()),
        Just("resource".to_owned()),
        Just("client_id".to_owned()),
        Just("client_secret".to_owned()),
        ".{0,10}",
    ];
    let grant_type = prop_oneof![
        4 => Just("password".to_owned()),
        4 => Just("refresh_token".to_owned()),
        1 => values(),
    ];
    let others = prop::collection::btree_map(names, values(), 0..8);
    (grant_type, others).prop_map(|(grant_type, others)| {
        let others = others.iter().map(|(name, value)| (&**name, &**value));
        let all: Vec<_> = [("grant_type", &*grant_type)]
            .into_iter()
            .chain(others)
            .collect();
        encode(&all).into_bytes()
    })
}

fn random_bytes(length: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..=length)
}
