//! What is old is removed, in small batches, by one node at a time.

use std::time::Duration;

use sea_orm::DbErr;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::secret::random_bytes;
use crate::server::AuthorizationServer;
use crate::store::{audit_event, lease, session, sign_in_throttle};

const LEASE: &str = "sweep";
/// When nothing is heard of the node that sweeps for this long, another does.
const LEASE_LENGTH: Duration = Duration::from_mins(1);

/// One node, as far as sweeping goes.
pub struct Sweeper {
    holder: Uuid,
}

/// One round of sweeping. It goes on as long as no other node has taken over.
struct Round<'a> {
    sweeper: &'a Sweeper,
    server: &'a AuthorizationServer,
    held_at: Timestamp,
}

impl Default for Sweeper {
    fn default() -> Self {
        Self::new()
    }
}

impl Sweeper {
    /// A node that no other is.
    #[must_use]
    pub fn new() -> Self {
        Self {
            holder: Uuid::from_bytes(random_bytes()),
        }
    }

    /// Removes what is older than it is kept, unless another node does; says whether it was its turn. What
    /// fails is told in the log, and tried again the next time.
    pub async fn sweep(&self, server: &AuthorizationServer) -> bool {
        let held_at = server.clock.now();
        let turn = match self.hold(server, held_at).await {
            Ok(turn) => turn,
            Err(error) => {
                tell("leases", &error);
                false
            }
        };
        metrics::gauge!("jeton_sweeping").set(if turn { 1.0 } else { 0.0 });
        if turn {
            let round = Round {
                sweeper: self,
                server,
                held_at,
            };
            round.run().await;
        }
        turn
    }

    async fn hold(&self, server: &AuthorizationServer, now: Timestamp) -> Result<bool, DbErr> {
        lease::hold(&server.store, LEASE, self.holder, now, LEASE_LENGTH).await
    }
}

impl Round<'_> {
    async fn run(mut self) {
        let (store, settings) = (&self.server.store, &self.server.settings);
        let (now, batch) = (self.held_at, settings.sweep.batch);
        let ended = now.minus(settings.session.retention.0);
        let ended = || session::sweep(store, ended, batch);
        self.in_batches("sessions", ended).await;
        // Not to the instant: the clocks of other nodes may be behind.
        let free = now.minus(Duration::from_mins(1));
        let free = || sign_in_throttle::sweep(store, free, batch);
        self.in_batches("sign_in_throttle", free).await;
        let told = now.minus(settings.audit.retention.0);
        let told = || audit_event::sweep(store, told, batch);
        self.in_batches("audit_events", told).await;
    }

    /// Removes batch by batch, as long as they are full.
    async fn in_batches<F>(&mut self, table: &'static str, remove: impl Fn() -> F)
    where
        F: Future<Output = Result<u64, DbErr>>,
    {
        let settings = &self.server.settings.sweep;
        let mut swept = 0;
        loop {
            let removed = match remove().await {
                Ok(removed) => removed,
                Err(error) => return tell(table, &error),
            };
            swept += removed;
            metrics::counter!("jeton_swept_rows_total", "table" => table).increment(removed);
            if removed < settings.batch {
                break;
            }
            // Refreshes go first.
            tokio::time::sleep(settings.pause.0).await;
            match self.goes_on().await {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => return tell(table, &error),
            }
        }
        if swept > 0 {
            tracing::debug!(table, swept, "what is old was removed");
        }
    }

    /// Keeps the lease, long before it expires.
    async fn goes_on(&mut self) -> Result<bool, DbErr> {
        let now = self.server.clock.now();
        if now.apart(self.held_at) < LEASE_LENGTH / 3 {
            return Ok(true);
        }
        self.held_at = now;
        self.sweeper.hold(self.server, now).await
    }
}

fn tell(table: &'static str, error: &DbErr) {
    metrics::counter!("jeton_sweep_failures_total").increment(1);
    tracing::error!(table, %error, "what is old could not be swept");
}
