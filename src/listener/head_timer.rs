//! The time limits of a request's head and of an idle connection, as hyper's timer.
//!
//! hyper has one limit for both: from the end of a request until the next head is complete. A head must arrive
//! within seconds, so that slow clients do not block the server. An idle connection must live longer than load
//! balancers keep theirs, or a request meets a connection that is closing.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};

use crate::config::ServerSettings;

/// Whether a connection has received bytes since hyper began to wait for a head.
#[derive(Clone, Default)]
pub(super) struct Received(Arc<AtomicBool>);

impl Received {
    pub(super) fn note(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The timer of one connection. hyper starts it when it begins to wait for a head, and has no other use for it.
pub(super) struct HeadTimer {
    received: Received,
    /// No head has been waited for.
    is_new: AtomicBool,
    head: Duration,
    idle: Duration,
}

impl HeadTimer {
    pub(super) fn new(settings: &ServerSettings, received: Received) -> Self {
        Self {
            received,
            is_new: AtomicBool::new(true),
            head: settings.header_read_timeout.0,
            idle: settings.keep_alive_timeout.0,
        }
    }

    /// The first head is due after the connection was opened, a later one after its first byte. A head that began
    /// to arrive with the request before it counts as idle until more of it arrives.
    fn start(&self) -> Pin<Box<dyn Sleep>> {
        self.received.0.store(false, Ordering::Relaxed);
        let is_new = self.is_new.swap(false, Ordering::Relaxed);
        let limit = if is_new { self.head } else { self.idle };
        Box::pin(HeadSleep {
            sleep: Box::pin(tokio::time::sleep(limit)),
            idle: (!is_new).then(|| self.received.clone()),
            head: self.head,
        })
    }
}

impl Timer for HeadTimer {
    fn sleep(&self, _: Duration) -> Pin<Box<dyn Sleep>> {
        self.start()
    }

    fn sleep_until(&self, _: Instant) -> Pin<Box<dyn Sleep>> {
        self.start()
    }
}

struct HeadSleep {
    sleep: Pin<Box<tokio::time::Sleep>>,
    /// `None` once the head has begun to arrive.
    idle: Option<Received>,
    head: Duration,
}

impl Future for HeadSleep {
    type Output = ();

    /// hyper polls this after each read.
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let begins = |received: &mut Received| received.0.load(Ordering::Relaxed);
        if this.idle.take_if(begins).is_some() {
            this.sleep.set(tokio::time::sleep(this.head));
        }
        this.sleep.as_mut().poll(context)
    }
}

impl Sleep for HeadSleep {}
