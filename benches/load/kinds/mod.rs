//! The measurements.

mod flood;
mod idle;
mod mixed;
mod requests;
mod start;

use std::{
    io::{self, Write as _},
    time::Duration,
};

use crate::{
    clients::Clients,
    drive::{self, Client},
    measurement::Measurement,
    options::{Kind, Options},
    round::Round,
    server::Server,
    store::Store,
    unit,
};

const WARM_UP: Duration = Duration::from_secs(1);

/// The store and the options of all measurements. Each starts its own server.
pub struct Bench {
    pub store: Store,
    pub options: Options,
}

impl Bench {
    pub fn measure(&self, kind: Kind) -> io::Result<Measurement> {
        match kind {
            Kind::Refresh | Kind::Password | Kind::Jwks | Kind::Metadata | Kind::Introspect => {
                requests::measure(kind, self)
            }
            Kind::Mixed => mixed::measure(self),
            Kind::Flood => flood::measure(self),
            Kind::Idle => idle::measure(self),
            Kind::Start => start::measure(self),
        }
    }

    fn start_server(&self) -> io::Result<Server> {
        Server::start(&self.store)
    }

    fn clients<'a>(&'a self, server: &'a Server) -> Clients<'a> {
        Clients {
            server,
            store: &self.store,
            options: &self.options,
        }
    }

    /// Loads the server before it is measured. Returns the errors.
    fn warm_up(groups: &mut [Vec<Client>]) -> Vec<String> {
        let outcomes = drive::run(groups, WARM_UP).outcomes.into_iter();
        outcomes.flat_map(|outcome| outcome.errors).collect()
    }

    fn round(&self, groups: &mut [Vec<Client>], server: &Server) -> io::Result<Round> {
        Round::run(groups, self.options.time(), server, &self.store)
    }
}

/// The numbers of the rounds. Shows each on standard error when it begins.
fn rounds(kind: Kind, count: u32) -> impl Iterator<Item = u32> {
    (1..=count).inspect(move |round| {
        drop(writeln!(io::stderr(), "{kind}: round {round} of {count}"));
    })
}

/// The figure that `--at-most` limits.
pub fn limited_figure(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Mixed | Kind::Idle | Kind::Start => None,
        Kind::Flood => Some(flood::P99_RATIO),
        _ => Some(unit::MULTIPLE),
    }
}
