//! An API that fetches the keys, and a client that fetches the metadata.

use super::{Mix, Visit, caller::Caller, message::Request};
use crate::recorder::Kind;

const DOCUMENTS: [(&str, &str); 3] = [
    ("/.well-known/jwks.json", "\"keys\":[{"),
    ("/.well-known/openid-configuration", "\"jwks_uri\":"),
    ("/.well-known/oauth-authorization-server", "\"jwks_uri\":"),
];

pub fn visit(caller: &mut Caller, _: &Mix) -> Visit {
    // The keys twice as often as the others.
    let number = caller.random.below(DOCUMENTS.len() + 1);
    let (path, content) = DOCUMENTS.get(number).copied().unwrap_or(DOCUMENTS[0]);
    let response = caller.send(Kind::Documents, &Request::get(path), &[200])?;
    let body = String::from_utf8_lossy(&response.body);
    caller.require(body.contains(content), "a document without its content");
    Some(())
}
