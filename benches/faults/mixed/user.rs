//! An app and its API: sign-in, userinfo, introspection, refresh, revocation, and the refusal of what was revoked.

use super::{Mix, Visit, caller::Caller, message::Request};
use crate::recorder::Kind;

/// The number of uses of an access token.
const USES: usize = 3;

pub fn visit(caller: &mut Caller, mix: &Mix) -> Visit {
    let (client, username, password) = (&mix.client, &mix.username, &mix.password);
    let form = format!(
        "grant_type=password&client_id={client}&username={username}&password={password}&scope=openid+profile+account"
    );
    let first = caller.tokens(Kind::SignIn, &Request::post("/token", &form))?;
    for _ in 0..USES {
        let request = Request::get("/userinfo").with_bearer(&first.access);
        caller.send(Kind::Userinfo, &request, &[200])?;
        introspect(caller, mix, &first.access, true)?;
    }
    let newest = caller.tokens(Kind::Refresh, &refresh(mix, &first.refresh))?;
    caller.require(newest.refresh != first.refresh, "a token was not rotated");
    introspect(caller, mix, &newest.access, true)?;
    let form = format!("client_id={client}&token={}", newest.refresh);
    caller.send(Kind::Revoke, &Request::post("/revoke", &form), &[200])?;
    introspect(caller, mix, &newest.access, false)?;
    let request = Request::get("/userinfo").with_bearer(&newest.access);
    caller.send(Kind::Refused, &request, &[401])?;
    caller.send(Kind::Refused, &refresh(mix, &newest.refresh), &[400])?;
    Some(())
}

pub fn introspect(caller: &mut Caller, mix: &Mix, token: &str, is_active: bool) -> Visit {
    let (id, secret) = (&mix.introspector.id, &mix.introspector.secret);
    let form = format!("client_id={id}&client_secret={secret}&token={token}");
    let request = Request::post("/introspect", &form);
    let response = caller.send(Kind::Introspect, &request, &[200])?;
    let body = String::from_utf8_lossy(&response.body);
    let has_state = body.contains(&format!("\"active\":{is_active}"));
    caller.require(has_state, "introspection: a wrong state of a token");
    Some(())
}

pub fn refresh(mix: &Mix, token: &str) -> Request {
    let client = &mix.client;
    let form = format!("grant_type=refresh_token&client_id={client}&refresh_token={token}");
    Request::post("/token", &form)
}
