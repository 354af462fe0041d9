//! A session as its clients hold it: what they store, and what they may expect of an answer.

use std::{
    collections::VecDeque,
    fmt::Write as _,
    sync::{Mutex, MutexGuard, PoisonError, atomic::Ordering},
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{client::World, tally::Tally};

/// How many older tokens a thief could have.
const OLDER: usize = 4;
/// `jrt_`, then a version of one byte, the session's id and its generation.
const PREFIX: &str = "jrt_";

/// What a good answer holds.
#[derive(Clone)]
pub struct Tokens {
    pub refresh: String,
    pub access: String,
}

/// What the clients of one session share: a thing to store tokens in.
pub struct Session(Mutex<State>);

struct State {
    newest: String,
    /// When it was first sent.
    sent: Option<Instant>,
    /// When it is to be sent.
    due: Instant,
    /// The token before and its first answer.
    last: Option<Answered>,
    /// The tokens before, the latest first.
    older: VecDeque<String>,
    over: bool,
}

struct Answered {
    token: String,
    sent: Instant,
    tokens: Tokens,
}

/// A token to refresh with, and when.
pub struct Turn {
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
            over: false,
        }))
    }

    /// What is next; `None` when it was signed out.
    pub fn turn(&self) -> Option<Turn> {
        let state = self.state();
        (!state.over).then(|| Turn {
            token: state.newest.clone(),
            due: state.due,
        })
    }

    pub fn is_newest(&self, token: &str) -> bool {
        self.state().newest == token
    }

    /// The token that was the newest so many answers ago.
    pub fn older(&self, ago: usize) -> Option<String> {
        let state = self.state();
        state.older.get(ago.checked_sub(1)?).cloned()
    }

    /// A token is about to be sent.
    pub fn sends(&self, token: &str) {
        let mut state = self.state();
        if state.newest == token {
            state.sent.get_or_insert_with(Instant::now);
        }
    }

    /// Stores what came for `token`, and holds it against what came for it before.
    pub fn accept(&self, token: &str, tokens: Tokens, pause: Duration, world: &World) {
        let mut state = self.state();
        if state.newest == token {
            state.go_on(tokens, pause, &world.tally);
        } else if let Some(last) = state.last.as_ref().filter(|last| last.token == token) {
            last.compare(&tokens, world);
        } else {
            let what = format!("{}: an older token was taken", state.describe());
            world.tally.broke(&what);
        }
    }

    /// Nothing more comes: it was told so.
    pub fn end(&self, token: &str, tally: &Tally) {
        let mut state = self.state();
        if !state.over {
            let which = if state.newest == token {
                "newest"
            } else {
                "last"
            };
            tally.complain(&format!(
                "{}: signed out by its {which} token",
                state.describe()
            ));
        }
        state.over = true;
    }

    pub fn is_over(&self) -> bool {
        self.state().over
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn go_on(&mut self, tokens: Tokens, pause: Duration, tally: &Tally) {
        if tokens.refresh == self.newest {
            tally.broke(&format!("{}: its token was not rotated", self.describe()));
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

    /// Which session it is, as the audit log calls it, and how often it was refreshed.
    fn describe(&self) -> String {
        let text = self.newest.strip_prefix(PREFIX).unwrap_or_default();
        let bytes = URL_SAFE_NO_PAD.decode(text).unwrap_or_default();
        let mut told = String::from("session ");
        for byte in bytes.get(1..17).unwrap_or_default() {
            // A text takes whatever is written to it.
            let _ = write!(told, "{byte:02x}");
        }
        if let Some(generation) = bytes.get(17..21).and_then(|part| part.try_into().ok()) {
            let _ = write!(told, " at generation {}", u32::from_be_bytes(generation));
        }
        told
    }
}

impl Answered {
    /// Two who show the same token hold the same tokens after it.
    fn compare(&self, tokens: &Tokens, world: &World) {
        let tally = &world.tally;
        if tokens.refresh != self.tokens.refresh {
            tally.broke("the same token got two refresh tokens");
        } else if tokens.access == self.tokens.access {
            tally.same.fetch_add(1, Ordering::Relaxed);
        } else if self.sent.elapsed() < world.same_within {
            tally.broke("the same token got two access tokens in the window");
        } else {
            tally.renewed.fetch_add(1, Ordering::Relaxed);
        }
    }
}
