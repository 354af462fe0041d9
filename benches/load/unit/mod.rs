//! What a request is compared with, measured in the same run.

mod argon2_pass;
mod empty_handler;
mod signature;

use std::{
    io,
    time::{Duration, Instant},
};

use rustix::time::{ClockId, clock_gettime};

use crate::{
    measurement::{Figure, Unit},
    options::{Kind, Options},
    round::Round,
};

pub use empty_handler::{EmptyHandler, serve};

/// The name of the figure that is a request's cost in this unit.
pub const MULTIPLE: &str = "multiple";

/// How long a signature or an Argon2 pass is repeated.
const TIME: Duration = Duration::from_millis(500);

/// What a kind of request is compared with.
pub enum Comparison {
    /// The CPU time of one RSA signature.
    Signature,
    /// The CPU time of one Argon2 pass.
    Argon2Pass,
    /// The rate of a server that does nothing.
    EmptyHandler(Box<EmptyHandler>),
}

impl Comparison {
    pub fn with(kind: Kind, options: &Options) -> io::Result<Self> {
        Ok(match kind {
            Kind::Password => Self::Argon2Pass,
            Kind::Jwks | Kind::Metadata => {
                Self::EmptyHandler(Box::new(EmptyHandler::start(options)?))
            }
            _ => Self::Signature,
        })
    }

    /// The figure to compare with. Measured before and after a round, because the machine's speed may drift.
    pub fn measure(&mut self) -> io::Result<f64> {
        match self {
            Self::Signature => signature::cpu_time(),
            Self::Argon2Pass => argon2_pass::cpu_time(),
            Self::EmptyHandler(handler) => handler.rate(),
        }
    }

    /// The figures of a round, compared with what was measured.
    pub fn figures(&self, measured: f64, round: &Round) -> [Figure; 2] {
        let (name, unit, multiple) = match self {
            Self::Signature => (
                "RSA-2048 signature",
                Unit::Microseconds,
                round.server_cpu_each() / measured,
            ),
            Self::Argon2Pass => (
                "Argon2 pass",
                Unit::Microseconds,
                round.server_cpu_each() / measured,
            ),
            Self::EmptyHandler(_) => ("empty handler", Unit::PerSecond, measured / round.rate()),
        };
        [
            Figure::new(MULTIPLE, Unit::None, multiple),
            Figure::new(name, unit, measured),
        ]
    }
}

/// Mean CPU time of the calling thread for `work`, in microseconds.
fn mean_cpu_time(mut work: impl FnMut() -> io::Result<()>) -> io::Result<f64> {
    work()?;
    let start = Instant::now();
    let cpu_before = thread_cpu_time();
    let mut times = 0;
    while start.elapsed() < TIME {
        work()?;
        times += 1;
    }
    let cpu = thread_cpu_time().saturating_sub(cpu_before);
    Ok(cpu.as_secs_f64() * 1e6 / f64::from(times.max(1)))
}

fn thread_cpu_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}
