//! Tests that docs/security.md names.

use std::fs;
use std::path::{Path, PathBuf};

use super::assert_none;

const DOCUMENT: &str = "docs/security.md";

/// Where the tests and scripts are that the document names: as `path::name`, or as `path`.
const FOLDERS: [&str; 3] = ["resource-server/", "src/", "tests/"];

/// Otherwise the document would claim that a threat is tested which is not.
#[test]
fn every_test_that_the_threat_model_names_exists() {
    let document = document();
    let cited = cited(&document);
    let number = cited.len();
    assert!(number > 100, "{DOCUMENT} names {number} tests");
    let complaints: Vec<String> = cited.into_iter().filter_map(complaint).collect();
    assert_none(&complaints);
}

/// A row begins with the number of a section.
#[test]
fn a_threat_without_a_test_says_in_bold_who_counters_it() {
    let document = document();
    let rows = document.lines().filter(|line| {
        let cell = line.strip_prefix("| ").unwrap_or_default();
        cell.starts_with(|first: char| first.is_ascii_digit())
    });
    let rows: Vec<&str> = rows.collect();
    assert!(rows.len() > 50, "{DOCUMENT} has {} threats", rows.len());
    let bare = rows
        .into_iter()
        .filter(|row| cited(row).is_empty() && !row.contains("**"));
    let complaints = bare.map(|row| format!("{DOCUMENT} names no test: {row}"));
    assert_none(&complaints.collect::<Vec<_>>());
}

fn document() -> String {
    fs::read_to_string(below_root(DOCUMENT)).unwrap()
}

fn below_root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// What stands in backticks and begins with a folder of tests.
fn cited(document: &str) -> Vec<&str> {
    let quoted = document
        .lines()
        .flat_map(|line| line.split('`').skip(1).step_by(2));
    let in_folder = |text: &&str| FOLDERS.iter().any(|folder| text.starts_with(folder));
    quoted.filter(in_folder).collect()
}

/// What is wrong with a name in the document.
fn complaint(cited: &str) -> Option<String> {
    let (path, name) = cited.split_once("::").unwrap_or((cited, ""));
    let file = below_root(path);
    if !file.exists() {
        return Some(format!("{DOCUMENT} names {cited}: there is no {path}"));
    }
    if name.is_empty() || has_test(&fs::read_to_string(file).unwrap(), name) {
        return None;
    }
    Some(format!(
        "{DOCUMENT} names {cited}: {path} has no test `fn {name}`"
    ))
}

fn has_test(code: &str, name: &str) -> bool {
    let function = format!("fn {name}(");
    let lines: Vec<&str> = code.lines().map(str::trim_start).collect();
    let Some(at) = lines.iter().position(|line| line.contains(&function)) else {
        return false;
    };
    let above = lines[..at].iter().rev();
    let mut attributes = above.take_while(|line| line.starts_with("#[") || line.starts_with("//"));
    attributes.any(|line| line.starts_with("#[test]") || line.starts_with("#[tokio::test"))
}
