//! Removal of old rows, in small batches, by one node at a time.

use std::time::{Duration, Instant};

use sea_orm::DbErr;
use uuid::Uuid;

use super::{clock, ended_clients, report};
use crate::clock::{Limits, Timestamp};
use crate::metric::{MaintenanceTask, SWEEP_FAILURES, SWEEPING, SWEPT_ROWS, SweptTable};
use crate::secret::random_bytes;
use crate::server::AuthorizationServer;
use crate::store::{audit_event, lease, session, sign_in_throttle};

/// Duration of the lease. Another node sweeps when it expires.
const LEASE_DURATION: Duration = Duration::from_mins(1);

/// One node that sweeps while it holds the lease.
pub struct Sweeper {
    holder: Uuid,
}

/// One pass over all tables. It stops when another node takes the lease.
struct Pass<'a> {
    sweeper: &'a Sweeper,
    server: &'a AuthorizationServer,
    held_at: Timestamp,
    has_failed: bool,
}

impl Default for Sweeper {
    fn default() -> Self {
        Self::new()
    }
}

impl Sweeper {
    /// A sweeper with a random id.
    pub fn new() -> Self {
        Self {
            holder: Uuid::from_bytes(random_bytes()),
        }
    }

    /// Removes rows past their retention if the clock is not in doubt and this node gets the lease; returns whether it
    /// did. Errors are logged, and the next sweep retries.
    pub async fn sweep(&self, server: &AuthorizationServer) -> bool {
        let began = Instant::now();
        let (holds_lease, mut pass) = match self.begin(server).await {
            Ok((holds_lease, held_at)) => (holds_lease, Pass::new(self, server, held_at)),
            Err(error) => {
                let mut pass = Pass::new(self, server, server.clock.trusted_now());
                pass.fail("leases", &error);
                (false, pass)
            }
        };
        SWEEPING.set((), if holds_lease { 1.0 } else { 0.0 });
        if holds_lease {
            pass.run().await;
        }
        report(MaintenanceTask::Sweep, server, began, !pass.has_failed);
        holds_lease
    }

    /// Compares the clocks and takes the lease. Rows are judged by the database server's clock, on SQLite by this
    /// node's.
    async fn begin(&self, server: &AuthorizationServer) -> Result<(bool, Timestamp), DbErr> {
        clock::compare(&server.store, &server.clock).await?;
        let now = server.clock.trusted_now();
        let is_certain = server.clock.doubt(Limits::MAINTENANCE).is_none();
        Ok((is_certain && self.hold(server, now).await?, now))
    }

    async fn hold(&self, server: &AuthorizationServer, now: Timestamp) -> Result<bool, DbErr> {
        lease::hold(
            &server.store,
            lease::SWEEP,
            self.holder,
            now,
            LEASE_DURATION,
        )
        .await
    }
}

impl<'a> Pass<'a> {
    const fn new(
        sweeper: &'a Sweeper,
        server: &'a AuthorizationServer,
        held_at: Timestamp,
    ) -> Self {
        Self {
            sweeper,
            server,
            held_at,
            has_failed: false,
        }
    }

    async fn run(&mut self) {
        let (store, settings) = (&self.server.store, &self.server.settings);
        let (now, batch) = (self.held_at, settings.sweep.batch);
        ended_clients::continue_marking(self.server).await;
        let before = now.minus(self.session_retention());
        let sessions = || session::sweep(store, before, batch);
        self.in_batches(SweptTable::Sessions, sessions).await;
        // A minute of tolerance: the clocks of other nodes may be behind.
        let before = now.minus(Duration::from_mins(1));
        let throttle = || sign_in_throttle::sweep(store, before, batch);
        self.in_batches(SweptTable::SignInThrottle, throttle).await;
        let before = now.minus(settings.audit.retention.0);
        let events = || audit_event::sweep(store, before, batch);
        self.in_batches(SweptTable::AuditEvents, events).await;
    }

    /// How long ended sessions are kept: the setting, or the longest lifetime of a token that a key may have signed.
    /// Lifetimes and the setting may be shorter now, but issued tokens live on, and `/revoked-sessions` must list them.
    fn session_retention(&self) -> Duration {
        let signed = self.server.keys.ring().longest_lifetime();
        let signed = Duration::from_micros(u64::try_from(signed).unwrap_or_default());
        self.server.settings.session.retention.0.max(signed)
    }

    /// Removes batches until one is not full.
    async fn in_batches<F>(&mut self, table: SweptTable, remove: impl Fn() -> F)
    where
        F: Future<Output = Result<u64, DbErr>>,
    {
        let settings = &self.server.settings.sweep;
        let mut swept = 0;
        loop {
            let removed = match remove().await {
                Ok(removed) => removed,
                Err(error) => return self.fail(table.value(), &error),
            };
            swept += removed;
            SWEPT_ROWS.add(table, removed);
            if removed < settings.batch {
                break;
            }
            // Lets refreshes proceed.
            tokio::time::sleep(settings.pause.0).await;
            match self.renew_lease().await {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => return self.fail(table.value(), &error),
            }
        }
        if swept > 0 {
            tracing::debug!(table = table.value(), swept, "removed old rows");
        }
    }

    /// Renews the lease after a third of its duration.
    async fn renew_lease(&mut self) -> Result<bool, DbErr> {
        let clock = &self.server.clock;
        if clock.doubt(Limits::MAINTENANCE).is_some() {
            return Ok(false);
        }
        let now = clock.trusted_now();
        if now.apart(self.held_at) < LEASE_DURATION / 3 {
            return Ok(true);
        }
        self.held_at = now;
        self.sweeper.hold(self.server, now).await
    }

    fn fail(&mut self, table: &'static str, error: &DbErr) {
        self.has_failed = true;
        SWEEP_FAILURES.count(());
        tracing::error!(table, %error, "cannot remove old rows");
    }
}
