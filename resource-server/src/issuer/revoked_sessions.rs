//! The sessions that the issuer has revoked, fetched continuously so that their tokens are refused before
//! they expire.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use serde::Deserialize;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep};

use super::fetch::{Fetched, Http, redacted};
use super::fetch_error::FetchError;
use super::revocation_feed::RevocationFeed;
use super::snapshot::KeySnapshot;
use crate::clock;

/// The maximum of pages without a pause.
const MAX_PAGES: usize = 1000;
/// The retry delay doubles after each failure, up to this.
const MAX_RETRY: Duration = Duration::from_secs(30);

/// The revoked sessions of one issuer, refreshed until this is dropped.
#[derive(Debug)]
pub(crate) struct RevokedSessions {
    snapshot: watch::Receiver<Arc<RevocationSnapshot>>,
    task: AbortHandle,
}

/// The revoked sessions at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct RevocationSnapshot {
    /// For each session the latest expiry of its tokens, in seconds since 1970.
    sessions: Arc<HashMap<String, i64>>,
    /// The last successful fetch.
    pub fetched_at: Option<Instant>,
    /// Start of the current series of failures, and the last error.
    pub failing: Option<(Instant, FetchError)>,
}

impl RevocationSnapshot {
    pub(crate) fn count(&self) -> usize {
        self.sessions.len()
    }
}

impl RevokedSessions {
    /// Starts the task, which ends when this is dropped.
    pub(crate) fn start(
        feed: RevocationFeed,
        http: Http,
        keys: watch::Receiver<Arc<KeySnapshot>>,
        runtime: &tokio::runtime::Handle,
    ) -> Self {
        let (publish, snapshot) = watch::channel(Arc::default());
        let task = FeedTask {
            feed,
            http,
            keys,
            publish,
            since: None,
            etag: None,
        };
        Self {
            snapshot,
            task: runtime.spawn(task.run()).abort_handle(),
        }
    }

    pub(crate) fn contains(&self, session: &str) -> bool {
        self.snapshot.borrow().sessions.contains_key(session)
    }

    pub(crate) fn snapshot(&self) -> Arc<RevocationSnapshot> {
        Arc::clone(&self.snapshot.borrow())
    }

    pub(crate) async fn wait_for_first_fetch(&self) {
        let mut snapshots = self.snapshot.clone();
        let first = snapshots
            .wait_for(|snapshot| snapshot.fetched_at.is_some() || snapshot.failing.is_some());
        // An error means that the task has ended: there is nothing to wait for.
        let _ = first.await.map(drop);
    }
}

impl Drop for RevokedSessions {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct FeedTask {
    feed: RevocationFeed,
    http: Http,
    /// Contains the URL of the feed, from the metadata.
    keys: watch::Receiver<Arc<KeySnapshot>>,
    publish: watch::Sender<Arc<RevocationSnapshot>>,
    /// The cursor: `next` of the last page.
    since: Option<String>,
    /// The `ETag` of the page at the cursor.
    etag: Option<HeaderValue>,
}

#[derive(Deserialize)]
struct Page {
    sessions: Vec<Session>,
    next: String,
    more: bool,
}

#[derive(Deserialize)]
struct Session {
    sid: String,
    until: i64,
}

impl FeedTask {
    async fn run(mut self) {
        let mut pause = self.feed.interval;
        let first = self.keys.wait_for(|snapshot| snapshot.fetches > 0).await;
        if first.map(drop).is_err() {
            return;
        }
        loop {
            match self.fetch().await {
                Ok(()) => pause = self.feed.interval,
                Err(error) => {
                    self.publish_failure(error);
                    pause = (pause * 2).min(MAX_RETRY);
                }
            }
            sleep(pause).await;
        }
    }

    /// Fetches page by page, until the last.
    async fn fetch(&mut self) -> Result<(), FetchError> {
        let endpoint = self.keys.borrow().endpoints.revoked_sessions.clone();
        let endpoint = endpoint.ok_or(FetchError::NoRevocationFeed)?;
        for _ in 0..MAX_PAGES {
            let mut url = endpoint.clone();
            if let Some(since) = &self.since {
                url.query_pairs_mut().append_pair("since", since);
            }
            let authorization = self.feed.authorization.as_ref();
            let fetched = self.http.get(&url, self.etag.as_ref(), authorization);
            let (body, etag) = match fetched.await? {
                Fetched::Unchanged { .. } => {
                    self.publish_sessions(&[]);
                    return Ok(());
                }
                Fetched::Document { body, etag, .. } => (body, etag),
            };
            let page: Page = serde_json::from_slice(&body)
                .map_err(|_| FetchError::NotARevocationFeed(redacted(&endpoint)))?;
            self.publish_sessions(&page.sessions);
            let same_cursor = self.since.as_ref() == Some(&page.next);
            self.etag = etag.filter(|_| same_cursor);
            self.since = Some(page.next);
            if !page.more {
                break;
            }
        }
        Ok(())
    }

    /// Adds sessions, and removes those with no unexpired tokens.
    fn publish_sessions(&self, sessions: &[Session]) {
        let before = Arc::clone(&self.publish.borrow());
        if let Some((since, _)) = &before.failing {
            let after = since.elapsed().as_secs();
            tracing::info!(after, "fetching the revoked sessions works again");
        }
        let mut snapshot = RevocationSnapshot::clone(&before);
        let now = clock::now();
        let has_expired = |until: &i64| *until < now;
        if !sessions.is_empty() || snapshot.sessions.values().any(has_expired) {
            let kept = Arc::make_mut(&mut snapshot.sessions);
            kept.retain(|_, until| !has_expired(until));
            let added = sessions.iter().filter(|one| !has_expired(&one.until));
            kept.extend(added.map(|one| (one.sid.clone(), one.until)));
        }
        snapshot.fetched_at = Some(Instant::now());
        snapshot.failing = None;
        self.publish.send_replace(Arc::new(snapshot));
    }

    fn publish_failure(&self, error: FetchError) {
        let before = Arc::clone(&self.publish.borrow());
        let last = before.failing.as_ref();
        // A repeated error is logged once.
        if last.map(|(_, error)| error) != Some(&error) {
            tracing::warn!(
                %error,
                "cannot fetch the revoked sessions; their tokens are accepted until they expire"
            );
        }
        let since = last.map_or_else(Instant::now, |(since, _)| *since);
        self.publish.send_replace(Arc::new(RevocationSnapshot {
            failing: Some((since, error)),
            ..RevocationSnapshot::clone(&before)
        }));
    }
}
