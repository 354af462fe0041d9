//! The mixed load of `tests/soak.sh`: users, browsers, APIs, bad input and abandoned connections beside the refreshes.
//! A visit is a fixed sequence of requests. It ends early at an error, and the next one goes to another node.

mod abandoned;
mod bad_input;
mod browser;
mod caller;
mod documents;
mod message;
mod user;

use std::{
    io,
    str::FromStr,
    thread::{Builder, Scope},
    time::{Duration, Instant},
};

use self::caller::Caller;
use crate::{STACK, client::Run, random::Random};

/// What the requests contain.
pub struct Mix {
    pub username: String,
    pub password: String,
    pub client: String,
    pub introspector: Introspector,
}

/// A confidential client, as `ID:SECRET`.
#[derive(Clone)]
pub struct Introspector {
    id: String,
    secret: String,
}

impl FromStr for Introspector {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (id, secret) = text.split_once(':').ok_or("expected ID:SECRET")?;
        Ok(Self {
            id: id.to_owned(),
            secret: secret.to_owned(),
        })
    }
}

/// Workers that make the same visits.
struct Workers {
    count: usize,
    /// The time between two visits of a worker.
    pause: Duration,
    visit: fn(&mut Caller, &Mix) -> Visit,
}

/// `None` if a request had no response, or a temporary error.
type Visit = Option<()>;

const WORKERS: [Workers; 5] = [
    Workers {
        count: 4,
        pause: Duration::from_secs(1),
        visit: user::visit,
    },
    Workers {
        count: 2,
        pause: Duration::from_secs(1),
        visit: browser::visit,
    },
    Workers {
        count: 2,
        pause: Duration::from_millis(50),
        visit: documents::visit,
    },
    Workers {
        count: 2,
        pause: Duration::from_millis(100),
        visit: bad_input::visit,
    },
    Workers {
        count: 2,
        pause: Duration::from_millis(200),
        visit: abandoned::visit,
    },
];

/// Starts the workers, which end with the load.
pub fn spawn<'scope>(
    scope: &'scope Scope<'scope, '_>,
    run: &'scope Run,
    mix: &'scope Mix,
    random: &mut Random,
) -> io::Result<()> {
    for workers in &WORKERS {
        for _ in 0..workers.count {
            let mut caller = Caller::new(run, random.split());
            Builder::new()
                .stack_size(STACK)
                .spawn_scoped(scope, move || {
                    while Instant::now() < run.counters.end() {
                        let is_complete = (workers.visit)(&mut caller, mix).is_some();
                        caller.pause(workers.pause, is_complete);
                    }
                })?;
        }
    }
    Ok(())
}
