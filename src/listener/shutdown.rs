//! The shutdown, as connections see it: responses are the last ones of their connections, and idle connections are
//! closed after a while.
//!
//! A request may cross the end of its connection: RFC 9112 §9.5, "From the server's point of view, the connection is
//! being closed while it was idle, but from the client's point of view, a request is in progress." So idle connections
//! first stay open for `server.drain_time`. A client that sends a request in this time learns from the response that it
//! must open another connection.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout_at};

/// The connections that were open when the server began to stop, and those that it has accepted since.
pub(super) struct Shutdown {
    earlier: watch::Sender<bool>,
    later: watch::Sender<bool>,
    has_begun: bool,
}

/// The shutdown of one connection. While one exists, the shutdown waits.
#[derive(Clone)]
pub(super) struct Watcher {
    has_begun: watch::Receiver<bool>,
    /// The connection was accepted during the shutdown.
    is_late: bool,
}

impl Shutdown {
    pub(super) fn new() -> Self {
        Self {
            earlier: watch::Sender::new(false),
            later: watch::Sender::new(false),
            has_begun: false,
        }
    }

    /// For a connection that is accepted now.
    pub(super) fn watcher(&self) -> Watcher {
        let connections = if self.has_begun {
            &self.later
        } else {
            &self.earlier
        };
        Watcher {
            has_begun: connections.subscribe(),
            is_late: self.has_begun,
        }
    }

    /// Begins with the connections that are open.
    pub(super) fn begin(&mut self) {
        self.has_begun = true;
        self.earlier.send_replace(true);
    }

    /// Waits until the connections that were open at the beginning have ended, but no longer than this.
    pub(super) fn drained(&self, until: Instant) -> impl Future<Output = ()> + use<> {
        let earlier = self.earlier.clone();
        async move {
            drop(timeout_at(until, earlier.closed()).await);
        }
    }

    /// The number of open connections.
    pub(super) fn connections(&self) -> usize {
        self.earlier.receiver_count() + self.later.receiver_count()
    }

    /// Waits until all connections have ended; `false` if they did not by this time.
    pub(super) async fn finish(&self, until: Instant) -> bool {
        self.later.send_replace(true);
        let all = async {
            self.earlier.closed().await;
            self.later.closed().await;
        };
        timeout_at(until, all).await.is_ok()
    }
}

impl Watcher {
    /// Whether the connection ends with the response that is sent now.
    pub(super) fn closes(&self) -> bool {
        self.is_late || *self.has_begun.borrow()
    }

    /// Waits until the shutdown of this connection begins.
    pub(super) async fn begun(&mut self) {
        // The sender lives as long as the server.
        drop(self.has_begun.wait_for(|begun| *begun).await);
    }

    /// Waits until the connection is to be closed if it is idle. A request may follow the connection that was opened
    /// just now.
    pub(super) async fn idle_end(mut self, opened: Instant, drain: Duration) {
        self.begun().await;
        sleep_until(opened.max(Instant::now()) + drain).await;
    }
}
