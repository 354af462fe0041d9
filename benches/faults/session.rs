//! A session as its clients store it, and the checks of its token responses.

use std::{
    collections::VecDeque,
    fmt::Write as _,
    sync::{Mutex, MutexGuard, PoisonError, atomic::Ordering},
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{client::Run, counters::Counters};

/// The number of older tokens kept for replays.
const OLDER: usize = 4;
/// The prefix of a refresh token; a version of one byte, the session's id and its generation follow.
const PREFIX: &str = "jrt_";

/// The tokens of a token response.
#[derive(Clone)]
pub struct Tokens {
    pub refresh: String,
    pub access: String,
}

/// The token storage that the clients of one session share.
pub struct Session(Mutex<State>);

struct State {
    newest: String,
    /// When `newest` was first sent.
    sent: Option<Instant>,
    /// When `newest` is to be sent.
    due: Instant,
    /// The previous token and the first response to it.
    last: Option<Answered>,
    /// Previous tokens, the latest first.
    older: VecDeque<String>,
    signed_out: bool,
}

struct Answered {
    token: String,
    sent: Instant,
    tokens: Tokens,
}

/// The token of the next refresh and its time.
pub struct NextRefresh {
    pub token: String,
    pub due: Instant,
}

impl Session {
    pub fn new(token: String, due: Instant) -> Self {
        Self(Mutex::new(State {
            newest: token,
            sent: None,
            due,
            last: None,
            older: VecDeque::new(),
            signed_out: false,
        }))
    }

    /// The next refresh; `None` after a sign-out.
    pub fn next_refresh(&self) -> Option<NextRefresh> {
        let state = self.state();
        (!state.signed_out).then(|| NextRefresh {
            token: state.newest.clone(),
            due: state.due,
        })
    }

    pub fn is_newest(&self, token: &str) -> bool {
        self.state().newest == token
    }

    /// The token that was the newest `ago` rotations ago.
    pub fn older(&self, ago: usize) -> Option<String> {
        let state = self.state();
        state.older.get(ago.checked_sub(1)?).cloned()
    }

    /// Records that a token is about to be sent.
    pub fn record_sending(&self, token: &str) {
        let mut state = self.state();
        if state.newest == token {
            state.sent.get_or_insert_with(Instant::now);
        }
    }

    /// Stores the response to `token` and compares it with earlier responses to it.
    pub fn accept(&self, token: &str, tokens: Tokens, pause: Duration, run: &Run) {
        let mut state = self.state();
        if state.newest == token {
            state.rotate(tokens, pause, &run.counters);
        } else if let Some(last) = state.last.as_ref().filter(|last| last.token == token) {
            last.compare(&tokens, run);
        } else {
            let what = format!("{}: an older token was accepted", state.describe());
            run.counters.record_violation(&what);
        }
    }

    /// Records an `invalid_grant` response.
    pub fn sign_out(&self, token: &str, counters: &Counters) {
        let mut state = self.state();
        if !state.signed_out {
            let which = if state.newest == token {
                "newest"
            } else {
                "last"
            };
            counters.record_message(&format!(
                "{}: signed out by its {which} token",
                state.describe()
            ));
        }
        state.signed_out = true;
    }

    pub fn is_signed_out(&self) -> bool {
        self.state().signed_out
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn rotate(&mut self, tokens: Tokens, pause: Duration, counters: &Counters) {
        if tokens.refresh == self.newest {
            counters.record_violation(&format!("{}: its token was not rotated", self.describe()));
        }
        let now = Instant::now();
        let token = std::mem::replace(&mut self.newest, tokens.refresh.clone());
        self.older.push_front(token.clone());
        self.older.truncate(OLDER);
        self.due = now + pause;
        self.last = Some(Answered {
            token,
            sent: self.sent.take().unwrap_or(now),
            tokens,
        });
    }

    /// The session's id, as in the audit log, and its generation.
    fn describe(&self) -> String {
        let text = self.newest.strip_prefix(PREFIX).unwrap_or_default();
        let bytes = URL_SAFE_NO_PAD.decode(text).unwrap_or_default();
        let mut description = String::from("session ");
        for byte in bytes.get(1..17).unwrap_or_default() {
            // Writing to a String never fails.
            let _ = write!(description, "{byte:02x}");
        }
        if let Some(generation) = bytes.get(17..21).and_then(|part| part.try_into().ok()) {
            let _ = write!(
                description,
                " at generation {}",
                u32::from_be_bytes(generation)
            );
        }
        description
    }
}

impl Answered {
    /// Compares another response to the same token with the first one.
    fn compare(&self, tokens: &Tokens, run: &Run) {
        let counters = &run.counters;
        if tokens.refresh != self.tokens.refresh {
            counters.record_violation("the same token got two refresh tokens");
        } else if tokens.access == self.tokens.access {
            counters.same.fetch_add(1, Ordering::Relaxed);
        } else if self.sent.elapsed() < run.same_within {
            counters.record_violation("the same token got two access tokens in the window");
        } else {
            counters.renewed.fetch_add(1, Ordering::Relaxed);
        }
    }
}
