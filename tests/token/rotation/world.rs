//! One server on a SQLite file, and a hand in its store.

use std::future::Future;
use std::sync::OnceLock;

use jeton::clock::{Clock, Timestamp};
use jeton::store::Store;
use jeton::token::refresh_token::RefreshToken;
use poem::http::StatusCode;
use sea_orm::{ConnectionTrait as _, Database, DatabaseConnection, DbBackend, Statement};
use uuid::Uuid;

use crate::support::{ALICE, Answer, Jeton, ROOT_SECRET, START, Tokens};

pub const SECOND: i64 = 1_000_000;
/// The default retry window.
pub const WINDOW: i64 = 10 * SECOND;
/// The default spacing of late retries.
pub const SPACING: u32 = 10;

/// A server whose store can be put back, as a failover to a replica that lagged does.
pub struct World {
    pub jeton: Jeton,
    hand: DatabaseConnection,
    _directory: tempfile::TempDir,
}

/// The columns that a rotation writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    pub generation: u32,
    pub rotated_at: i64,
    pub late_retry_generation: Option<u32>,
    pub revoked: bool,
}

/// Runs one case to its end on a runtime that all cases of a test binary share.
pub fn block_on<F: Future>(future: F) -> F::Output {
    static RUNTIME: OnceLock<tokio::runtime::Runtime> = OnceLock::new();
    RUNTIME
        .get_or_init(|| tokio::runtime::Runtime::new().unwrap())
        .block_on(future)
}

impl World {
    pub async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("jeton.db");
        let store = Store::open(&path).await.unwrap();
        let jeton = Jeton::on(store, Clock::standing_at(START), ROOT_SECRET, |_| {}).await;
        jeton.add_client("first-party", None, |_| {}).await;
        jeton.add_user(ALICE.0, ALICE.1).await;
        let hand = Database::connect(format!("sqlite://{}", path.display()))
            .await
            .unwrap();
        Self {
            jeton,
            hand,
            _directory: directory,
        }
    }

    /// Moves the clock by microseconds, backwards too.
    pub fn step_clock(&self, micros: i64) {
        let now = self.jeton.now().as_micros() + micros;
        self.jeton.server.clock.set(Timestamp::from_micros(now));
    }

    pub fn now(&self) -> i64 {
        self.jeton.now().as_micros()
    }

    /// Begins a session at the start of time; the clock may have been moved by a case before.
    pub async fn sign_in(&self) -> (Uuid, Tokens) {
        self.jeton.server.clock.set(START);
        let tokens = self.jeton.sign_in().await;
        (self.decode(&tokens.refresh_token).session, tokens)
    }

    /// The token of any generation: what a holder of all tokens that were ever handed out has.
    pub fn token(&self, session: Uuid, generation: u32) -> String {
        let token = RefreshToken {
            session,
            generation,
        };
        token
            .encode(&self.jeton.server.root_secrets)
            .expose()
            .to_owned()
    }

    pub fn decode(&self, refresh_token: &str) -> RefreshToken {
        RefreshToken::decode(refresh_token, &self.jeton.server.root_secrets).unwrap()
    }

    /// Shows the token of a generation; `None` when it was refused as RFC 6749 §5.2 says.
    pub async fn present(&self, session: Uuid, generation: u32) -> Option<Tokens> {
        let answer: Answer = self.jeton.refresh(&self.token(session, generation)).await;
        if answer.status == StatusCode::OK {
            return Some(answer.tokens());
        }
        answer.assert_error(400, "invalid_grant");
        None
    }

    pub async fn row(&self, session: Uuid) -> Row {
        let select = Statement::from_sql_and_values(
            DbBackend::Sqlite,
            "SELECT generation, rotated_at, late_retry_generation, revoked_at FROM sessions \
             WHERE id = ?",
            [session.into()],
        );
        let row = self.hand.query_one_raw(select).await.unwrap().unwrap();
        let number = |value: i64| u32::try_from(value).unwrap();
        let late: Option<i64> = row.try_get_by_index(2).unwrap();
        let revoked: Option<i64> = row.try_get_by_index(3).unwrap();
        Row {
            generation: number(row.try_get_by_index(0).unwrap()),
            rotated_at: row.try_get_by_index(1).unwrap(),
            late_retry_generation: late.map(number),
            revoked: revoked.is_some(),
        }
    }

    /// Puts back what a rotation wrote; what was written durably stays.
    pub async fn restore(&self, session: Uuid, row: Row) {
        let update = Statement::from_sql_and_values(
            DbBackend::Sqlite,
            "UPDATE sessions SET generation = ?, rotated_at = ?, late_retry_generation = ? \
             WHERE id = ?",
            [
                row.generation.into(),
                row.rotated_at.into(),
                row.late_retry_generation.into(),
                session.into(),
            ],
        );
        self.hand.execute_raw(update).await.unwrap();
    }

    /// How many sessions there are, and how many bytes of text all of them hold.
    pub async fn size(&self) -> (i64, i64) {
        let select = "SELECT count(*), sum(length(id) + length(user_id) + length(client_id) \
                      + length(scope) + length(audience) + length(user_agent) + length(address)) \
                      FROM sessions";
        let select = Statement::from_string(DbBackend::Sqlite, select);
        let row = self.hand.query_one_raw(select).await.unwrap().unwrap();
        (
            row.try_get_by_index(0).unwrap(),
            row.try_get_by_index(1).unwrap(),
        )
    }
}
