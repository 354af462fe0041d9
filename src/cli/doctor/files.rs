//! Permissions of the files that hold secrets.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::finding::Finding;
use crate::config::Settings;
use crate::database_url::DatabaseUrl;

const CHECK: &str = "files";
/// Everything that the group and others may do.
const OTHERS: u32 = 0o077;

pub fn check(settings: &Settings) -> Vec<Finding> {
    let mut findings = Vec::new();
    if settings.root_secret.value.0.expose().is_empty() {
        findings.push(private(&settings.root_secret.file, "the root secret"));
    }
    if let DatabaseUrl::Sqlite(path) = settings.database() {
        findings.push(private(&path, "the database"));
    }
    findings
}

fn private(path: &Path, what: &str) -> Finding {
    let shown = path.display();
    match path.metadata() {
        Ok(file) if file.permissions().mode() & OTHERS != 0 => Finding::failure(
            CHECK,
            format!("other users of this machine may open {what}, {shown}"),
            format!("run `chmod 600 {shown}`"),
        ),
        Ok(_) => Finding::ok(CHECK, format!("only its owner may open {what}, {shown}")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Finding::failure(
            CHECK,
            format!("there is no file {shown} with {what}"),
            "correct data_dir or --config; put a missing file back, or run `jeton serve` once for a new server",
        ),
        Err(error) => Finding::failure(
            CHECK,
            format!("cannot look at {what}, {shown}: {error}"),
            "run this command as the user of the server",
        ),
    }
}
