//! The report of an import: what was done on which line, what is wrong on which line, and the progress.

use std::io::{self, IsTerminal as _, Write as _};

use serde_json::json;
use uuid::Uuid;

use crate::cli::{CommandError, output};
use crate::store::user::Effect;

/// Maximum number of faults that are shown; all are counted.
const SHOWN_FAULTS: usize = 20;

/// Counts the effects, and prints each if the operator wants it.
#[derive(Debug)]
pub struct Report {
    as_json: bool,
    /// Whether a line is printed for each user that is created or updated.
    is_verbose: bool,
    is_dry_run: bool,
    created: u64,
    updated: u64,
    unchanged: u64,
    pub sessions_ended: u64,
}

impl Report {
    pub fn new(as_json: bool, is_verbose: bool, is_dry_run: bool) -> Self {
        Self {
            as_json,
            is_verbose,
            is_dry_run,
            created: 0,
            updated: 0,
            unchanged: 0,
            sessions_ended: 0,
        }
    }

    /// Adds the effect on the user of a line.
    pub fn add(
        &mut self,
        line: u64,
        username: &str,
        effect: Effect,
        id: Option<Uuid>,
    ) -> Result<(), CommandError> {
        let (count, name) = match effect {
            Effect::Created => (&mut self.created, "created"),
            Effect::Updated => (&mut self.updated, "updated"),
            Effect::Unchanged => {
                self.unchanged += 1;
                return Ok(());
            }
        };
        *count += 1;
        match (self.is_verbose, self.as_json) {
            (false, _) => Ok(()),
            (true, true) => {
                let user = json!({"line": line, "effect": name, "username": username, "id": id});
                output::json([user])
            }
            (true, false) => {
                let id = id.map_or_else(String::new, |id| format!(": {id}"));
                output::line(&format!("line {line}: {username} {name}{id}"))
            }
        }
    }

    /// Prints the numbers.
    pub fn print(&self) -> Result<(), CommandError> {
        if self.as_json {
            return output::json([json!({
                "created": self.created,
                "updated": self.updated,
                "unchanged": self.unchanged,
                "sessions_ended": self.sessions_ended,
                "dry_run": self.is_dry_run,
            })]);
        }
        let start = if self.is_dry_run {
            "nothing was changed, because this is a dry run; an import would change this: "
        } else {
            ""
        };
        output::line(&format!("{start}{}", self.numbers()))
    }

    /// The number of users.
    pub const fn users(&self) -> u64 {
        self.created + self.updated + self.unchanged
    }

    /// The numbers in words.
    pub fn numbers(&self) -> String {
        let Self {
            created,
            updated,
            unchanged,
            ..
        } = self;
        let sessions = match self.sessions_ended {
            0 => String::new(),
            ended => format!("; sessions ended: {ended}"),
        };
        format!("users created: {created}, updated: {updated}, unchanged: {unchanged}{sessions}")
    }
}

/// What is wrong in a file.
#[derive(Debug, Default)]
pub struct Faults {
    shown: Vec<(u64, String)>,
    count: usize,
}

impl Faults {
    pub fn add(&mut self, line: u64, message: String) {
        self.count += 1;
        if self.shown.len() < SHOWN_FAULTS {
            self.shown.push((line, message));
        }
    }

    /// An error if there are any.
    pub fn into_result(mut self) -> Result<(), CommandError> {
        if self.count == 0 {
            return Ok(());
        }
        // Those that the database shows are found later.
        self.shown.sort_by_key(|(line, _)| *line);
        let shown = self.shown.iter();
        let shown = shown.map(|(line, message)| format!("\n  line {line}: {message}"));
        let list: String = shown.collect();
        let lines = match self.count {
            1 => "1 line".to_owned(),
            count => format!("{count} lines"),
        };
        let more = match self.count - self.shown.len() {
            0 => String::new(),
            more => format!("\n  and {more} more"),
        };
        Err(CommandError::new(format!(
            "{lines} cannot be imported; nothing was changed:{list}{more}"
        )))
    }
}

/// A line on the terminal that is written again and again.
#[derive(Debug)]
pub struct Progress {
    is_shown: bool,
}

impl Progress {
    /// Shown if standard error is a terminal and nothing else is printed meanwhile.
    pub fn new(is_verbose: bool) -> Self {
        Self {
            is_shown: !is_verbose && io::stderr().is_terminal(),
        }
    }

    pub fn show(&self, text: &str) {
        if self.is_shown {
            drop(write!(io::stderr(), "\r{text}\u{1b}[K"));
        }
    }
}

/// Removes the line.
impl Drop for Progress {
    fn drop(&mut self) {
        self.show("");
    }
}
