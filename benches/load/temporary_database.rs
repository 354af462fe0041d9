//! A temporary PostgreSQL or MariaDB server, which a script starts and stops.

use std::{
    io::{self, BufRead as _, BufReader},
    process::{Child, Command, Stdio},
};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/load/database.sh");

/// A running server. Dropping it stops the server and removes its files.
pub struct TemporaryDatabase {
    script: Child,
    url: String,
}

impl TemporaryDatabase {
    pub fn start(engine: &str) -> io::Result<Self> {
        let mut script = Command::new(SCRIPT)
            .arg(engine)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut url = String::new();
        if let Some(output) = script.stdout.take() {
            BufReader::new(output).read_line(&mut url)?;
        }
        url.truncate(url.trim_end().len());
        let server = Self { script, url };
        if server.url.is_empty() {
            return Err(io::Error::other(format!("{engine} could not be started")));
        }
        Ok(server)
    }

    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for TemporaryDatabase {
    fn drop(&mut self) {
        // The script ends with its standard input.
        drop(self.script.stdin.take());
        let _ = self.script.wait();
    }
}
