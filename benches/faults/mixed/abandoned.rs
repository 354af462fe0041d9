//! Clients that disconnect before the response, or in the middle of a request.

use std::time::Duration;

use super::{Mix, Visit, caller::Caller, message::Request, user::refresh};

const AT_ONCE: Duration = Duration::ZERO;
/// Long enough for a password to be hashed when the client disconnects.
const DURING_WORK: Duration = Duration::from_millis(10);
const SLOW: Duration = Duration::from_secs(2);

pub fn visit(caller: &mut Caller, mix: &Mix) -> Visit {
    let address = u32::try_from(caller.random.below(1 << 24)).unwrap_or_default();
    let client = &mix.client;
    let guess = format!(
        "grant_type=password&client_id={client}&username=unknown-{address}&password=wrong-{address}"
    );
    let guess = Request::post("/token", &guess).of_address(address).text();
    let refresh = refresh(mix, "jrt_unknown").of_address(address).text();
    let keys = Request::get("/.well-known/jwks.json").text();
    let half = |text: &str| text.as_bytes().get(..text.len() / 2).map(<[u8]>::to_vec);
    let body_is_missing = refresh.len() - 5;
    let (text, after) = match caller.random.below(7) {
        0 => (Vec::new(), AT_ONCE),
        1 => (half(&keys)?, SLOW),
        2 => (refresh.as_bytes().get(..body_is_missing)?.to_vec(), SLOW),
        3 => (guess.into_bytes(), DURING_WORK),
        4 => (refresh.into_bytes(), AT_ONCE),
        // A client that speaks TLS.
        5 => (
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
            DURING_WORK,
        ),
        _ => (keys.repeat(20).into_bytes(), AT_ONCE),
    };
    caller.abandon(&text, after)
}
