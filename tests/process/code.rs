//! The authorization code grant of the binary.

use super::http::{Answer, Connection};
use super::metrics::{Metrics, start};
use super::{PASSWORD, Place, Process};
use crate::support::browser::{CALLBACK, VERIFIER, attribute, credentials, form_token, request};
use crate::support::encode;

/// The code for a user who signs in on the page.
fn authorize(server: &Process) -> String {
    let mut connection = server.connect();
    let page = connection.get(&format!("/authorize?{}", request(&[])));
    let page = page.unwrap();
    assert_eq!(page.status, 200, "{page:?}");
    let token = form_token(&page.body);
    let mut fields = vec![("form_token", &*token)];
    fields.extend(credentials(("admin", PASSWORD)));
    let path = format!("/authorize{}", attribute(&page.body, "action"));
    let answer = submit(&mut connection, server, &page, &path, &fields);
    assert_eq!(answer.status, 303, "{answer:?}");
    let (_, code) = answer.head.split_once("code=").unwrap();
    code.split('&').next().unwrap().to_owned()
}

fn submit(
    connection: &mut Connection,
    server: &Process,
    page: &Answer,
    path: &str,
    fields: &[(&str, &str)],
) -> Answer {
    let lines = page.head.lines();
    let cookies: Vec<&str> = lines
        .filter_map(|line| line.split_once("set-cookie: "))
        .filter_map(|(_, cookie)| cookie.split(';').next())
        .collect();
    let (address, cookies, body) = (server.address, cookies.join("; "), encode(fields));
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nOrigin: http://{address}\r\nCookie: {cookies}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    connection.send(head + &body).unwrap();
    connection.receive().unwrap()
}

#[test]
fn redeemed_codes_are_counted() {
    let (place, server, metrics) = start(Place::furnished());
    let uri = ["--redirect-uri", CALLBACK];
    let grant = ["--grant", "authorization_code", "--consent", "skip"];
    place.ok(&[&["client", "add", "app"][..], &uri, &grant].concat());
    let code = authorize(&server);
    let redeem = || {
        server.token(&[
            ("grant_type", "authorization_code"),
            ("client_id", "app"),
            ("code", &code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
        ])
    };
    redeem().refresh_token();
    redeem().assert_error(400, "invalid_grant");
    let metrics = Metrics::read(metrics);
    assert_eq!(metrics.count("jeton_codes_redeemed_total"), 1);
    // The session of the browser.
    assert_eq!(metrics.count("jeton_sign_ins_total"), 1);
}
