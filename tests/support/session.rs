//! Common steps of session tests.

use std::time::Duration;

use jeton::store::session::{self, DeviceDigests, ForgivenRetry, NewSession};
use uuid::Uuid;

use super::{Answer, Jeton, Tokens, claims};

impl Jeton {
    /// Refreshes with more parameters.
    pub async fn refresh_with(&self, refresh_token: &str, more: &[(&str, &str)]) -> Answer {
        let own = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token),
        ];
        self.token(&[&own, more].concat()).await
    }

    /// Refreshes at a public client.
    pub async fn refresh_at(&self, client_id: &str, tokens: &Tokens) -> Answer {
        self.refresh_with(&tokens.refresh_token, &[("client_id", client_id)])
            .await
    }

    /// Moves the clock forward and refreshes.
    pub async fn refresh_after(&self, tokens: &Tokens, after: Duration) -> Tokens {
        self.advance(after);
        self.refresh(&tokens.refresh_token).await.tokens()
    }

    /// The row of the session that the tokens belong to.
    pub async fn session(&self, tokens: &Tokens) -> session::Model {
        let found = session::find(&self.server.store, tokens.session()).await;
        found.unwrap().unwrap().session
    }

    /// Asserts that a refresh gets `invalid_grant`.
    #[track_caller]
    pub fn assert_refresh_refused(&self, tokens: &Tokens) -> impl Future<Output = ()> {
        let place = std::panic::Location::caller();
        async move {
            let answer = self.refresh(&tokens.refresh_token).await;
            assert_eq!(answer.status, 400, "{place}: {}", answer.body);
            answer.assert_error(400, "invalid_grant");
        }
    }
}

impl Tokens {
    pub fn session(&self) -> Uuid {
        self.claim("sid")
    }

    pub fn user(&self) -> Uuid {
        self.claim("sub")
    }

    fn claim(&self, name: &str) -> Uuid {
        claims(&self.access_token)[name]
            .as_str()
            .unwrap()
            .parse()
            .unwrap()
    }
}

/// `session.idle_lifetime` by default.
const IDLE_LIFETIME: Duration = Duration::from_hours(14 * 24);

/// The digests of no device.
pub const NO_DEVICE: DeviceDigests = DeviceDigests {
    device: [0; 16],
    user_agent: [0; 16],
};

/// The values of a session like this one.
pub fn like(row: &session::Model) -> NewSession<'_> {
    NewSession {
        user_id: row.user_id,
        session_epoch: row.session_epoch,
        client_id: &row.client_id,
        client_epoch: &row.client_epoch,
        scope: row.scope.clone(),
        audience: row.audience.clone(),
        acr: &row.acr,
        authenticated_at: row.authenticated_at,
        expires_at: row.expires_at,
        idle_lifetime: IDLE_LIFETIME,
        device: NO_DEVICE,
        code: None,
    }
}

/// A late retry that is forgiven from another device.
pub fn forgiven(seen: &session::Model) -> ForgivenRetry<'_> {
    ForgivenRetry {
        seen,
        device: NO_DEVICE,
        idle_lifetime: IDLE_LIFETIME,
        is_elsewhere: true,
    }
}

/// `duration` less one microsecond, the clock's smallest step.
pub fn short_of(duration: Duration) -> Duration {
    duration.saturating_sub(Duration::from_micros(1))
}
