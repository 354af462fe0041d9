//! The origins of a client, set by the command line, and the CORS headers of responses.

use sea_orm::{ConnectionTrait as _, Database};

use super::http::{Answer, Connection};
use super::{PASSWORD, Place, Process};
use crate::support::{claims, encode};

const APP: &str = "https://app.example.com";

/// Signs in at `client`, from a page of `origin` if there is one.
fn sign_in(server: &Process, client: &str, origin: Option<&str>) -> Answer {
    sign_in_for(server, client, origin, &[])
}

/// The same, with further parameters.
fn sign_in_for(
    server: &Process,
    client: &str,
    origin: Option<&str>,
    narrowed: &[(&str, &str)],
) -> Answer {
    let answer = try_to_sign_in(server, client, origin, narrowed);
    assert_eq!(answer.status, 200, "{answer:?}");
    answer
}

/// The same, whether it succeeds or not.
fn try_to_sign_in(
    server: &Process,
    client: &str,
    origin: Option<&str>,
    narrowed: &[(&str, &str)],
) -> Answer {
    let who = [
        ("grant_type", "password"),
        ("username", "admin"),
        ("password", PASSWORD),
        ("client_id", client),
    ];
    let form = encode(&[&who, narrowed].concat());
    let origin = origin.map(|origin| format!("Origin: {origin}\r\n"));
    let lines = format!(
        "Content-Length: {}\r\n{}",
        form.len(),
        origin.unwrap_or_default()
    );
    let mut connection = server.connect();
    connection
        .send(format!("{}{form}", Connection::token_head(&lines)))
        .unwrap();
    connection.receive().unwrap()
}

/// The value of a header, whose name is in lower case.
fn header<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    let lines = answer.head.lines();
    let mut values = lines.filter_map(|line| line.split_once(':'));
    let found = values.find(|(own, _)| own.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.trim())
}

fn reader(answer: &Answer) -> Option<&str> {
    header(answer, "access-control-allow-origin")
}

/// row 39: origins are added and removed while the server runs, in their normal form.
#[test]
fn an_operator_sets_the_origins_of_a_client() {
    let place = Place::furnished();
    let server = place.start();
    place.ok(&[
        "client",
        "add",
        "web",
        "--first-party",
        "--grant",
        "password",
        "--origin",
        "HTTPS://App.Example.com:443/",
        "--origin",
        "capacitor://localhost",
    ]);
    let listed = place.ok(&["client", "list"]);
    let line = listed.lines().find(|line| line.contains("web")).unwrap();
    assert!(listed.lines().next().unwrap().ends_with("ORIGINS"));
    assert!(
        line.ends_with(" capacitor://localhost https://app.example.com"),
        "{listed}"
    );
    assert_eq!(reader(&sign_in(&server, "web", Some(APP))), Some(APP));

    let changed = place.ok(&[
        "client",
        "origins",
        "web",
        "--add",
        "http://localhost:5173",
        "--remove",
        "https://APP.example.com",
    ]);
    assert_eq!(changed, "capacitor://localhost\nhttp://localhost:5173\n");
    assert_eq!(place.ok(&["client", "origins", "web"]), changed);
    assert_eq!(reader(&sign_in(&server, "web", Some(APP))), None);
    let dev = "http://localhost:5173";
    assert_eq!(reader(&sign_in(&server, "web", Some(dev))), Some(dev));

    // A registered origin can be added again; the origins of a deleted client do not return.
    let again = ["client", "origins", "web", "--add", dev];
    assert_eq!(place.ok(&again), changed);
    place.ok(&["client", "delete", "web"]);
    place.ok(&[
        "client",
        "add",
        "web",
        "--first-party",
        "--grant",
        "password",
    ]);
    let none = place.ok(&["client", "origins", "web"]);
    assert_eq!(
        none,
        "none: no page of another origin can call the server as client web\n"
    );
    assert_eq!(reader(&sign_in(&server, "web", Some(dev))), None);
}

/// row 39: a refusal names the accepted form and changes nothing.
#[test]
fn an_origin_that_cannot_be_registered_is_refused() {
    let place = Place::furnished();
    let refusal = |arguments: &[&str]| place.run(arguments).refusal();
    let add = |origin| {
        let said = refusal(&["client", "add", "web", "--origin", origin]);
        let (first, _) = said.split_once("\n\n").unwrap();
        first.to_owned()
    };
    insta::assert_snapshot!(add("http://app.example.com"), @r#"error: invalid value 'http://app.example.com' for '--origin <ORIGIN>': http is only for localhost, 127.0.0.1 and [::1]: on a network, an attacker could change the page; use https"#);
    insta::assert_snapshot!(add("https://app.example.com/login"), @r#"error: invalid value 'https://app.example.com/login' for '--origin <ORIGIN>': an origin is scheme://host:port without path, query or user"#);
    insta::assert_snapshot!(add("https://*.example.com"), @r#"error: invalid value 'https://*.example.com' for '--origin <ORIGIN>': an origin cannot be a pattern; name each origin"#);
    insta::assert_snapshot!(add("null"), @r#"error: invalid value 'null' for '--origin <ORIGIN>': null cannot be registered: any page can send it"#);
    insta::assert_snapshot!(add("app.example.com"), @r#"error: invalid value 'app.example.com' for '--origin <ORIGIN>': an origin is scheme://host or scheme://host:port, such as https://app.example.com or capacitor://localhost"#);
    insta::assert_snapshot!(add("file://"), @r#"error: invalid value 'file://' for '--origin <ORIGIN>': pages of this scheme have no origin; use https or the scheme of an app"#);
    assert!(!place.ok(&["client", "list"]).contains("web"));

    insta::assert_snapshot!(refusal(&["client", "origins", "unknown"]), @r#"jeton: there is no client unknown; see `jeton client list`"#);
    insta::assert_snapshot!(refusal(&["client", "origins", "unknown", "--add", APP]), @r#"jeton: there is no client unknown; see `jeton client list`"#);
    let mixed = [
        "client",
        "origins",
        "first-party",
        "--add",
        "https://other.example.com",
        "--remove",
        APP,
    ];
    insta::assert_snapshot!(refusal(&mixed), @r#"jeton: https://app.example.com is not an origin of client first-party; see `jeton client origins first-party`"#);
    let after = place.ok(&["client", "origins", "first-party"]);
    assert!(after.starts_with("none: "), "{after}");
}

/// row 39: a preflight response has neither body nor Content-Length.
#[test]
fn a_preflight_is_answered_on_the_wire() {
    let place = Place::furnished();
    let server = place.start();
    place.ok(&["client", "origins", "first-party", "--add", APP]);
    let mut connection = server.connect();
    for _ in 0..2 {
        connection
            .send(format!(
                "OPTIONS /token HTTP/1.1\r\nHost: jeton\r\nOrigin: {APP}\r\n\
             Access-Control-Request-Method: POST\r\n\
             Access-Control-Request-Headers: authorization,x-request-id\r\n\r\n"
            ))
            .unwrap();
        let answer = connection.receive().unwrap();
        assert_eq!(answer.status, 204, "{answer:?}");
        assert_eq!(reader(&answer), Some(APP));
        assert_eq!(
            header(&answer, "access-control-allow-methods"),
            Some("POST")
        );
        assert_eq!(header(&answer, "content-length"), None);
        assert_eq!(header(&answer, "content-type"), None);
        assert_eq!(header(&answer, "cache-control"), Some("no-store"));
    }
}

/// row 39: the log says why a page cannot read the response. Without an origin there is no lookup.
#[tokio::test]
async fn the_log_says_why_a_page_cannot_read() {
    let place = Place::furnished().set("JETON_LOG__FILTER", "jeton=debug");
    let server = place.start();
    place.ok(&["client", "add", "other", "--origin", APP]);
    let why = "the origin is not registered";
    assert_eq!(reader(&sign_in(&server, "first-party", Some(APP))), None);
    let log = server.log_with(why);
    let line = log.lines().find(|line| line.contains(why)).unwrap();
    assert!(line.contains(APP) && line.contains("first-party"), "{line}");

    let path = place.path("data/jeton.db");
    let url = format!("sqlite:{}", path.display());
    let database = Database::connect(url).await.unwrap();
    let drop = "DROP TABLE clients";
    database.execute_unprepared(drop).await.unwrap();
    database.close().await.unwrap();
    let unknown = "cannot look up the origin";
    let ask = |origin| try_to_sign_in(&server, "first-party", origin, &[]);
    assert_eq!(reader(&ask(None)), None);
    assert!(!server.log().contains(unknown));
    assert_eq!(reader(&ask(Some(APP))), None);
    server.log_with(unknown);
}

/// row 39: by default, the page of the example API signs users in, with tokens for the API only or, to sign out
/// everywhere, for the account only.
#[test]
fn the_first_start_creates_a_client_for_the_example_api() {
    let place = Place::empty().set("JETON_BOOTSTRAP__ADMIN_PASSWORD", PASSWORD);
    let server = place.start();
    let page = "http://localhost:8081";
    let narrowed = [("resource", page), ("scope", "my-info:read my-info:write")];
    let answer = sign_in_for(&server, "my-info", Some(page), &narrowed);
    assert_eq!(reader(&answer), Some(page));
    assert_eq!(answer.json()["scope"], "my-info:read my-info:write");
    let claims_of = |answer: &Answer| claims(&answer.member("access_token"));
    assert_eq!(claims_of(&answer)["aud"], page);
    assert_eq!(claims_of(&answer)["client_id"], "my-info");
    let issuer = claims_of(&answer)["iss"].as_str().unwrap().to_owned();
    let narrowed = [("resource", issuer.as_str()), ("scope", "account")];
    let account = sign_in_for(&server, "my-info", Some(page), &narrowed);
    assert_eq!(account.json()["scope"], "account");
    assert_eq!(claims_of(&account)["aud"], issuer);
    let listed = place.ok(&["client", "list"]);
    let own = listed.lines().find(|line| line.starts_with(" my-info "));
    let scope = "my-info:read my-info:write account openid profile email offline_access";
    let access = format!(" {scope}  {page} {issuer}  {page}/ {page}/docs/oauth2-redirect.html ");
    let grants = " authorization_code password refresh_token ";
    let origin = format!(" {page}");
    assert!(
        own.is_some_and(|line| line.contains(grants)
            && line.contains(&access)
            && line.ends_with(&origin)),
        "{listed}"
    );
    // row 58: Swagger UI signs in at the issuer's own redirect page.
    let own = listed
        .lines()
        .find(|line| line.starts_with(" first-party "));
    let redirect = format!(" {issuer}/docs/oauth2-redirect.html");
    assert!(own.is_some_and(|line| line.contains(&redirect)), "{listed}");
    let refreshed = server.token(&[
        ("grant_type", "refresh_token"),
        ("refresh_token", &answer.refresh_token()),
        ("client_id", "my-info"),
    ]);
    assert_eq!(refreshed.status, 200);
    assert_eq!(reader(&sign_in(&server, "first-party", Some(page))), None);
    let none = place.ok(&["client", "origins", "first-party"]);
    assert!(none.starts_with("none: "), "{none}");

    // The client is created only once, also after an operator has deleted it. It has no client_credentials grant.
    assert!(!place.ok(&["client", "list"]).contains("client_credentials"));
    place.ok(&["client", "delete", "my-info"]);
    server.stop("TERM");
    place.start();
    assert!(!place.ok(&["client", "list"]).contains("my-info"));
}

/// row 39: the address of the example API can be set, and is normalized.
#[test]
fn the_example_api_can_have_another_address() {
    let place = Place::empty()
        .set("JETON_BOOTSTRAP__ADMIN_PASSWORD", PASSWORD)
        .set("JETON_ISSUER", "http://localhost:8080")
        .set("JETON_BOOTSTRAP__EXAMPLE_API", "https://API.example.com/");
    let server = place.start();
    let page = "https://api.example.com";
    let answer = sign_in_for(&server, "my-info", Some(page), &[("resource", page)]);
    assert_eq!(reader(&answer), Some(page));
    assert_eq!(claims(&answer.member("access_token"))["aud"], page);
}

/// row 39: a public issuer gets no client for the example API.
#[test]
fn there_is_no_client_for_the_example_api_on_a_public_issuer_or_without_its_address() {
    for (name, value) in [
        ("JETON_ISSUER", "https://auth.example.com"),
        ("JETON_BOOTSTRAP__EXAMPLE_API", ""),
    ] {
        let place = Place::empty()
            .set("JETON_BOOTSTRAP__ADMIN_PASSWORD", PASSWORD)
            .set(name, value);
        place.start().stop("TERM");
        let listed = place.ok(&["client", "list"]);
        assert!(listed.contains("first-party"), "{listed}");
        assert!(!listed.contains("my-info"), "{listed}");
    }
}
