//! Latencies and errors over time, for `--record`: two CSV files with Unix times in seconds.

use std::{
    fs::File,
    io::{self, Write},
    path::Path,
    sync::{Mutex, PoisonError},
    thread::sleep,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use crate::{counters::RequestResult, http::Connection};

/// The time of one row per kind.
const INTERVAL: Duration = Duration::from_secs(5);

/// The kind of a request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Refresh,
    /// With the right password: by the password grant, or on the page.
    SignIn,
    /// With a wrong password.
    WrongPassword,
    /// Authorization requests without a password.
    Authorize,
    /// Token requests with a code.
    Code,
    /// JWKS and metadata.
    Documents,
    Userinfo,
    Introspect,
    Revoke,
    /// Requests that must be refused.
    Refused,
}

impl Kind {
    const ALL: [(Self, &'static str); 10] = [
        (Self::Refresh, "refresh"),
        (Self::SignIn, "sign-in"),
        (Self::WrongPassword, "wrong password"),
        (Self::Authorize, "authorization request"),
        (Self::Code, "code redeemed"),
        (Self::Documents, "JWKS, metadata"),
        (Self::Userinfo, "userinfo"),
        (Self::Introspect, "introspection"),
        (Self::Revoke, "revocation"),
        (Self::Refused, "invalid request"),
    ];

    fn name(self) -> &'static str {
        Self::ALL.get(self as usize).map_or("", |(_, name)| *name)
    }
}

/// A request that was sent to a node.
pub struct Sent {
    kind: Kind,
    node: usize,
    at: Instant,
    /// When its connection was opened.
    connected: Instant,
}

impl Sent {
    /// A request that is sent now, on this connection or on a new one.
    pub fn now(kind: Kind, node: usize, connection: Option<&Connection>) -> Self {
        let at = Instant::now();
        Self {
            kind,
            node,
            at,
            connected: connection.map_or(at, |connection| connection.opened),
        }
    }
}

/// Collects the results of all clients.
pub struct Recorder {
    files: Option<Mutex<Files>>,
    latencies: [Mutex<Vec<Duration>>; Kind::ALL.len()],
    /// The same moment on both clocks.
    start: (Instant, Duration),
}

struct Files {
    latencies: File,
    errors: File,
}

impl Recorder {
    /// Writes into the directory; without one, nothing is recorded.
    #[expect(
        clippy::disallowed_methods,
        reason = "the script has the times of the faults by this clock"
    )]
    pub fn new(directory: Option<&Path>) -> io::Result<Self> {
        let files = directory.map(Files::create).transpose()?;
        let unix = SystemTime::now().duration_since(UNIX_EPOCH);
        Ok(Self {
            files: files.map(Mutex::new),
            latencies: Default::default(),
            start: (Instant::now(), unix.map_err(io::Error::other)?),
        })
    }

    /// Records the result of a request that ends now. A refusal is a response like any other.
    pub fn record(&self, sent: &Sent, result: RequestResult) {
        let Some(files) = &self.files else {
            return;
        };
        let now = Instant::now();
        if matches!(result, RequestResult::Success | RequestResult::InvalidGrant) {
            if let Some(latencies) = self.latencies.get(sent.kind as usize) {
                lock(latencies).push(now - sent.at);
            }
            return;
        }
        let [connected, began, ended] = [sent.connected, sent.at, now].map(|at| self.unix(at));
        let (kind, node, result) = (sent.kind.name(), sent.node, result.name());
        let row = format!("{connected:.3},{began:.3},{ended:.3},\"{kind}\",{node},{result}\n");
        // Without this row the judgment lacks an error; a full disk also ends `write_until`, which reports it.
        let _ = lock(files).errors.write_all(row.as_bytes());
    }

    /// Writes a row per kind at each interval until `end`.
    pub fn write_until(&self, end: Instant) -> io::Result<()> {
        while Instant::now() < end {
            sleep(INTERVAL.min(end.saturating_duration_since(Instant::now())));
            self.write_rows()?;
        }
        Ok(())
    }

    fn write_rows(&self) -> io::Result<()> {
        let Some(files) = &self.files else {
            return Ok(());
        };
        let now = self.unix(Instant::now());
        for ((_, name), latencies) in Kind::ALL.iter().zip(&self.latencies) {
            let mut latencies = std::mem::take(&mut *lock(latencies));
            latencies.sort_unstable();
            let at = |percent: usize| {
                let index =
                    (latencies.len() * percent / 100).min(latencies.len().saturating_sub(1));
                let latency = latencies.get(index).copied().unwrap_or_default();
                latency.as_secs_f64() * 1e3
            };
            let (count, p50, p99, most) = (latencies.len(), at(50), at(99), at(100));
            let row = format!("{now:.3},\"{name}\",{count},{p50:.3},{p99:.3},{most:.3}\n");
            lock(files).latencies.write_all(row.as_bytes())?;
        }
        Ok(())
    }

    fn unix(&self, moment: Instant) -> f64 {
        let (instant, unix) = self.start;
        (unix + moment.saturating_duration_since(instant)).as_secs_f64()
    }
}

impl Files {
    fn create(directory: &Path) -> io::Result<Self> {
        let mut latencies = File::create(directory.join("latencies.csv"))?;
        writeln!(latencies, "time,kind,responses,p50_ms,p99_ms,max_ms")?;
        let mut errors = File::create(directory.join("errors.csv"))?;
        writeln!(errors, "connected,sent,ended,kind,node,result")?;
        Ok(Self { latencies, errors })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
