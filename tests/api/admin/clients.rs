use jeton::audit::Action;
use poem::http::Method;
use serde_json::{Value, json};

use super::{Admin, assert_problem};
use crate::support::Answer;
use crate::support::peer::json as json_request;

const PATH: &str = "/admin/clients";
const WEB: &str = "/admin/clients/web";

async fn create(admin: &Admin, body: Value) -> Answer {
    let answer = admin.post(PATH, body).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    answer
}

/// A confidential client `api`, and its secret.
async fn create_api(admin: &Admin) -> String {
    let answer = create(
        admin,
        json!({"client_id": "api", "token_endpoint_auth_method": "client_secret_basic"}),
    )
    .await;
    let secret = answer.json()["client_secret"].as_str().map(str::to_owned);
    secret.unwrap()
}

fn ids(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{}", answer.body);
    let json = answer.json();
    let clients = json["clients"].as_array().unwrap();
    let id = |client: &Value| client["client_id"].as_str().unwrap().to_owned();
    clients.iter().map(id).collect()
}

/// Whether a secret authenticates.
async fn proves(admin: &Admin, secret: &str) -> bool {
    let parameters = [
        ("token", "x"),
        ("client_id", "api"),
        ("client_secret", secret),
    ];
    let answer = admin.jeton.post("/introspect", "", &parameters).await;
    answer.status == 200
}

#[tokio::test]
async fn a_client_is_registered_and_read() {
    let admin = Admin::start().await;
    let body = json!({
        "client_id": "web", "client_name": "Web page", "first_party": true,
        "grant_types": ["password", "refresh_token"], "scope": "account notes",
        "audience": ["https://notes.example.com"], "origins": ["https://app.example.com"],
        "access_token_lifetime": 300, "access_token_type": "JWT", "late_retry": "never",
        "retry_window": 0,
    });
    let answer = create(&admin, body).await;
    assert_eq!(
        answer.header("location"),
        Some("https://jeton.test/admin/clients/web")
    );
    let read = admin.get(WEB).await;
    assert_eq!(read.json(), answer.json(), "a public client has no secret");
    assert_eq!(read.header("etag"), answer.header("etag"));
    insta::assert_json_snapshot!(read.json(), @r#"
    {
      "client_id": "web",
      "token_endpoint_auth_method": "none",
      "client_name": "Web page",
      "first_party": true,
      "grant_types": [
        "password",
        "refresh_token"
      ],
      "scope": "account notes",
      "audience": [
        "https://notes.example.com"
      ],
      "access_token_type": "JWT",
      "access_token_lifetime": 300,
      "retry_window": 0,
      "late_retry": "never",
      "origins": [
        "https://app.example.com"
      ],
      "redirect_uris": [],
      "post_logout_redirect_uris": [],
      "disabled": false,
      "created_at": 1767225600
    }
    "#);
    let events = admin.jeton.audit_events(Action::ClientCreated).await;
    let event = events
        .iter()
        .find(|event| event.actor_kind == "user")
        .unwrap();
    assert_eq!(event.actor_id, Some(admin.id.to_string()));
    let preflight = poem::Request::builder()
        .method(Method::OPTIONS)
        .uri("/token".parse().unwrap())
        .header("origin", "https://app.example.com")
        .header("access-control-request-method", "POST");
    let answer = admin.jeton.send(preflight.finish()).await;
    assert_eq!(answer.status, 204);
    assert_eq!(
        answer.header("access-control-allow-origin"),
        Some("https://app.example.com")
    );
}

/// A secret is shown once; several are valid at once, so that one is replaced without an interruption.
#[tokio::test]
async fn a_secret_is_shown_once_and_replaced_without_an_interruption() {
    let admin = Admin::start().await;
    let first = create_api(&admin).await;
    assert!(proves(&admin, &first).await);
    let path = format!("{PATH}/api/secrets");
    let listed = admin.get(&path).await;
    for answer in [
        &listed,
        &admin.get(&format!("{PATH}/api")).await,
        &admin.get(PATH).await,
    ] {
        assert!(!answer.body.contains(&first), "{}", answer.body);
        assert!(!answer.body.contains("digest"), "{}", answer.body);
    }
    let answer = admin.post(&path, json!({"expires_in": 3600})).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    let added = answer.json();
    let second = added["client_secret"].as_str().unwrap();
    assert_eq!(added["expires_at"], 1_767_225_600 + 3600);
    assert!(proves(&admin, &first).await && proves(&admin, second).await);
    let id = listed.json()["secrets"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let removal = format!("{path}/{id}");
    assert_eq!(admin.delete(&removal).await.status, 204);
    assert!(!proves(&admin, &first).await && proves(&admin, second).await);
    assert_problem(&admin.delete(&removal).await, 404, &[]);
    let last = format!("{path}/{}", added["id"].as_str().unwrap());
    assert_problem(&admin.delete(&last).await, 409, &[]);
    for _ in 0..4 {
        assert_eq!(admin.post(&path, json!({})).await.status, 201);
    }
    assert_problem(&admin.post(&path, json!({})).await, 409, &[]);
}

#[tokio::test]
async fn a_given_secret_is_accepted_if_it_is_long() {
    let admin = Admin::start().await;
    let secret = "0123456789abcdefghijklmnopqrstuvwxyz";
    let body = json!({"client_id": "api", "token_endpoint_auth_method": "client_secret_basic", "client_secret": secret});
    assert_eq!(create(&admin, body).await.json()["client_secret"], secret);
    assert!(proves(&admin, secret).await);
    for (body, field) in [
        (
            json!({"client_id": "b", "token_endpoint_auth_method": "client_secret_basic", "client_secret": "short"}),
            "client_secret",
        ),
        (
            json!({"client_id": "b", "client_secret": secret}),
            "client_secret",
        ),
        (
            json!({"client_id": "b", "token_endpoint_auth_method": "client_secret_basic", "client_secret": 7}),
            "client_secret",
        ),
    ] {
        let answer = admin.post(PATH, body).await;
        assert_problem(&answer, 422, &[field]);
        assert!(!answer.body.contains("short\""), "{}", answer.body);
    }
    let path = format!("{PATH}/api/secrets");
    for (body, field) in [
        (json!({"client_secret": "short"}), "client_secret"),
        (json!({"expires_in": 0}), "expires_in"),
        (json!({"expires_in": -1}), "expires_in"),
        (json!({"expires_in": i64::MAX}), "expires_in"),
        (json!({"expires": 1}), "expires"),
    ] {
        assert_problem(&admin.post(&path, body).await, 422, &[field]);
    }
    create(&admin, json!({"client_id": "public"})).await;
    let answer = admin
        .post(&format!("{PATH}/public/secrets"), json!({}))
        .await;
    assert_problem(&answer, 409, &[]);
}

#[tokio::test]
async fn an_invalid_setting_is_refused_by_name() {
    let admin = Admin::start().await;
    for (name, value) in [
        ("client_id", json!("..")),
        ("client_id", json!("a:b")),
        ("client_id", json!("é")),
        ("client_id", json!("01900000-0000-7000-8000-000000000001")),
        ("client_name", json!("a\u{202e}b")),
        ("client_name", json!("a\u{0}")),
        ("first_party", json!("yes")),
        ("grant_types", json!(["password"])),
        ("grant_types[0]", json!(["implicit"])),
        ("redirect_uris", json!(["http://app.example.com/"])),
        ("redirect_uris", json!(["https://app.example.com/#x"])),
        ("redirect_uris", json!("https://app.example.com/")),
        ("post_logout_redirect_uris", json!(["myapp:/signed-out"])),
        ("pkce", json!("optional")),
        ("pkce", json!("plain")),
        ("consent", json!("never")),
        ("grant_types", json!(["client_credentials"])),
        ("scope", json!("a  b")),
        ("scope", json!("é")),
        ("scope", json!("notes admin")),
        ("scope", json!(["notes"])),
        ("audience", json!(["nowhere"])),
        ("origins", json!(["https://*.example.com"])),
        ("origins", json!(["x"])),
        ("access_token_format", json!("xml")),
        ("access_token_type", json!("at+JWT")),
        ("access_token_lifetime", json!(30 * 24 * 3600 + 1)),
        ("access_token_lifetime", json!(0)),
        ("access_token_lifetime", json!(-1)),
        ("access_token_lifetime", json!(1.5)),
        ("retry_window", json!(61)),
        ("rotation", json!("never")),
        ("late_retry_spacing", json!(-1)),
        ("late_retry_spacing", json!(i64::MAX)),
        ("secret", json!("x")),
        ("name", json!("x")),
        ("confidential", json!(true)),
        ("token_endpoint_auth_method", json!("private_key_jwt")),
    ] {
        let mut body = json!({"client_id": "new"});
        body[name.trim_end_matches("[0]")] = value.clone();
        let answer = admin.post(PATH, body).await;
        assert_problem(&answer, 422, &[name]);
    }
    assert_eq!(
        ids(&admin.get(&format!("{PATH}?search=new")).await).len(),
        0
    );
    create(&admin, json!({"client_id": "new"})).await;
    assert_problem(
        &admin.post(PATH, json!({"client_id": "new"})).await,
        409,
        &[],
    );
}

#[tokio::test]
async fn clients_are_searched_by_part_of_the_id_or_the_name() {
    let admin = Admin::start().await;
    for (id, name) in [("a%b", "Percent"), ("a_b", "Underscore"), ("axb", "Letter")] {
        create(&admin, json!({"client_id": id, "client_name": name})).await;
    }
    for (query, found) in [
        ("search=a_b", &["a_b"][..]),
        ("search=%25", &["a%b"]),
        ("search=PERCENT", &["a%b"]),
        ("search=a", &["a%b", "a_b", "axb", "first-party"]),
        ("search=nothing", &[]),
        ("disabled=true", &[]),
    ] {
        let answer = admin.get(&format!("{PATH}?{query}")).await;
        assert_eq!(ids(&answer), found, "{query}");
    }
    let first = admin.get(&format!("{PATH}?limit=3")).await;
    let json = first.json();
    let cursor = json["next_cursor"].as_str().unwrap();
    let second = admin.get(&format!("{PATH}?limit=3&cursor={cursor}")).await;
    let all = ids(&admin.get(PATH).await);
    assert_eq!([ids(&first), ids(&second)].concat(), all);
    let answer = admin.get(&format!("/admin/users?cursor={cursor}")).await;
    assert_problem(&answer, 422, &["cursor"]);
}

/// "An origin server MUST NOT perform the requested method if the received If-Match condition
/// evaluates to false", RFC 9110 §13.1.1.
#[tokio::test]
async fn a_client_is_changed_only_at_the_revision_of_if_match() {
    let admin = Admin::start().await;
    let body = json!({"client_id": "web", "access_token_lifetime": 300, "session_lifetime": 7200});
    let seen = create(&admin, body).await;
    let seen = seen.header("etag").unwrap();
    let body = json!({"access_token_lifetime": null, "session_idle_lifetime": 60});
    let answer = admin.patch(WEB, body, Some(seen)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let json = answer.json();
    assert_eq!(json.get("access_token_lifetime"), None);
    assert_eq!(json["session_lifetime"], 7200);
    assert_eq!(json["session_idle_lifetime"], 60);
    let event = admin.jeton.audit_event(Action::ClientUpdated).await;
    assert_eq!(event.actor_id, Some(admin.id.to_string()));
    let origins = json!({"origins": ["https://a.test", "https://b.test"]});
    let stale = admin.patch(WEB, origins.clone(), Some(seen)).await;
    assert_problem(&stale, 412, &[]);
    let set = admin
        .patch(WEB, origins.clone(), answer.header("etag"))
        .await;
    assert_eq!(
        set.json()["origins"],
        json!(["https://a.test", "https://b.test"])
    );
    assert_ne!(set.header("etag"), answer.header("etag"));
    let again = admin.patch(WEB, origins, None).await;
    assert_eq!(
        again.header("etag"),
        set.header("etag"),
        "nothing was changed"
    );
    let fewer = json!({"origins": ["https://b.test"]});
    let fewer = admin.patch(WEB, fewer, None).await;
    assert_eq!(fewer.json()["origins"], json!(["https://b.test"]));
    for tag in [seen, "\"x\""] {
        assert_problem(&admin.patch(WEB, json!({}), Some(tag)).await, 412, &[]);
        let answer = admin.send(Method::DELETE, WEB, "", Some(tag)).await;
        assert_problem(&answer, 412, &[]);
    }
    for (body, field) in [
        (json!({"client_id": "other"}), "client_id"),
        (
            json!({"token_endpoint_auth_method": "none"}),
            "token_endpoint_auth_method",
        ),
        (json!({"created_at": null}), "created_at"),
        (json!({"rotation": "never"}), "rotation"),
        (json!({"client_name": ""}), "client_name"),
        (json!({"origins": ["null"]}), "origins"),
    ] {
        assert_problem(&admin.patch(WEB, body, None).await, 422, &[field]);
    }
}

#[tokio::test]
async fn disabling_and_deleting_a_client_end_its_sessions() {
    let admin = Admin::start().await;
    let body = json!({"client_id": "web", "first_party": true, "grant_types": ["password", "refresh_token"]});
    create(&admin, body).await;
    let tokens = admin.jeton.sign_in_at("web").await;
    let answer = admin.patch(WEB, json!({"disabled": true}), None).await;
    assert_eq!(answer.json()["disabled"], true);
    let refused = admin.jeton.refresh_at("web", &tokens).await;
    refused.assert_error(401, "invalid_client");
    assert_eq!(
        ids(&admin.get(&format!("{PATH}?disabled=true")).await),
        ["web"]
    );
    admin.patch(WEB, json!({"disabled": false}), None).await;
    let refused = admin.jeton.refresh_at("web", &tokens).await;
    refused.assert_error(400, "invalid_grant");
    let tokens = admin.jeton.sign_in_at("web").await;
    assert_eq!(admin.delete(WEB).await.status, 204);
    let refused = admin.jeton.refresh_at("web", &tokens).await;
    refused.assert_error(401, "invalid_client");
    for answer in [
        admin.get(WEB).await,
        admin.delete(WEB).await,
        admin.patch(WEB, json!({}), None).await,
        admin.get(&format!("{WEB}/secrets")).await,
        admin.post(&format!("{WEB}/secrets"), json!({})).await,
    ] {
        assert_problem(&answer, 404, &[]);
    }
}

/// In a path, an id is percent-encoded.
#[tokio::test]
async fn an_id_of_odd_characters_has_a_path() {
    let admin = Admin::start().await;
    for id in ["a b", "a/b", "https", "a?b#c", "100%", "+", "...", "a%2Fb"] {
        let answer = create(&admin, json!({"client_id": id})).await;
        let place = answer.header("location").unwrap().to_owned();
        let path = place.strip_prefix("https://jeton.test").unwrap();
        let read = admin.get(path).await;
        assert_eq!(read.status, 200, "{id}: {path}: {}", read.body);
        assert_eq!(read.json()["client_id"], id, "{path}");
        assert_eq!(admin.delete(path).await.status, 204, "{path}");
    }
}

/// RFC 7396; and "Accept-Patch SHOULD appear in" a 415 response, RFC 5789 §2.2.
#[tokio::test]
async fn a_patch_is_json_or_a_merge_patch() {
    let admin = Admin::start().await;
    create(&admin, json!({"client_id": "web"})).await;
    let send = async |content_type: &str| {
        let body = json!({"client_name": content_type}).to_string();
        let mut request = json_request(Method::PATCH, WEB, &admin.token, &body);
        let headers = request.headers_mut();
        headers.insert("content-type", content_type.parse().unwrap());
        admin.jeton.send(request).await
    };
    for content_type in ["application/json", "application/merge-patch+json"] {
        let answer = send(content_type).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(answer.json()["client_name"], content_type);
    }
    let answer = send("application/json-patch+json").await;
    assert_problem(&answer, 415, &[]);
    let accepted = answer.header("accept-patch");
    assert_eq!(
        accepted,
        Some("application/merge-patch+json, application/json")
    );
    let mut request = json_request(Method::POST, PATH, &admin.token, "{}");
    let merge_patch = "application/merge-patch+json".parse().unwrap();
    request.headers_mut().insert("content-type", merge_patch);
    let answer = admin.jeton.send(request).await;
    assert_problem(&answer, 415, &[]);
    assert_eq!(answer.header("accept-patch"), None);
}
