//! A server whose database rows a test can set back.

use std::future::Future;
use std::sync::OnceLock;

use jeton::client_authentication::authenticate;
use jeton::clock::{Clock, Timestamp};
use jeton::config::Settings;
use jeton::device::Device;
use jeton::error::Error;
use jeton::grant::Grant;
use jeton::parameters::Parameters;
use jeton::store::session::{self, Column};
use jeton::token::refresh_token::RefreshToken;
use jeton::token::sender::{Sender, digests};
use poem::http::StatusCode;
use sea_orm::DatabaseConnection;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Expr;

use crate::support::file::DataDir;
use crate::support::peer::{OWNER, OWNER_ABROAD, THIEF, THIEF_ABROAD};
use crate::support::{ALICE, Answer, Jeton, ROOT_SECRET, START, Tokens, encode};

pub const SECOND: i64 = 1_000_000;
/// The default retry window.
pub const WINDOW: i64 = 10 * SECOND;
/// The default spacing of late retries.
pub const SPACING: u32 = 10;

/// The devices that send requests; a number is an index. Sessions begin on the first.
pub const DEVICES: [crate::support::peer::Sender; 4] = [OWNER, OWNER_ABROAD, THIEF, THIEF_ABROAD];

/// Whether two devices have the same `User-Agent`.
pub fn have_same_user_agent(one: usize, other: usize) -> bool {
    DEVICES[one].1 == DEVICES[other].1
}

/// A server whose rows can be set back, as a failover to a lagging replica does.
pub struct TestServer {
    pub jeton: Jeton,
    connection: DatabaseConnection,
    _data: DataDir,
}

/// The columns that a rotation writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    pub generation: u32,
    pub rotated_at: i64,
    pub late_retry_generation: Option<u32>,
    pub device: usize,
    pub repeated_elsewhere: bool,
    pub revoked: bool,
}

/// Runs a future on a runtime that all cases share.
pub fn block_on<F: Future>(future: F) -> F::Output {
    static RUNTIME: OnceLock<tokio::runtime::Runtime> = OnceLock::new();
    RUNTIME
        .get_or_init(|| tokio::runtime::Runtime::new().unwrap())
        .block_on(future)
}

impl TestServer {
    pub async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let data = DataDir::new();
        let jeton = Jeton::on(
            data.open().await,
            Clock::standing_at(START),
            ROOT_SECRET,
            change,
        )
        .await;
        jeton.add_client("first-party", None, |_| {}).await;
        jeton.add_user(ALICE.0, ALICE.1).await;
        Self {
            jeton,
            connection: data.connect().await,
            _data: data,
        }
    }

    /// Moves the clock by microseconds, forward or backward.
    pub fn step_clock(&self, micros: i64) {
        let now = self.jeton.now().as_micros() + micros;
        self.jeton.server.clock.set(Timestamp::from_micros(now));
    }

    pub fn now(&self) -> i64 {
        self.jeton.now().as_micros()
    }

    /// Sets the clock to [`START`], because an earlier case may have moved it, and signs in.
    pub async fn sign_in(&self) -> Uuid {
        self.jeton.server.clock.set(START);
        let tokens = self.jeton.sign_in_on(DEVICES[0]).await;
        self.decode(&tokens.refresh_token).session
    }

    /// The token of any generation.
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

    /// Presents the token of a generation on a device; `None` if it was refused with `invalid_grant`.
    pub async fn present(&self, device: usize, session: Uuid, generation: u32) -> Option<Tokens> {
        let token = self.token(session, generation);
        let answer: Answer = self.jeton.refresh_on(DEVICES[device], &token).await;
        if answer.status == StatusCode::OK {
            return Some(answer.tokens());
        }
        answer.assert_error(400, "invalid_grant");
        None
    }

    /// Presents the token of a generation in a request that waits `wait` microseconds between its arrival and the
    /// first read of the session.
    pub async fn present_after(
        &self,
        wait: i64,
        device: usize,
        session: Uuid,
        generation: u32,
    ) -> Result<Tokens, Error> {
        let body = encode(&[
            ("grant_type", "refresh_token"),
            ("refresh_token", &self.token(session, generation)),
        ]);
        let server = &self.jeton.server;
        let parameters = Parameters::parse(None, body.as_bytes()).unwrap();
        let grant = Grant::parse(&parameters, self.jeton.now()).unwrap();
        self.step_clock(wait);
        let client = authenticate(None, &parameters, server).await.unwrap();
        let response = grant.exchange(&client, device_of(device), server).await?;
        Ok(Tokens {
            access_token: response.access_token,
            refresh_token: response.refresh_token.unwrap(),
            expires_in: response.expires_in,
            scope: response.scope,
        })
    }

    pub async fn row(&self, session: Uuid) -> Row {
        let found = session::Entity::find_by_id(session)
            .one(&self.connection)
            .await;
        let row = found.unwrap().unwrap();
        let number = |value: i64| u32::try_from(value).unwrap();
        let secrets = &self.jeton.server.root_secrets;
        let is = |device| Sender::of(&device_of(device), &row, secrets) == Sender::SameDevice;
        Row {
            generation: number(row.generation),
            rotated_at: row.rotated_at.as_micros(),
            late_retry_generation: row.late_retry_generation.map(number),
            device: (0..DEVICES.len()).find(|device| is(*device)).unwrap(),
            repeated_elsewhere: row.repeated_elsewhere,
            revoked: row.revoked_at.is_some(),
        }
    }

    /// Sets back the columns that a rotation writes.
    pub async fn restore(&self, session: Uuid, row: Row) {
        let late = row.late_retry_generation.map(i64::from);
        let digests = digests(&device_of(row.device), &self.jeton.server.root_secrets);
        let restored = session::Entity::update_many()
            .col_expr(Column::Generation, Expr::value(i64::from(row.generation)))
            .col_expr(Column::RotatedAt, Expr::value(row.rotated_at))
            .col_expr(Column::LateRetryGeneration, Expr::value(late))
            .col_expr(Column::DeviceDigest, Expr::value(digests.device.to_vec()))
            .col_expr(
                Column::UserAgentDigest,
                Expr::value(digests.user_agent.to_vec()),
            )
            .col_expr(
                Column::RepeatedElsewhere,
                Expr::value(row.repeated_elsewhere),
            )
            .filter(Column::Id.eq(session));
        restored.exec(&self.connection).await.unwrap();
    }

    /// The number of sessions, and the bytes of text and digests in all of them.
    pub async fn size(&self) -> (usize, usize) {
        let rows = session::Entity::find().all(&self.connection).await.unwrap();
        let size = |row: &session::Model| {
            let texts = [
                &row.client_id,
                &row.scope,
                &row.audience,
                &row.user_agent,
                &row.address,
            ];
            let digests = [&row.device_digest, &row.user_agent_digest];
            let digests = digests.map(|digest| digest.as_ref().map_or(0, Vec::len));
            texts
                .into_iter()
                .map(String::len)
                .chain(digests)
                .sum::<usize>()
        };
        (rows.len(), rows.iter().map(size).sum())
    }
}

fn device_of(number: usize) -> Device {
    let (address, user_agent) = DEVICES[number];
    Device::new(user_agent.as_bytes(), address.parse().ok())
}
