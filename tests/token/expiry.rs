//! Expiry while the clock is in doubt, and tokens from the future.

use std::time::Duration;

use jeton::clock::Timestamp;
use jeton::maintenance::clock;

use crate::support::{ISSUER, Jeton, SECRET, SIGN_IN, START, Tokens, basic_raw};

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// A server with a client that introspects.
async fn server() -> Jeton {
    let jeton = Jeton::start().await;
    jeton
        .add_client("api", Some(SECRET), |client| {
            ISSUER.clone_into(&mut client.audience);
        })
        .await;
    jeton
}

/// Sets the clock, and lets maintenance notice.
async fn step(jeton: &Jeton, time: Timestamp) {
    let server = &jeton.server;
    server.clock.step_to(time);
    clock::compare(&server.store, &server.clock).await.unwrap();
}

async fn introspect(jeton: &Jeton, token: &str) -> (u16, Option<bool>) {
    introspect_at("api", jeton, token).await
}

async fn introspect_at(client: &str, jeton: &Jeton, token: &str) -> (u16, Option<bool>) {
    let client = basic_raw(client, SECRET);
    let parameters = [("token", token)];
    let answer = jeton.post("/introspect", &client, &parameters).await;
    (answer.status.as_u16(), answer.json()["active"].as_bool())
}

/// The statuses of a refresh, the account API, the revocation, the revoked sessions and the readiness.
async fn statuses(jeton: &Jeton, tokens: &Tokens) -> [u16; 5] {
    let revoke = [("token", &*tokens.access_token)];
    let api = basic_raw("api", SECRET);
    let feed = poem::Request::builder()
        .uri("/revoked-sessions".parse().unwrap())
        .header("authorization", api)
        .finish();
    [
        jeton.refresh(&tokens.refresh_token).await,
        jeton.get_with("/account", &tokens.access_token).await,
        jeton.post("/revoke", "", &revoke).await,
        jeton.send(feed).await,
        jeton.get("/readyz").await,
    ]
    .map(|answer| answer.status.as_u16())
}

/// All of thirty honest clients were refused with `invalid_grant`, and dropped their tokens.
#[tokio::test]
async fn expiry_is_answered_503_while_the_clock_is_in_doubt() {
    for time in [START.plus(DAY * 40), START.plus(DAY * 400)] {
        let jeton = server().await;
        let tokens = jeton.sign_in().await;
        step(&jeton, time).await;
        assert_eq!(statuses(&jeton, &tokens).await, [503; 5]);
        assert_eq!(introspect(&jeton, &tokens.access_token).await.0, 503);
        step(&jeton, START).await;
        assert_eq!(
            introspect(&jeton, &tokens.access_token).await,
            (200, Some(true))
        );
        assert_eq!(statuses(&jeton, &tokens).await, [200; 5]);
    }
}

/// The session has ended by the clock, the access token has not.
#[tokio::test]
async fn the_end_of_a_session_is_answered_503_while_the_clock_is_in_doubt() {
    let jeton = Jeton::start().await;
    jeton
        .add_client("app", Some(SECRET), |client| {
            client.access_token_lifetime = Some(micros(DAY * 20));
            client.session_idle_lifetime = Some(micros(DAY));
        })
        .await;
    let credentials = [("client_id", "app"), ("client_secret", SECRET)];
    let sign_in = [&SIGN_IN[..], &credentials].concat();
    let tokens = jeton.token(&sign_in).await.tokens();
    step(&jeton, START.plus(DAY * 10)).await;
    for token in [&tokens.access_token, &tokens.refresh_token] {
        assert_eq!(introspect_at("app", &jeton, token).await, (503, None));
    }
    let account = jeton.get_with("/account", &tokens.access_token).await;
    assert_eq!(account.status, 503);
    step(&jeton, START).await;
    for token in [&tokens.access_token, &tokens.refresh_token] {
        let active = introspect_at("app", &jeton, token).await;
        assert_eq!(active, (200, Some(true)));
    }
}

fn micros(duration: Duration) -> i64 {
    duration.as_micros().try_into().unwrap()
}

/// No node has compared the clocks since the step.
#[tokio::test]
async fn a_step_is_noticed_by_the_request() {
    let jeton = server().await;
    let tokens = jeton.sign_in().await;
    jeton.server.clock.step_to(START.plus(DAY * 40));
    assert_eq!(statuses(&jeton, &tokens).await, [503; 5]);
}

#[tokio::test]
async fn a_session_expires_as_usual_when_time_passes() {
    let jeton = server().await;
    let tokens = jeton.sign_in().await;
    jeton.advance(DAY * 15);
    assert_eq!(statuses(&jeton, &tokens).await, [400, 401, 200, 200, 200]);
    assert_eq!(
        introspect(&jeton, &tokens.access_token).await,
        (200, Some(false))
    );
}

/// A revoked session is refused, whatever the clock says.
#[tokio::test]
async fn a_revoked_session_is_refused_while_the_clock_is_in_doubt() {
    let jeton = server().await;
    let tokens = jeton.sign_in().await;
    let revoke = [("token", &*tokens.refresh_token)];
    assert_eq!(jeton.post("/revoke", "", &revoke).await.status, 200);
    step(&jeton, START.plus(DAY * 40)).await;
    let refused = jeton.refresh(&tokens.refresh_token).await;
    refused.assert_error(400, "invalid_grant");
}

#[tokio::test]
async fn a_step_within_the_tolerance_is_no_doubt() {
    let jeton = server().await;
    let tokens = jeton.sign_in().await;
    step(&jeton, START.plus(MINUTE * 59)).await;
    assert_eq!(statuses(&jeton, &tokens).await, [200, 401, 200, 200, 200]);
}

/// After an hour, the new time is believed, unless the clocks of two machines differ.
#[tokio::test]
async fn a_step_that_lasts_is_believed_after_an_hour() {
    let jeton = server().await;
    let tokens = jeton.sign_in().await;
    step(&jeton, START.plus(DAY * 40)).await;
    jeton.advance(HOUR);
    let expected = if crate::support::database::on_server() {
        [503; 5]
    } else {
        [400, 401, 200, 200, 200]
    };
    assert_eq!(statuses(&jeton, &tokens).await, expected);
}

/// Tokens of a clock that was 40 days ahead were valid for 40 days.
#[tokio::test]
async fn an_access_token_from_the_future_is_refused() {
    for format in ["jwt", "opaque"] {
        for (ahead, accepted) in [(HOUR, true), (HOUR + Duration::from_secs(1), false)] {
            let jeton = server().await;
            jeton
                .add_client("app", None, |client| {
                    client.access_token_format = Some(format.to_owned());
                })
                .await;
            step(&jeton, START.plus(ahead)).await;
            let tokens = jeton.sign_in_at("app").await;
            step(&jeton, START).await;
            let answer = jeton.get_with("/account", &tokens.access_token).await;
            let expected = if accepted { 200 } else { 401 };
            assert_eq!(answer.status, expected, "{format} {ahead:?}");
            let active = introspect(&jeton, &tokens.access_token).await;
            assert_eq!(active, (200, Some(accepted)));
        }
    }
}

/// An API that read the revoked sessions from a node that was ahead misses none.
#[tokio::test]
async fn a_position_in_the_future_hides_no_revoked_session() {
    let jeton = server().await;
    let tokens = jeton.sign_in().await;
    let revoke = [("token", &*tokens.refresh_token)];
    assert_eq!(jeton.post("/revoke", "", &revoke).await.status, 200);
    let future = START.plus(DAY * 40).as_micros();
    let path = format!("/revoked-sessions?since={future}.{}", uuid::Uuid::nil());
    let request = poem::Request::builder()
        .uri(path.parse().unwrap())
        .header("authorization", basic_raw("api", SECRET))
        .finish();
    let listed = jeton.send(request).await.json();
    assert_eq!(listed["sessions"].as_array().unwrap().len(), 1);
}
