//! `jeton user import`: two passes over a file. The first checks every line; the second changes users.

mod line;
mod records;
mod report;

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use clap::Args;
use uuid::Uuid;

pub use self::records::{Line, Records};
use self::report::{Faults, Progress, Report};
use super::format::Format;
use crate::cli::{CommandError, operator};
use crate::server::AuthorizationServer;
use crate::store::user::{self, BatchError, Import};

#[derive(Debug, Args)]
pub struct UserImport {
    /// The file; `-` is standard input.
    file: PathBuf,
    /// Default: csv if the name ends in .csv, else jsonl.
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Check the file and print what an import would do. Changes nothing.
    #[arg(long)]
    dry_run: bool,
    /// Replace the password hashes of existing users, and end their sessions.
    #[arg(long)]
    replace_passwords: bool,
    /// Number of users that are imported together: all of them or none.
    #[arg(
        long,
        value_name = "USERS",
        default_value_t = 500,
        value_parser = clap::value_parser!(u64).range(1..=5000)
    )]
    batch: u64,
    /// Print a line for each user that is created or updated.
    #[arg(long)]
    verbose: bool,
}

impl UserImport {
    pub async fn run(self, json: bool, server: &AuthorizationServer) -> Result<(), CommandError> {
        let mut input = open(&self.file)?;
        let mut run = Run {
            report: Report::new(json, self.verbose, self.dry_run),
            progress: Progress::new(self.verbose),
            command: self,
            server,
        };
        let total = run.check(&mut input).await?;
        if !run.command.dry_run {
            input.seek(SeekFrom::Start(0))?;
            run.import(&mut input, total).await?;
        }
        drop(run.progress);
        run.report.print()
    }
}

/// A file, or what was read from a pipe.
trait Input: Read + Seek {}

impl<T: Read + Seek> Input for T {}

fn open(file: &Path) -> Result<Box<dyn Input>, CommandError> {
    let failure = |error| CommandError::new(format!("{}: {error}", file.display()));
    let mut input: Box<dyn Read> = if file == Path::new("-") {
        Box::new(io::stdin())
    } else {
        let file = File::open(file).map_err(failure)?;
        if file.metadata().is_ok_and(|metadata| metadata.is_file()) {
            return Ok(Box::new(file));
        }
        Box::new(file)
    };
    // A pipe cannot be read twice.
    let mut text = Vec::new();
    input.read_to_end(&mut text).map_err(failure)?;
    Ok(Box::new(Cursor::new(text)))
}

/// Users with the numbers of their lines.
type Batch = Vec<(u64, Import)>;

struct Run<'a> {
    command: UserImport,
    server: &'a AuthorizationServer,
    report: Report,
    progress: Progress,
}

impl Run<'_> {
    /// Checks every line by itself, against the others, and against the database. Returns the number of users.
    async fn check(&mut self, input: &mut dyn Input) -> Result<u64, CommandError> {
        let mut records = self.records(input)?;
        let (mut faults, mut known) = (Faults::default(), Known::default());
        let (mut batch, mut total) = (Batch::new(), 0);
        while let Some(Line { number, user }) = records.read()? {
            total += 1;
            match user.and_then(|user| known.add(number, user)) {
                Ok(user) => batch.push((number, user)),
                Err(message) => faults.add(number, message),
            }
            if self.is_full(&batch) {
                self.check_batch(&mut batch, &mut faults).await?;
                self.progress.show(&format!("{total} users checked"));
            }
        }
        self.check_batch(&mut batch, &mut faults).await?;
        faults.into_result()?;
        Ok(total)
    }

    async fn check_batch(
        &mut self,
        batch: &mut Batch,
        faults: &mut Faults,
    ) -> Result<(), CommandError> {
        let (lines, users): (Vec<u64>, Vec<Import>) = batch.drain(..).unzip();
        let replaces = self.command.replace_passwords;
        let cause = operator(self.server);
        let effects = user::check_import(&self.server.store, &users, replaces, &cause).await?;
        for ((line, user), effect) in lines.into_iter().zip(users).zip(effects) {
            match effect {
                Ok(effect) if self.command.dry_run => {
                    self.report.add(line, &user.username, effect, user.id)?;
                }
                Ok(_) => {}
                Err(error) => faults.add(line, error.to_string()),
            }
        }
        Ok(())
    }

    /// Imports the users batch by batch.
    async fn import(&mut self, input: &mut dyn Input, total: u64) -> Result<(), CommandError> {
        let mut records = self.records(input)?;
        let mut batch = Batch::new();
        while let Some(Line { number, user }) = records.read()? {
            let user = user.map_err(|why| {
                let done = self.report.numbers();
                CommandError::new(format!(
                    "line {number} has changed meanwhile: {why}; {done}"
                ))
            })?;
            batch.push((number, user));
            if self.is_full(&batch) {
                self.import_batch(&mut batch).await?;
                let done = self.report.users();
                self.progress
                    .show(&format!("{done} of {total} users imported"));
            }
        }
        self.import_batch(&mut batch).await
    }

    async fn import_batch(&mut self, batch: &mut Batch) -> Result<(), CommandError> {
        let (lines, users): (Vec<u64>, Vec<Import>) = batch.drain(..).unzip();
        let replaces = self.command.replace_passwords;
        let cause = operator(self.server);
        let imported = user::import(&self.server.store, &users, replaces, &cause).await;
        let imported = imported.map_err(|error| self.failure(&error, &lines))?;
        for ((line, user), imported) in lines.into_iter().zip(users).zip(imported) {
            let id = Some(imported.id);
            self.report.sessions_ended += imported.sessions_ended;
            self.report.add(line, &user.username, imported.effect, id)?;
        }
        Ok(())
    }

    /// Says which users are not imported, and what was done before.
    fn failure(&self, error: &BatchError, lines: &[u64]) -> CommandError {
        let (first, last) = (lines.first().unwrap_or(&0), lines.last().unwrap_or(&0));
        let line = error.position.and_then(|position| lines.get(position));
        let line = line.map_or_else(String::new, |line| format!("line {line}: "));
        let reason = &error.error;
        let done = self.report.numbers();
        CommandError::new(format!(
            "{line}{reason}; the users of the lines {first} to {last} were not changed, nor those after them. Before: \
             {done}. Run the import again: it changes what is left"
        ))
    }

    fn records<R: Read>(&self, input: R) -> Result<Records<R>, CommandError> {
        let command = &self.command;
        let format = command.format.unwrap_or_else(|| Format::of(&command.file));
        Records::new(input, format, self.server.clock.now())
    }

    fn is_full(&self, batch: &Batch) -> bool {
        u64::try_from(batch.len()).unwrap_or(u64::MAX) >= self.command.batch
    }
}

/// The lines on which ids and names stand.
#[derive(Default)]
struct Known {
    ids: HashMap<Uuid, u64>,
    names: HashMap<String, u64>,
}

impl Known {
    /// The user, if no line before has the id or the name.
    fn add(&mut self, line: u64, user: Import) -> Result<Import, String> {
        let id = user.id.and_then(|id| self.ids.insert(id, line));
        let name = self.names.insert(user.username.clone(), line);
        match (name, id) {
            (Some(other), _) => Err(format!("username: line {other} has the same name")),
            (None, Some(other)) => Err(format!("id: line {other} has the same id")),
            (None, None) => Ok(user),
        }
    }
}
