//! The lists of active sessions, and the checks of access tokens.

use std::time::Duration;

use jeton::store::client;
use jeton::store::session::{self, ActiveAt, SessionFilter};
use serde_json::json;

use crate::support::{Jeton, short_of};

const HALF_HOUR: Duration = Duration::from_mins(30);

/// row 31: the lists of sessions, and every check of an access token, follow the same ends: by each lifetime as it was at
/// the sign-in, and as it is now.
#[tokio::test]
async fn a_session_is_active_until_the_microsecond_of_its_end() {
    let jeton = Jeton::start().await;
    let (server, store) = (&jeton.server, &jeton.server.store);
    for (id, setting, at_sign_in, now) in [
        ("a", "session_lifetime", 1800, 7200),
        ("b", "session_lifetime", 7200, 1800),
        ("c", "session_idle_lifetime", 1800, 7200),
        ("d", "session_idle_lifetime", 7200, 1800),
    ] {
        jeton.add_client(id, None, |_| {}).await;
        jeton
            .change_client(id, json!({ setting: at_sign_in }))
            .await;
        jeton.sign_in_at(id).await;
        jeton.change_client(id, json!({ setting: now })).await;
    }
    let listed = async |active: bool| {
        let filter = SessionFilter {
            active: Some((active, ActiveAt::new(jeton.now(), &server.settings))),
            ..SessionFilter::default()
        };
        let found = session::search(store, filter, None, 9).await.unwrap();
        for row in &found {
            let record = session::find(store, row.id).await.unwrap().unwrap();
            let client = client::find(store, &row.client_id).await.unwrap();
            let policy = client.unwrap().policy(&server.settings);
            assert_eq!(record.is_alive(jeton.now(), &policy), active);
        }
        found.len()
    };
    jeton.advance(short_of(HALF_HOUR));
    assert_eq!([listed(true).await, listed(false).await], [4, 0]);
    jeton.advance(Duration::from_micros(1));
    assert_eq!([listed(true).await, listed(false).await], [0, 4]);
}
