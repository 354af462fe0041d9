//! The time limits of a request's head and of an idle connection, as hyper's timer.
//!
//! hyper has one limit for both: from the end of a request until the next head is complete. A head must arrive
//! within seconds, so that slow clients do not block the server. An idle connection must live longer than load
//! balancers keep theirs, or a request meets a connection that is closing.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};

use super::time_limits::TimeLimits;

/// The head of a connection's next request: shared by its timer, its stream and its service.
#[derive(Clone)]
pub(super) struct Head(Arc<State>);

struct State {
    opened: tokio::time::Instant,
    is_awaited: AtomicBool,
    /// Milliseconds from the connection's opening.
    awaited_since: AtomicU64,
    has_begun: AtomicBool,
}

impl Head {
    /// Of a connection that was opened at this time.
    pub(super) fn new(opened: tokio::time::Instant) -> Self {
        Self(Arc::new(State {
            opened,
            is_awaited: AtomicBool::new(false),
            awaited_since: AtomicU64::new(0),
            has_begun: AtomicBool::new(false),
        }))
    }

    fn begin_wait(&self) {
        let since = u64::try_from(self.0.opened.elapsed().as_millis()).unwrap_or_default();
        self.0.awaited_since.store(since, Ordering::Relaxed);
        self.0.has_begun.store(false, Ordering::Relaxed);
        self.0.is_awaited.store(true, Ordering::Relaxed);
    }

    /// Bytes have arrived, of a head if one is awaited.
    pub(super) fn receive(&self) {
        self.0.has_begun.store(true, Ordering::Relaxed);
    }

    fn has_begun(&self) -> bool {
        self.0.has_begun.load(Ordering::Relaxed)
    }

    /// The head has arrived.
    pub(super) fn complete(&self) {
        self.0.is_awaited.store(false, Ordering::Relaxed);
    }

    pub(super) fn is_awaited(&self) -> bool {
        self.0.is_awaited.load(Ordering::Relaxed)
    }

    /// Since when a head is awaited of which nothing has arrived.
    pub(super) fn idle_since(&self) -> Option<tokio::time::Instant> {
        let since = self.0.awaited_since.load(Ordering::Relaxed);
        (self.is_awaited() && !self.has_begun())
            .then(|| self.0.opened + Duration::from_millis(since))
    }

    /// A part of the head has arrived.
    pub(super) fn is_arriving(&self) -> bool {
        self.is_awaited() && self.has_begun()
    }
}

/// The timer of one connection. hyper starts it when it begins to wait for a head, and has no other use for it.
pub(super) struct HeadTimer {
    awaited: Head,
    /// No head has been waited for.
    is_new: AtomicBool,
    opened: tokio::time::Instant,
    limits: TimeLimits,
}

impl HeadTimer {
    pub(super) const fn new(
        limits: TimeLimits,
        opened: tokio::time::Instant,
        awaited: Head,
    ) -> Self {
        Self {
            awaited,
            is_new: AtomicBool::new(true),
            opened,
            limits,
        }
    }

    /// The first head is due after the connection was opened, a later one after its first byte. A head that began
    /// to arrive with the request before it counts as idle until more of it arrives.
    fn start(&self) -> Pin<Box<dyn Sleep>> {
        self.awaited.begin_wait();
        let is_new = self.is_new.swap(false, Ordering::Relaxed);
        let due = if is_new {
            self.opened + self.limits.head
        } else {
            tokio::time::Instant::now() + self.limits.idle
        };
        Box::pin(HeadSleep {
            sleep: Box::pin(tokio::time::sleep_until(due)),
            idle: (!is_new).then(|| self.awaited.clone()),
            head: self.limits.head,
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
    idle: Option<Head>,
    head: Duration,
}

impl Future for HeadSleep {
    type Output = ();

    /// hyper polls this after each read.
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        if this.idle.take_if(|head| head.has_begun()).is_some() {
            this.sleep.set(tokio::time::sleep(this.head));
        }
        this.sleep.as_mut().poll(context)
    }
}

impl Sleep for HeadSleep {}
