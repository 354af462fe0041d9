//! A browser: the authorization code grant, once with a sign-in on the page, once with its cookie; a code used twice.

use super::{
    Mix, Visit,
    caller::Caller,
    message::{HOST, Request, between, headers},
};
use crate::{http::Response, recorder::Kind, session::Tokens};

/// The pair of RFC 7636 appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

pub fn visit(caller: &mut Caller, mix: &Mix) -> Visit {
    let client = &mix.client;
    let pkce = format!("code_challenge={CHALLENGE}&code_challenge_method=S256");
    let path = format!("/authorize?client_id={client}&response_type=code&state=soak&{pkce}");
    let page = caller.send(Kind::Authorize, &Request::get(&path), &[200])?;
    let cookie = cookies(&page);
    let (username, password) = (&mix.username, &mix.password);
    let fields = format!("username={username}&password={password}&action=sign_in");
    let request = form(caller, &path, &page, &fields)?.with("Cookie", &cookie);
    let signed_in = caller.send(Kind::SignIn, &request, &[303])?;
    redeem(caller, mix, &signed_in)?;

    let cookie = format!("{cookie}; {}", cookies(&signed_in));
    let request = Request::get(&path).with("Cookie", &cookie);
    let page = caller.send(Kind::Authorize, &request, &[200])?;
    let request = form(caller, &path, &page, "action=continue")?.with("Cookie", &cookie);
    let continued = caller.send(Kind::Authorize, &request, &[303])?;
    let tokens = redeem(caller, mix, &continued)?;
    let revocation = format!("client_id={client}&token={}", tokens.refresh);
    let request = Request::post("/revoke", &revocation);
    caller.send(Kind::Revoke, &request, &[200])?;
    let used = redemption(mix, code(&continued)?);
    caller.send(Kind::Refused, &used, &[400])?;
    Some(())
}

/// The form of a page.
fn form(caller: &Caller, path: &str, page: &Response, fields: &str) -> Option<Request> {
    let body = String::from_utf8_lossy(&page.body);
    let token = between(&body, "name=\"form_token\" value=\"", "\"");
    caller.require(token.is_some(), "a page without a form token");
    let form = format!("form_token={}&{fields}", token?);
    Some(Request::post(path, &form).with("Origin", &format!("http://{HOST}")))
}

/// Exchanges the code of a redirect.
fn redeem(caller: &mut Caller, mix: &Mix, redirect: &Response) -> Option<Tokens> {
    let code = code(redirect);
    caller.require(code.is_some(), "a redirect without a code");
    caller.tokens(Kind::Code, &redemption(mix, code?))
}

fn redemption(mix: &Mix, code: &str) -> Request {
    let client = &mix.client;
    let form = format!(
        "grant_type=authorization_code&client_id={client}&code={code}&code_verifier={VERIFIER}"
    );
    Request::post("/token", &form)
}

fn code(redirect: &Response) -> Option<&str> {
    between(headers(redirect, "location").next()?, "code=", "&")
}

/// The cookies that a response sets, as a browser sends them.
fn cookies(response: &Response) -> String {
    let set = headers(response, "set-cookie").filter_map(|value| value.split(';').next());
    set.collect::<Vec<_>>().join("; ")
}
