//! The results: as messages, as figures for scripts, and as a row of the table in docs/reliability.md.

use std::{
    fmt::Write as _,
    io::{self, Write},
    sync::atomic::Ordering,
};

use crate::{
    Options,
    client::Run,
    counters::{Counters, RequestResult},
    replay::Replays,
    session::Session,
};

pub struct Report {
    fault: String,
    clients: usize,
    seconds: u64,
    sessions: usize,
    signed_out: usize,
    rate: f64,
    requests: u64,
    kinds: Vec<(&'static str, u64)>,
    same: u64,
    renewed: u64,
    gap: f64,
    replays: Replays,
    violations: u64,
    messages: Vec<String>,
}

impl Report {
    /// Counts the sessions that were signed out. Create the report after the replays, which do not count.
    pub fn new(options: &Options, sessions: &[Session], run: &Run, replays: Replays) -> Self {
        let counters: &Counters = &run.counters;
        let signed_out = sessions.iter().filter(|one| one.is_signed_out()).count();
        Self {
            fault: options.fault.clone(),
            clients: options.single + 2 * options.shared + options.idle,
            seconds: options.seconds,
            sessions: sessions.len(),
            signed_out,
            rate: counters.rate(),
            requests: counters.requests(),
            kinds: RequestResult::ALL
                .iter()
                .map(|(kind, name)| (*name, counters.of(*kind)))
                .collect(),
            same: counters.same.load(Ordering::Relaxed),
            renewed: counters.renewed.load(Ordering::Relaxed),
            gap: counters.longest_gap().as_secs_f64(),
            replays,
            violations: counters.violations(),
            messages: counters.messages(),
        }
    }

    /// Whether no session was signed out, no promise was violated, and each session had a response.
    pub fn is_good(&self) -> bool {
        let answered = self.kinds.first().map_or(0, |(_, count)| *count);
        self.signed_out == 0
            && self.violations == 0
            && self.replays.detected == self.replays.tried
            && usize::try_from(answered).is_ok_and(|answered| answered >= self.sessions)
    }

    pub fn write_to(&self, out: &mut impl Write) -> io::Result<()> {
        for message in &self.messages {
            writeln!(out, "{message}")?;
        }
        write!(out, "{}", self.figures())?;
        let errors: Vec<String> = self
            .kinds
            .iter()
            .filter(|(name, count)| *name != "answered" && *count > 0)
            // The replays at the end cause it.
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
            self.gap,
            self.signed_out
        )
    }

    /// The figures, one `name=value` per line.
    pub fn figures(&self) -> String {
        let mut text = String::new();
        let numbers = [
            ("clients", self.clients),
            ("sessions", self.sessions),
            ("sessions_signed_out", self.signed_out),
            ("replays_tried", self.replays.tried),
            ("replays_detected", self.replays.detected),
            ("replays_accepted_first", self.replays.accepted_first),
        ];
        let counts = [
            ("requests", self.requests),
            ("same_answers", self.same),
            ("renewed_answers", self.renewed),
            ("violations", self.violations),
        ];
        let numbers = numbers.map(|(name, number)| (name, number.to_string()));
        let counts = counts.map(|(name, count)| (name, count.to_string()));
        let kinds = self
            .kinds
            .iter()
            .map(|(name, count)| (*name, count.to_string()));
        let rest = [
            ("refreshes_per_second", format!("{:.1}", self.rate)),
            ("longest_gap", format!("{:.1}", self.gap)),
        ];
        for (name, value) in numbers.into_iter().chain(counts).chain(kinds).chain(rest) {
            // Writing to a String never fails.
            let _ = writeln!(text, "{name}={value}");
        }
        text
    }
}
