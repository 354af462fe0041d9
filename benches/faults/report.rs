//! The verdict: as a person reads it, as a script does, and as a row of the table.

use std::{
    fmt::Write as _,
    io::{self, Write},
    sync::atomic::Ordering,
};

use crate::{
    Options,
    client::World,
    replay::Replays,
    session::Session,
    tally::{Kind, Tally},
};

pub struct Report {
    fault: String,
    clients: usize,
    seconds: u64,
    sessions: usize,
    lost: usize,
    rate: f64,
    requests: u64,
    kinds: Vec<(&'static str, u64)>,
    same: u64,
    renewed: u64,
    silence: f64,
    replays: Replays,
    broken: u64,
    complaints: Vec<String>,
}

impl Report {
    /// Call it when the replays are over: what they were refused is no loss.
    pub fn new(options: &Options, sessions: &[Session], world: &World, replays: Replays) -> Self {
        let tally: &Tally = &world.tally;
        let lost = sessions.iter().filter(|one| one.is_over()).count();
        Self {
            fault: options.fault.clone(),
            clients: options.single + 2 * options.shared + options.sleepers,
            seconds: options.seconds,
            sessions: sessions.len(),
            lost,
            rate: tally.rate(),
            requests: tally.requests(),
            kinds: Kind::ALL
                .iter()
                .map(|(kind, name)| (*name, tally.of(*kind)))
                .collect(),
            same: tally.same.load(Ordering::Relaxed),
            renewed: tally.renewed.load(Ordering::Relaxed),
            silence: tally.longest_silence().as_secs_f64(),
            replays,
            broken: tally.broken(),
            complaints: tally.complaints(),
        }
    }

    /// Nobody was signed out, nothing was otherwise than promised, and there was a load at all.
    pub fn is_good(&self) -> bool {
        let answered = self.kinds.first().map_or(0, |(_, count)| *count);
        self.lost == 0
            && self.broken == 0
            && self.replays.caught == self.replays.tried
            && usize::try_from(answered).is_ok_and(|answered| answered >= self.sessions)
    }

    pub fn write_to(&self, out: &mut impl Write) -> io::Result<()> {
        for complaint in &self.complaints {
            writeln!(out, "{complaint}")?;
        }
        write!(out, "{}", self.figures())?;
        let errors: Vec<String> = self
            .kinds
            .iter()
            .filter(|(name, count)| *name != "answered" && *count > 0)
            // What the thieves at the end were told is no error.
            .filter(|(name, _)| *name != "invalid_grant")
            .map(|(name, count)| format!("{} {count}", name.replace('_', " ")))
            .collect();
        let errors = if errors.is_empty() {
            "none".to_owned()
        } else {
            errors.join(", ")
        };
        writeln!(
            out,
            "| {} | {} clients, {:.0} refreshes/s for {} s | {} | {errors} | {:.1} s | {} |",
            self.fault,
            self.clients,
            self.rate,
            self.seconds,
            self.requests,
            self.silence,
            self.lost
        )
    }

    /// One figure a line, `name=value`.
    pub fn figures(&self) -> String {
        let mut text = String::new();
        let numbers = [
            ("clients", self.clients),
            ("sessions", self.sessions),
            ("sessions_lost", self.lost),
            ("replays_tried", self.replays.tried),
            ("replays_caught", self.replays.caught),
            ("thieves_first", self.replays.thieves_first),
        ];
        let counts = [
            ("requests", self.requests),
            ("same_answers", self.same),
            ("renewed_answers", self.renewed),
            ("promises_broken", self.broken),
        ];
        let numbers = numbers.map(|(name, number)| (name, number.to_string()));
        let counts = counts.map(|(name, count)| (name, count.to_string()));
        let kinds = self
            .kinds
            .iter()
            .map(|(name, count)| (*name, count.to_string()));
        let rest = [
            ("refreshes_per_second", format!("{:.1}", self.rate)),
            ("longest_silence", format!("{:.1}", self.silence)),
        ];
        for (name, value) in numbers.into_iter().chain(counts).chain(kinds).chain(rest) {
            // A text takes whatever is written to it.
            let _ = writeln!(text, "{name}={value}");
        }
        text
    }
}
