//! Permissions of the files that hold secrets.

use std::collections::BTreeSet;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::finding::Finding;
use crate::config::Settings;
use crate::database_url::DatabaseUrl;
use crate::private_file::drafts;

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
    let directories = [
        Some(settings.data_dir.as_path()),
        settings.root_secret.file.parent(),
    ];
    let directories: BTreeSet<&Path> = directories.into_iter().flatten().collect();
    let drafts = directories.into_iter().flat_map(|path| drafts(path, ""));
    findings.extend(drafts.map(|draft| unfinished(&draft)));
    findings
}

fn unfinished(draft: &Path) -> Finding {
    let shown = draft.display();
    Finding::warning(
        CHECK,
        format!(
            "{shown} was left behind by a command that was killed, if none runs now; it may have secrets"
        ),
        format!("delete it: `rm -r {shown}`"),
    )
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
