//! Wrong passwords and requests that must be refused, from many addresses, each on a connection of its own.

use super::{
    Mix, Visit,
    caller::Caller,
    message::{HOST, Request},
    user::refresh,
};
use crate::{http::Response, recorder::Kind};

/// A JWT that another issuer signed.
const FOREIGN_JWT: &str = concat!(
    "eyJhbGciOiJSUzI1NiIsInR5cCI6ImF0K2p3dCIsImtpZCI6ImZvcmVpZ24ifQ",
    ".eyJpc3MiOiJodHRwOi8vZXZpbC5leGFtcGxlIiwic3ViIjoiYWRtaW4ifQ.c2lnbmF0dXJl"
);
/// The text of a refresh token that no server has made.
const FORGED: &str = "jrt_AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
/// Longer than `server.body_limit`.
const LONG: usize = 20_000;

pub fn visit(caller: &mut Caller, mix: &Mix) -> Visit {
    caller.disconnect();
    let address = u32::try_from(caller.random.below(1 << 24)).unwrap_or_default();
    let sent = match caller.random.below(10) {
        0 => wrong_password(caller, mix, address),
        1 => malformed_head(caller),
        _ => {
            let number = caller.random.below(1000);
            let (request, expected) = refused(number, mix);
            caller.send(Kind::Refused, &request.of_address(address), expected)
        }
    };
    caller.disconnect();
    sent.map(|_| ())
}

/// A guess at one account, which is slowed with 429, or at an account that does not exist.
fn wrong_password(caller: &mut Caller, mix: &Mix, address: u32) -> Option<Response> {
    let client = &mix.client;
    let username = match caller.random.below(4) {
        0 => "guessed".to_owned(),
        _ => format!("unknown-{address}"),
    };
    let form = format!(
        "grant_type=password&client_id={client}&username={username}&password=wrong-{address}"
    );
    let request = Request::post("/token", &form).of_address(address);
    caller.send(Kind::WrongPassword, &request, &[400, 429])
}

fn malformed_head(caller: &mut Caller) -> Option<Response> {
    let text = [
        format!("GET / HTTP/1.1\r\nHost: {HOST}\r\nbad header\r\n\r\n"),
        "GET /\r\n\r\n".to_owned(),
        format!("POST /token HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: many\r\n\r\n"),
        "GET / HTTP/1.1\r\n\r\n".to_owned(),
    ];
    let number = caller.random.below(text.len());
    caller.send_text(Kind::Refused, text.get(number)?, &[400])
}

/// One of the requests that must be refused, and the status.
fn refused(number: usize, mix: &Mix) -> (Request, &'static [u16]) {
    let client = &mix.client;
    let post = |form: &str| Request::post("/token", form);
    let requests: [(Request, &[u16]); 14] = [
        (refresh(mix, FORGED), &[400]),
        (refresh(mix, FOREIGN_JWT), &[400]),
        (
            post("grant_type=refresh_token&refresh_token=%ff%zz"),
            &[400],
        ),
        (post(&format!("grant_type=code&client_id={client}")), &[400]),
        (post("grant_type=password&grant_type=password"), &[400]),
        (
            post("grant_type=password&client_id=unknown&username=a&password=b"),
            &[401],
        ),
        (post(&"a".repeat(LONG)), &[413]),
        (
            Request::new("POST", "/token").with_body("application/json", "{\"a\":"),
            &[400, 415],
        ),
        (
            Request::new("POST", "/account").with_body("application/json", "{\"a\":"),
            &[422],
        ),
        (Request::get("/userinfo").with_bearer(FOREIGN_JWT), &[401]),
        (
            Request::get("/account").with_bearer("not a token"),
            &[400, 401],
        ),
        (
            Request::get("/authorize?client_id=unknown&response_type=code"),
            &[400],
        ),
        (Request::new("DELETE", "/token"), &[405]),
        (Request::get("/unknown/..%2f..%2fetc/passwd"), &[404]),
    ];
    let number = number % requests.len();
    let chosen = requests.into_iter().nth(number);
    chosen.unwrap_or((Request::get("/unknown"), &[404]))
}
