//! The log on standard error, as text or JSON.
//!
//! A thread of its own writes it. When nothing reads the log, the queue of that thread becomes full, and lines are
//! lost and counted. No request waits for the log, and no failure to write it ends the server.

use std::io::{self, IsTerminal as _, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;

use super::CommandError;
use crate::config::{LogFormat, LogSettings};

/// Maximum number of lines that wait to be written: a few megabytes.
const QUEUE: usize = 8192;

/// The running log. Dropping it writes what waits, for at most a second.
pub struct Log {
    worker: Option<WorkerGuard>,
    lost: LostLines,
}

/// The number of lines that were not written since the start.
#[derive(Clone)]
pub struct LostLines {
    queue_full: ErrorCounter,
    unwritable: Arc<AtomicU64>,
}

/// Starts the log, which also records panics.
pub fn start(settings: &LogSettings) -> Result<Log, CommandError> {
    let filter = filter(settings).map_err(CommandError::new)?;
    let json = match settings.format {
        LogFormat::Json => true,
        LogFormat::Pretty => false,
        LogFormat::Auto => !io::stderr().is_terminal(),
    };
    let stderr = CountedStderr::default();
    let unwritable = Arc::clone(&stderr.failed);
    let (writer, worker) = NonBlockingBuilder::default()
        .lossy(true)
        .buffered_lines_limit(QUEUE)
        .thread_name("jeton-log")
        .finish(stderr);
    let queue_full = writer.error_counter();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        .log_internal_errors(false);
    if json {
        builder
            .json()
            .flatten_event(true)
            .with_span_list(false)
            .init();
    } else {
        builder.with_ansi(io::stderr().is_terminal()).init();
    }
    std::panic::set_hook(Box::new(|panic| {
        // Only the location: the message of a panic may contain a secret.
        let location = panic
            .location()
            .map(ToString::to_string)
            .unwrap_or_default();
        tracing::error!(location, "panic");
    }));
    Ok(Log {
        worker: Some(worker),
        lost: LostLines {
            queue_full,
            unwritable,
        },
    })
}

/// The filter for log events, or the rule that the setting breaks.
pub fn filter(settings: &LogSettings) -> Result<EnvFilter, String> {
    EnvFilter::try_new(&settings.filter)
        .map_err(|_| "is not a filter; write a level such as info, or info,jeton=debug".to_owned())
}

impl Log {
    /// The number of lines that were not written.
    pub fn lost_lines(&self) -> LostLines {
        self.lost.clone()
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        // The worker prints to standard output when its queue is full, and panics if that is closed.
        let worker = self.worker.take();
        drop(catch_unwind(AssertUnwindSafe(|| drop(worker))));
    }
}

impl LostLines {
    /// The number since the start.
    pub fn count(&self) -> u64 {
        let queue_full = u64::try_from(self.queue_full.dropped_lines()).unwrap_or(u64::MAX);
        queue_full.saturating_add(self.unwritable.load(Ordering::Relaxed))
    }
}

/// Standard error. A line that cannot be written, as to a closed pipe or a full disk, is counted.
#[derive(Default)]
struct CountedStderr {
    failed: Arc<AtomicU64>,
}

impl Write for CountedStderr {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if io::stderr().write_all(line).is_err() {
            self.failed.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
