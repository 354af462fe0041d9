//! Which sessions the issuer has ended: asked for again and again, so that a sign-out counts here before
//! the token expires.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep};

use super::fetch::{FetchError, Fetched, Http, shown};
use super::snapshot::Snapshot;
use crate::clock;

const INTERVAL: Duration = Duration::from_secs(1);
/// So many at once; the rest after a pause.
const MOST_PAGES: usize = 1000;
/// After a failure the pause doubles, up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Who asks which sessions were ended: this API, as the confidential client that it is registered as at
/// the issuer.
#[derive(Clone)]
#[must_use]
pub struct RevocationFeed {
    authorization: Option<HeaderValue>,
    interval: Duration,
}

impl RevocationFeed {
    /// As a client with this secret, by HTTP Basic (RFC 6749 §2.3.1). The address is that of the
    /// issuer's metadata, `revoked_sessions_endpoint`.
    pub fn new(client_id: &str, client_secret: &str) -> Self {
        let encode = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
        let pair = format!("{}:{}", encode(client_id), encode(client_secret));
        let mut authorization =
            HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair))).ok();
        if let Some(value) = &mut authorization {
            value.set_sensitive(true);
        }
        Self {
            authorization,
            interval: INTERVAL,
        }
    }

    /// The time between two questions; 1 s if this is not said.
    pub const fn interval(mut self, time: Duration) -> Self {
        self.interval = time;
        self
    }
}

/// The secret stays out of the log.
impl fmt::Debug for RevocationFeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RevocationFeed")
            .field("interval", &self.interval)
            .finish_non_exhaustive()
    }
}

/// What is known of ended sessions, kept up to date for as long as this lives.
#[derive(Debug)]
pub(crate) struct Ended {
    known: watch::Receiver<Arc<Known>>,
    task: AbortHandle,
}

/// What is known of ended sessions at one time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    /// Until when a token of the session may be alive, in seconds since 1970.
    sessions: Arc<HashMap<String, i64>>,
    /// When the issuer last answered.
    pub as_of: Option<Instant>,
    /// Since when it does not, and why.
    pub failing: Option<(Instant, FetchError)>,
}

impl Known {
    /// How many sessions are known to be over.
    pub(crate) fn count(&self) -> usize {
        self.sessions.len()
    }
}

impl Ended {
    /// Starts the task. It ends when this is dropped.
    pub(crate) fn start(
        feed: RevocationFeed,
        http: Http,
        issuer: watch::Receiver<Arc<Snapshot>>,
        runtime: &tokio::runtime::Handle,
    ) -> Self {
        let (publish, known) = watch::channel(Arc::default());
        let task = Task {
            feed,
            http,
            issuer,
            publish,
            since: None,
            etag: None,
        };
        Self {
            known,
            task: runtime.spawn(task.run()).abort_handle(),
        }
    }

    /// Whether the session was ended.
    pub(crate) fn has(&self, session: &str) -> bool {
        self.known.borrow().sessions.contains_key(session)
    }

    /// What is known now.
    pub(crate) fn known(&self) -> Arc<Known> {
        Arc::clone(&self.known.borrow())
    }

    /// Waits until the issuer has been asked once.
    pub(crate) async fn first(&self) {
        let mut known = self.known.clone();
        let first = known.wait_for(|known| known.as_of.is_some() || known.failing.is_some());
        // If the task has ended there is nothing to wait for.
        let _ = first.await.map(drop);
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Task {
    feed: RevocationFeed,
    http: Http,
    issuer: watch::Receiver<Arc<Snapshot>>,
    publish: watch::Sender<Arc<Known>>,
    since: Option<String>,
    /// Of the answer to the question that `since` asks.
    etag: Option<HeaderValue>,
}

/// The issuer's answer.
#[derive(Deserialize)]
struct Answer {
    sessions: Vec<Session>,
    next: String,
    more: bool,
}

#[derive(Deserialize)]
struct Session {
    sid: String,
    until: i64,
}

impl Task {
    async fn run(mut self) {
        let mut pause = self.feed.interval;
        // The metadata says where to ask.
        let first = self.issuer.wait_for(|snapshot| snapshot.fetches > 0).await;
        if first.map(drop).is_err() {
            return;
        }
        loop {
            match self.ask().await {
                Ok(()) => pause = self.feed.interval,
                Err(error) => {
                    self.fail(error);
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
            sleep(pause).await;
        }
    }

    /// Asks page by page, until all is told.
    async fn ask(&mut self) -> Result<(), FetchError> {
        let endpoint = self.issuer.borrow().endpoints.revoked_sessions.clone();
        let endpoint = endpoint.ok_or(FetchError::NoRevocationFeed)?;
        for _ in 0..MOST_PAGES {
            let mut url = endpoint.clone();
            if let Some(since) = &self.since {
                url.query_pairs_mut().append_pair("since", since);
            }
            let authorization = self.feed.authorization.as_ref();
            let fetched = self.http.get_as(&url, self.etag.as_ref(), authorization);
            let (body, etag) = match fetched.await? {
                Fetched::Unchanged { .. } => {
                    self.learn(&[]);
                    return Ok(());
                }
                Fetched::Document { body, etag, .. } => (body, etag),
            };
            let answer: Answer = serde_json::from_slice(&body)
                .map_err(|_| FetchError::NotARevocationFeed(shown(&endpoint)))?;
            self.learn(&answer.sessions);
            let same_question = self.since.as_ref() == Some(&answer.next);
            self.etag = etag.filter(|_| same_question);
            self.since = Some(answer.next);
            if !answer.more {
                break;
            }
        }
        Ok(())
    }

    fn learn(&self, sessions: &[Session]) {
        let before = Arc::clone(&self.publish.borrow());
        if let Some((since, _)) = &before.failing {
            let after = since.elapsed().as_secs();
            tracing::info!(after, "the issuer says again which sessions were ended");
        }
        let mut known = Known::clone(&before);
        let now = clock::now();
        let is_over = |until: &i64| *until < now;
        if !sessions.is_empty() || known.sessions.values().any(is_over) {
            let kept = Arc::make_mut(&mut known.sessions);
            kept.retain(|_, until| !is_over(until));
            let told = sessions.iter().filter(|session| !is_over(&session.until));
            kept.extend(told.map(|session| (session.sid.clone(), session.until)));
        }
        known.as_of = Some(Instant::now());
        known.failing = None;
        self.publish.send_replace(Arc::new(known));
    }

    fn fail(&self, error: FetchError) {
        let before = Arc::clone(&self.publish.borrow());
        // Told once, and again when the reason is another.
        if before.failing.as_ref().map(|(_, last)| last) != Some(&error) {
            tracing::warn!(
                %error,
                "the issuer does not say which sessions were ended; tokens go on until they expire"
            );
        }
        let since = before.failing.as_ref().map(|(since, _)| *since);
        let failing = Some((since.unwrap_or_else(Instant::now), error));
        self.publish.send_replace(Arc::new(Known {
            failing,
            ..Known::clone(&before)
        }));
    }
}
