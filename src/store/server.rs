//! Opens stores on database servers.

use std::sync::Arc;
use std::time::Duration;

use super::client::KnownOrigins;
use super::connect::{ConnectError, Limits, within};
use super::pool::{Pool, Timeout};
use super::{OpenError, Store, mysql, postgres, schema_steps};
use crate::config::RotationDurability;
use crate::database_url::{Engine, ServerUrl};

impl Store {
    /// Connects to a database on a server and migrates its schema.
    pub async fn connect(url: &ServerUrl, limits: Limits) -> Result<Self, OpenError> {
        let connected = match url.engine() {
            Engine::Postgres => postgres::connect(url, limits).await,
            Engine::MySql => mysql::connect(url, limits).await,
        };
        let connected = connected.map_err(|error| open_error(url, &error))?;
        let timeout = Timeout {
            length: limits.acquire_timeout + limits.statement_timeout,
            new_pool: connected.new_pool,
        };
        let pool = Pool::new(connected.pool, Some(timeout));
        Ok(Self {
            read: pool.clone(),
            durable: pool.clone(),
            relaxed: pool,
            turn: None,
            log: None,
            lock: None,
            rotation_durability: RotationDurability::Relaxed,
            session_retention: Duration::MAX,
            readiness: Arc::default(),
            origins: KnownOrigins::default(),
            rotation_texts: Arc::default(),
            waiting_rotations: Arc::default(),
        })
    }

    /// Whether the database contains a store.
    pub async fn exists(url: &ServerUrl, limits: Limits) -> Result<bool, OpenError> {
        let missing = Self::missing_steps(url, limits).await?;
        Ok(missing.is_some())
    }

    /// The number of steps of the schema's history that the database does not have; opening the store would apply them.
    /// `None` if it does not contain a store.
    pub async fn missing_steps(url: &ServerUrl, limits: Limits) -> Result<Option<u64>, OpenError> {
        let applied = async {
            match url.engine() {
                Engine::Postgres => postgres::applied_steps(url).await,
                Engine::MySql => mysql::applied_steps(url).await,
            }
        };
        let applied = within(limits.acquire_timeout, applied).await;
        let applied = applied.map_err(|error| open_error(url, &error))?;
        Ok(applied.map(schema_steps::missing_of))
    }
}

fn open_error(url: &ServerUrl, error: &ConnectError) -> OpenError {
    let engine = url.engine();
    let action = match error {
        ConnectError::Migrate(cause) => {
            return OpenError::of_migration(url, cause, error.remedy());
        }
        ConnectError::Url | ConnectError::Connect(_) => format!("cannot connect to {engine} at"),
        ConnectError::Unsupported(_) => format!("cannot use {engine} at"),
    };
    OpenError::of_server(url, &action, format!("{error}{}", error.remedy()))
}
