//! Retries: within the retry window, late, and repeated.

use std::time::Duration;

use jeton::audit::Action;
use jeton::clock::Clock;
use jeton::config::{LateRetry, RetryDevice, Span};
use jeton::root_secret::DEVICE_DIGEST_LENGTH;
use jeton::store::session::{self, DeviceDigests, ForgivenRetry};
use serde_json::json;

use crate::support::audit::AuditLog;
use crate::support::file::DataDir;
use crate::support::peer::{OWNER, OWNER_ABROAD, Sender, THIEF, THIEF_ABROAD};
use crate::support::{ALICE, Answer, Jeton, ROOT_SECRET, START, Tokens, claims, short_of};

const MICROSECOND: Duration = Duration::from_micros(1);
const SECOND: Duration = Duration::from_secs(1);
const WINDOW: Duration = Duration::from_secs(10);
const HOUR: Duration = Duration::from_hours(1);

impl Jeton {
    /// Refreshes, discards the response, and returns the response to a retry an hour later from another network.
    async fn retry_after_a_lost_response(&self, tokens: &Tokens) -> Answer {
        let token = &tokens.refresh_token;
        self.refresh_on(OWNER, token).await.tokens();
        self.advance(HOUR);
        self.refresh_on(OWNER_ABROAD, token).await
    }
}

/// row 28, and the end of the window by time in row 29: a retry after exactly the window's length is late.
#[tokio::test]
async fn a_retry_within_the_window_gets_the_same_tokens_with_a_smaller_expires_in() {
    let jeton = Jeton::start().await;
    let first = jeton.sign_in().await;
    let second = jeton.refresh_after(&first, HOUR).await;
    assert_eq!(second.expires_in, 900);
    let row = jeton.session(&second).await;
    jeton.advance(SECOND * 7);
    let retried = jeton.refresh(&first.refresh_token).await.tokens();
    assert_eq!(retried.expires_in, 893);
    jeton.advance(short_of(SECOND * 3));
    let retried = jeton.refresh(&first.refresh_token).await.tokens();
    let whole = Tokens {
        expires_in: 891,
        ..second.clone()
    };
    assert_eq!(retried, whole);
    assert_eq!(
        jeton.session(&second).await,
        row,
        "the retry changed the row"
    );
    jeton.advance(MICROSECOND);
    let late = jeton.refresh(&first.refresh_token).await.tokens();
    assert_ne!(late.access_token, second.access_token);
    assert_eq!(late.expires_in, 900);
}

/// row 28: this holds in a session of any age, and for every retry.
#[tokio::test]
async fn six_tabs_that_refresh_with_the_same_token_get_the_same_response() {
    let jeton = Jeton::start().await;
    let mut tokens = jeton.sign_in().await;
    for _ in 0..20 {
        let next = jeton.refresh_after(&tokens, HOUR).await;
        for _ in 0..5 {
            assert_eq!(jeton.refresh(&tokens.refresh_token).await.tokens(), next);
        }
        tokens = next;
    }
    assert_eq!(jeton.session(&tokens).await.generation, 20);
}

/// row 29: the first use of the successor closes the window. Only the immediate predecessor has a window.
#[tokio::test]
async fn the_window_closes_when_the_successor_is_used() {
    let jeton = Jeton::start().await;
    let first = jeton.sign_in().await;
    let second = jeton.refresh(&first.refresh_token).await.tokens();
    let third = jeton.refresh(&second.refresh_token).await.tokens();
    jeton.assert_refresh_refused(&first).await;
    jeton.assert_refresh_refused(&third).await;
}

/// row 29: a late retry gets the same refresh token and a new access token. From another device, the audit log has one
/// event per generation; from the same device, none.
#[tokio::test]
async fn a_late_retry_is_accepted_repeatedly_while_its_generation_is_current() {
    for (device, recorded) in [(OWNER, 0), (OWNER_ABROAD, 1), (THIEF, 1)] {
        assert_repeated_late_retries(device, recorded).await;
    }
}

async fn assert_repeated_late_retries(device: Sender, recorded: usize) {
    let audit = AuditLog::listen();
    let jeton = Jeton::start().await;
    let first = jeton.sign_in_on(OWNER).await;
    let second = jeton.refresh_on(OWNER, &first.refresh_token).await.tokens();
    let mut seen = vec![second.access_token.clone()];
    for turn in 0..30 {
        jeton.advance(HOUR);
        let device = if turn % 3 == 2 { OWNER } else { device };
        let late = jeton
            .refresh_on(device, &first.refresh_token)
            .await
            .tokens();
        assert_eq!(late.refresh_token, second.refresh_token);
        assert_eq!(late.expires_in, 900);
        let issued = claims(&late.access_token)["iat"].as_i64();
        assert_eq!(issued, Some(jeton.now().as_seconds()));
        assert!(!seen.contains(&late.access_token));
        seen.push(late.access_token);
        assert_eq!(audit.entries("late_retry").len(), recorded, "{device:?}");
    }
    for entry in audit.entries("late_retry") {
        assert_eq!(entry["session"], second.session().to_string());
        assert_eq!(entry["generation"], "1");
        assert_eq!(entry["seconds"], "3600");
    }
    let row = jeton.session(&second).await;
    let mark = (recorded == 1).then_some(1);
    assert_eq!((row.generation, row.late_retry_generation), (1, mark));
    jeton.refresh(&second.refresh_token).await.tokens();
}

/// row 29: a late retry opens the window again.
#[tokio::test]
async fn after_a_late_retry_the_other_tabs_get_the_same_response() {
    let jeton = Jeton::start().await;
    let first = jeton.sign_in().await;
    jeton.refresh(&first.refresh_token).await.tokens();
    jeton.advance(HOUR);
    let late = jeton.refresh(&first.refresh_token).await.tokens();
    jeton.advance(short_of(WINDOW));
    let tab = jeton.refresh(&first.refresh_token).await.tokens();
    assert_eq!(tab.access_token, late.access_token);
    assert_eq!(tab.refresh_token, late.refresh_token);
    jeton.advance(MICROSECOND);
    let later = jeton.refresh(&first.refresh_token).await.tokens();
    assert_ne!(later.access_token, late.access_token);
}

/// row 29: from another device, a late retry at another generation within `late_retry_spacing` is a replay. A distance equal to the
/// spacing is within it.
#[tokio::test]
async fn a_second_late_retry_is_accepted_only_beyond_the_spacing() {
    for (apart, accepted) in [(1, false), (2, false), (3, false), (4, true), (5, true)] {
        let jeton = Jeton::with(|settings| settings.session.late_retry_spacing = 3).await;
        let first = jeton.sign_in().await;
        let mut tokens = jeton.retry_after_a_lost_response(&first).await.tokens();
        for _ in 1..apart {
            tokens = jeton.refresh_after(&tokens, HOUR).await;
        }
        let answer = jeton.retry_after_a_lost_response(&tokens).await;
        if accepted {
            tokens = answer.tokens();
            let row = jeton.session(&tokens).await;
            assert_eq!(row.late_retry_generation, Some(1 + apart));
            // The spacing counts from the last accepted late retry.
            tokens = jeton.refresh_after(&tokens, HOUR).await;
            let again = jeton.retry_after_a_lost_response(&tokens).await;
            again.assert_error(400, "invalid_grant");
        } else {
            answer.assert_error(400, "invalid_grant");
        }
        jeton.assert_refresh_refused(&tokens).await;
    }
}

/// row 29: the thief's second refresh is a late retry within the spacing, and so a replay.
#[tokio::test]
async fn a_thief_one_generation_behind_is_detected_at_its_second_refresh() {
    for thief in [THIEF, THIEF_ABROAD, OWNER_ABROAD] {
        assert_detected_at_second_refresh(RetryDevice::Any, thief, HOUR).await;
    }
}

/// row 28: within the window too, if only the same `User-Agent` may repeat a refresh.
#[tokio::test]
async fn a_thief_within_the_window_is_detected_at_its_second_refresh_if_only_the_same_device_may_repeat()
 {
    for thief in [THIEF, THIEF_ABROAD] {
        assert_detected_at_second_refresh(RetryDevice::Same, thief, SECOND).await;
    }
}

/// The thief refreshes `after` the owner.
async fn assert_detected_at_second_refresh(
    retry_device: RetryDevice,
    thief: Sender,
    after: Duration,
) {
    let audit = AuditLog::listen();
    let jeton = Jeton::with(|settings| settings.session.retry_device = retry_device).await;
    let stolen = jeton.sign_in_on(OWNER).await.refresh_token;
    let first = jeton.refresh_on(OWNER, &stolen).await.tokens();
    jeton.advance(after);
    let copied = jeton.refresh_on(thief, &stolen).await.tokens();
    assert_eq!(copied.refresh_token, first.refresh_token);
    assert_ne!(copied.access_token, first.access_token);
    let event = &audit.entries("late_retry")[0];
    assert_eq!(event["user_agent"], thief.1);
    jeton.advance(HOUR);
    let second = jeton.refresh_on(OWNER, &first.refresh_token).await.tokens();
    jeton.advance(after);
    for (device, token) in [(thief, first.refresh_token), (OWNER, second.refresh_token)] {
        let answer = jeton.refresh_on(device, &token).await;
        answer.assert_error(400, "invalid_grant");
    }
    assert_eq!(audit.entries("replay")[0]["distance"], "1");
}

/// row 28: with `retry_device = "any"`, a repetition by another `User-Agent` gets the same response. The audit log
/// records the first of each session.
#[tokio::test]
async fn a_repetition_by_another_user_agent_is_audited_once_per_session() {
    let jeton = Jeton::start().await;
    let first = jeton.sign_in_on(OWNER).await;
    let other = jeton.sign_in_on(OWNER).await;
    let mut token = first.refresh_token.clone();
    for _ in 0..12 {
        jeton.advance(HOUR);
        let owner = jeton.refresh_on(OWNER, &token).await.tokens();
        let abroad = jeton.refresh_on(OWNER_ABROAD, &token).await.tokens();
        let row = jeton.session(&first).await;
        let thief = jeton.refresh_on(THIEF, &token).await.tokens();
        assert_eq!((&thief, &abroad), (&owner, &owner));
        let repeated = jeton.session(&first).await;
        assert!(repeated.repeated_elsewhere);
        let unchanged = session::Model {
            repeated_elsewhere: row.repeated_elsewhere,
            ..repeated
        };
        assert_eq!(unchanged, row);
        token = owner.refresh_token;
    }
    let event = jeton.audit_event(Action::RefreshRepeatedElsewhere).await;
    assert_eq!(event.session_id, Some(first.session()));
    assert_eq!((&*event.user_agent, &*event.address), (THIEF.1, THIEF.0));
    assert_eq!(event.detail, r#"{"generation":1}"#);
    jeton.refresh_on(OWNER, &other.refresh_token).await.tokens();
    jeton
        .refresh_on(OWNER_ABROAD, &other.refresh_token)
        .await
        .tokens();
    assert!(!jeton.session(&other).await.repeated_elsewhere);
}

/// row 28: a narrower scope is checked first; a refused repetition is no event.
#[tokio::test]
async fn a_refused_repetition_is_not_audited() {
    let jeton = Jeton::start().await;
    let first = jeton.sign_in_on(OWNER).await;
    jeton.refresh_on(OWNER, &first.refresh_token).await.tokens();
    let parameters = [
        ("grant_type", "refresh_token"),
        ("refresh_token", &*first.refresh_token),
        ("scope", "admin"),
    ];
    let refused = jeton.token_from(THIEF, &parameters).await;
    refused.assert_error(400, "invalid_scope");
    assert!(!jeton.session(&first).await.repeated_elsewhere);
}

/// row 29: a late retry is a use of the session, which gets the idle lifetime that the client has by then.
#[tokio::test]
async fn a_late_retry_sets_the_idle_lifetime() {
    const DAY: i64 = 86_400;
    let jeton = Jeton::start().await;
    jeton.add_client("app", None, |_| {}).await;
    let set = async |seconds: i64| {
        let change = json!({ "session_idle_lifetime": seconds });
        jeton.change_client("app", change).await;
    };
    set(DAY).await;
    let first = jeton.sign_in_at("app").await;
    jeton.refresh_at("app", &first).await.tokens();
    set(3 * DAY).await;
    jeton.advance(HOUR);
    let late = jeton.refresh_at("app", &first).await.tokens();
    let row = jeton.session(&late).await;
    assert_eq!(row.idle_lifetime, Some(3 * DAY * 1_000_000));
}

/// row 29: of two late retries that have read the same row, one is written.
#[tokio::test]
async fn a_late_retry_that_finds_the_row_changed_writes_nothing() {
    let jeton = Jeton::start().await;
    let first = jeton.sign_in().await;
    let second = jeton.refresh(&first.refresh_token).await.tokens();
    jeton.advance(HOUR);
    let retry = ForgivenRetry {
        seen: &jeton.session(&second).await,
        device: DeviceDigests {
            device: [0; DEVICE_DIGEST_LENGTH],
            user_agent: [0; DEVICE_DIGEST_LENGTH],
        },
        idle_lifetime: HOUR,
        is_elsewhere: true,
    };
    for is_first in [true, false] {
        let written = session::retry_late(&jeton.server.store, retry, &jeton.cause()).await;
        assert_eq!(written.unwrap().is_some(), is_first);
    }
    jeton.audit_event(Action::LateRetry).await;
}

/// row 29: "once" treats every device as another.
#[tokio::test]
async fn once_counts_late_retries_of_the_same_device() {
    let jeton = Jeton::with(|settings| settings.session.late_retry = LateRetry::Once).await;
    let first = jeton.sign_in().await;
    jeton.refresh(&first.refresh_token).await.tokens();
    let second = jeton.refresh_after(&first, HOUR).await;
    assert_eq!(jeton.session(&second).await.late_retry_generation, Some(1));
    jeton.refresh(&second.refresh_token).await.tokens();
    jeton.advance(HOUR);
    jeton.assert_refresh_refused(&second).await;
}

/// row 29: two generations behind is a replay, also on the same device.
#[tokio::test]
async fn a_client_two_generations_behind_is_signed_out() {
    let jeton = Jeton::start().await;
    let first = jeton.sign_in_on(OWNER).await;
    let second = jeton.refresh_on(OWNER, &first.refresh_token).await.tokens();
    let third = jeton
        .refresh_on(OWNER, &second.refresh_token)
        .await
        .tokens();
    for token in [first.refresh_token, third.refresh_token] {
        let answer = jeton.refresh_on(OWNER, &token).await;
        answer.assert_error(400, "invalid_grant");
    }
}

/// row 28 and row 29: a client's own setting; with `never`, another `User-Agent` within the window is a replay.
#[tokio::test]
async fn a_client_may_let_only_the_same_device_repeat_a_refresh() {
    let jeton = Jeton::start().await;
    let same = |row: &mut jeton::store::client::Model| row.retry_device = Some("same".to_owned());
    jeton.add_client("same", None, same).await;
    let never = |row: &mut jeton::store::client::Model| {
        same(row);
        row.late_retry = Some("never".to_owned());
    };
    jeton.add_client("never", None, never).await;
    for (client, accepted) in [("same", true), ("never", false)] {
        let first = jeton.sign_in_at(client).await;
        let second = jeton.refresh_at(client, &first).await.tokens();
        let repeated = jeton.refresh_at(client, &first).await.tokens();
        assert_eq!(repeated.access_token, second.access_token);
        let parameters = [
            ("grant_type", "refresh_token"),
            ("refresh_token", &*first.refresh_token),
            ("client_id", client),
        ];
        let thief = jeton.token_from(THIEF, &parameters).await;
        assert_eq!(thief.status == 200, accepted, "{client}: {}", thief.body);
    }
}

/// row 29: a session is recognized while its root secret verifies. The device of a session from before the digests is
/// not known: a late retry is one from another device.
#[tokio::test]
async fn a_device_is_recognized_under_every_root_secret() {
    const NEW: &str = "bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmU";
    let data = DataDir::new();
    let store = data.open().await;
    let clock = Clock::standing_at(START);
    let jeton = Jeton::on(store.clone(), clock, ROOT_SECRET, |_| {}).await;
    jeton.add_client("first-party", None, |_| {}).await;
    jeton.add_user(ALICE.0, ALICE.1).await;
    let first = jeton.sign_in_on(OWNER).await;
    let second = jeton.refresh_on(OWNER, &first.refresh_token).await.tokens();
    jeton.advance(HOUR);
    let clock = Clock::standing_at(jeton.now());
    let both = Jeton::on(store, clock, &format!("{NEW} {ROOT_SECRET}"), |_| {}).await;
    both.refresh_on(OWNER, &first.refresh_token).await.tokens();
    assert_eq!(both.session(&second).await.late_retry_generation, None);
    data.execute("UPDATE sessions SET device_digest = NULL")
        .await;
    both.advance(HOUR);
    both.refresh_on(OWNER, &first.refresh_token).await.tokens();
    assert_eq!(both.session(&second).await.late_retry_generation, Some(1));
}

/// row 29: with window 0 and `late_retry = "never"`, every reuse is a replay. The settings may be the server's or the
/// client's.
#[tokio::test]
async fn every_reuse_is_a_replay_without_a_retry_window_and_late_retries() {
    let by_settings = Jeton::with(|settings| {
        settings.session.retry_window = Span(Duration::ZERO);
        settings.session.late_retry = LateRetry::Never;
    })
    .await;
    let by_client = Jeton::start().await;
    let strict = |row: &mut jeton::store::client::Model| {
        row.retry_window = Some(0);
        row.late_retry = Some("never".to_owned());
    };
    by_client.add_client("strict", None, strict).await;
    by_settings.add_client("strict", None, |_| {}).await;
    for jeton in [by_settings, by_client] {
        // The clock does not move: a reuse in the same microsecond is a replay too.
        let first = jeton.sign_in_at("strict").await;
        let second = jeton.refresh_at("strict", &first).await.tokens();
        let again = jeton.refresh_at("strict", &first).await;
        again.assert_error(400, "invalid_grant");
        let owner = jeton.refresh_at("strict", &second).await;
        owner.assert_error(400, "invalid_grant");
    }
}

/// row 29: a client without a window may have late retries, and the reverse.
#[tokio::test]
async fn the_retry_window_and_late_retries_are_separate_settings() {
    let jeton = Jeton::start().await;
    let no_window = |row: &mut jeton::store::client::Model| row.retry_window = Some(0);
    jeton.add_client("no-window", None, no_window).await;
    let first = jeton.sign_in_at("no-window").await;
    let second = jeton.refresh_at("no-window", &first).await.tokens();
    jeton.advance(MICROSECOND);
    let late = jeton.refresh_at("no-window", &first).await.tokens();
    assert_eq!(late.refresh_token, second.refresh_token);

    let never = |row: &mut jeton::store::client::Model| row.late_retry = Some("never".to_owned());
    jeton.add_client("never", None, never).await;
    let first = jeton.sign_in_at("never").await;
    let second = jeton.refresh_at("never", &first).await.tokens();
    jeton.advance(short_of(WINDOW));
    let retried = jeton.refresh_at("never", &first).await.tokens();
    assert_eq!(retried.access_token, second.access_token);
    jeton.advance(MICROSECOND);
    let late = jeton.refresh_at("never", &first).await;
    late.assert_error(400, "invalid_grant");
    let owner = jeton.refresh_at("never", &second).await;
    owner.assert_error(400, "invalid_grant");
}

/// row 29: a client's settings override the server's, and do not affect another client.
#[tokio::test]
async fn each_client_has_its_own_retry_window_and_spacing() {
    let jeton = Jeton::with(|settings| settings.session.late_retry = LateRetry::Never).await;
    let patient = |row: &mut jeton::store::client::Model| {
        row.retry_window = Some(60_000_000);
        row.late_retry = Some("once".to_owned());
        row.late_retry_spacing = Some(1);
    };
    jeton.add_client("patient", None, patient).await;
    let first = jeton.sign_in_at("patient").await;
    let second = jeton.refresh_at("patient", &first).await.tokens();
    jeton.advance(short_of(SECOND * 60));
    let retried = jeton.refresh_at("patient", &first).await.tokens();
    assert_eq!(retried.access_token, second.access_token);
    jeton.advance(MICROSECOND);
    jeton.refresh_at("patient", &first).await.tokens();
    // The late retry was at generation 1. With a spacing of 1, another one is accepted at generation 3.
    let third = jeton.refresh_at("patient", &second).await.tokens();
    jeton.refresh_at("patient", &third).await.tokens();
    jeton.advance(HOUR);
    jeton.refresh_at("patient", &third).await.tokens();

    let first = jeton.sign_in().await;
    jeton.refresh_after(&first, HOUR).await;
    jeton.advance(WINDOW);
    jeton.assert_refresh_refused(&first).await;
}

/// row 28: the access token of a repeated response is valid for at least half its lifetime.
#[tokio::test]
async fn the_retry_window_is_at_most_half_the_access_token_lifetime() {
    let jeton = Jeton::start().await;
    let short = |row: &mut jeton::store::client::Model| {
        row.access_token_lifetime = Some(6_000_000);
    };
    jeton.add_client("short", None, short).await;
    let first = jeton.sign_in_at("short").await;
    let second = jeton.refresh_at("short", &first).await.tokens();
    jeton.advance(short_of(SECOND * 3));
    let retried = jeton.refresh_at("short", &first).await.tokens();
    assert_eq!(retried.access_token, second.access_token);
    jeton.advance(MICROSECOND);
    let late = jeton.refresh_at("short", &first).await.tokens();
    assert_ne!(late.access_token, second.access_token);
    assert_eq!(late.expires_in, 6);
}
