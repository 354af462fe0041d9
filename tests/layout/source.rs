//! Source files of the crate, and the paths that they import.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A source file.
pub(super) struct Source {
    /// Path below `src`, such as `store/session/mod.rs`.
    pub(super) path: String,
    /// Code without comments and without its test module.
    pub(super) code: String,
    /// Number of lines before its test module.
    pub(super) lines: usize,
}

impl Source {
    /// Path of the module, such as `["store", "session"]`.
    pub(super) fn module(&self) -> Vec<&str> {
        let mut module: Vec<&str> = self.path.trim_end_matches(".rs").split('/').collect();
        module.pop_if(|last| *last == "mod");
        module
    }

    /// Name of the top-level module.
    pub(super) fn top_level(&self) -> &str {
        self.module()[0]
    }

    /// Names after `library::`, with the members of a group import one by one.
    pub(super) fn names_from(&self, library: &str) -> Vec<String> {
        let mut names = Vec::new();
        for (at, _) in self.code.match_indices(&format!("{library}::")) {
            let rest = &self.code[at + library.len() + 2..];
            let rest = if rest.starts_with('{') {
                &rest[..rest.find('}').unwrap()]
            } else {
                &rest[..rest.find(|c| !is_in_word(c)).unwrap_or(rest.len())]
            };
            let words = rest.split(|c| !is_in_word(c));
            names.extend(words.filter(|word| !word.is_empty()).map(str::to_owned));
        }
        names
    }

    /// Every path of the code from the crate's root, with `self` and `super` resolved. A re-export
    /// (`pub use`) is not an import.
    pub(super) fn imported_paths(&self) -> BTreeSet<Vec<String>> {
        let mut paths = BTreeSet::new();
        let mut rest = String::new();
        for statement in self.code.split_inclusive(';') {
            match statement.split_once("use ").filter(|(before, _)| {
                before.trim_end().ends_with(['{', '}', ';', ']', ')']) || before.trim().is_empty()
            }) {
                Some((before, tree)) => {
                    rest.push_str(before);
                    if !before.trim_end().ends_with(')') {
                        expand("", tree.trim_end_matches(';'), &mut paths);
                    }
                }
                None if statement.trim_start().starts_with("pub use ") => {}
                None => rest.push_str(statement),
            }
        }
        for start in ["crate::", "super::", "self::"] {
            for (at, _) in rest.match_indices(start) {
                if !rest[..at].ends_with(|c| is_in_word(c) || c == ':') {
                    let path = rest[at..].split(|c| !is_in_word(c) && c != ':').next();
                    paths.insert(path.unwrap().trim_end_matches(':').to_owned());
                }
            }
        }
        let paths = paths.iter().filter_map(|path| self.resolve(path));
        paths.collect()
    }

    fn resolve(&self, path: &str) -> Option<Vec<String>> {
        let mut module: Vec<String> = self.module().into_iter().map(str::to_owned).collect();
        let mut names = path.split("::").peekable();
        match *names.peek()? {
            "crate" => module.clear(),
            "self" | "super" => {}
            _ => return None,
        }
        for name in names {
            match name {
                "crate" | "self" => {}
                "super" => drop(module.pop()?),
                name => module.push(name.to_owned()),
            }
        }
        Some(module)
    }
}

/// All source files by path.
pub(super) fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    collect(&root, &mut paths);
    paths.sort();
    let sources = paths.iter().map(|path| {
        let text = fs::read_to_string(path).unwrap();
        let text = text.split("#[cfg(test)]\nmod tests").next().unwrap();
        let path = path.strip_prefix(&root).unwrap();
        Source {
            path: path.to_str().unwrap().to_owned(),
            code: without_comments(text),
            lines: text.lines().count(),
        }
    });
    sources.collect()
}

/// The position of each top-level module in the list in `src/lib.rs`.
pub(super) fn layers() -> BTreeMap<String, usize> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs");
    let text = fs::read_to_string(root).unwrap();
    let lines = text.lines().filter_map(|line| line.strip_prefix("//! - "));
    let mut layers = BTreeMap::new();
    for (layer, line) in lines.enumerate() {
        for part in line.split("[`").skip(1) {
            let name = part.split('`').next().unwrap().to_owned();
            assert_eq!(layers.insert(name, layer), None, "listed twice: {line}");
        }
    }
    layers
}

/// Takes a group import apart: `a::{b, c::d}` is `a::b` and `a::c::d`.
fn expand(prefix: &str, tree: &str, paths: &mut BTreeSet<String>) {
    let Some((start, members)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap().trim();
        paths.insert(format!("{prefix}{path}"));
        return;
    };
    let prefix = format!("{prefix}{}", start.trim());
    let members = &members[..members.rfind('}').unwrap()];
    let mut depth = 0_usize;
    let mut begin = 0;
    for (at, letter) in members.char_indices().chain([(members.len(), ',')]) {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                let member = members[begin..at].trim();
                if !member.is_empty() {
                    expand(&prefix, member, paths);
                }
                begin = at + 1;
            }
            _ => {}
        }
    }
}

fn collect(directory: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
}

fn without_comments(text: &str) -> String {
    let code = text.lines().map(|line| match line.find("//") {
        // A URL in a text is not a comment.
        Some(at) if !line[..at].ends_with(':') => &line[..at],
        _ => line,
    });
    code.collect::<Vec<_>>().join("\n")
}

fn is_in_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

#[test]
fn imports_of_a_source_are_resolved() {
    let source = Source {
        path: "store/session/mod.rs".to_owned(),
        code: without_comments(
            "//! Text.\nmod begin;\nuse std::fmt;\nuse crate::clock::{self, Timestamp};\n\
             use super::{lock, retry::{retry, Limit}};\npub use begin::begin;\n\
             fn f(x: super::Store) { self::begin::begin(crate::secret::random()); }",
        ),
        lines: 0,
    };
    let paths = source
        .imported_paths()
        .into_iter()
        .map(|path| path.join("::"));
    let expected = [
        "clock",
        "clock::Timestamp",
        "secret::random",
        "store::Store",
        "store::lock",
        "store::retry::Limit",
        "store::retry::retry",
        "store::session::begin::begin",
    ];
    assert_eq!(paths.collect::<Vec<_>>(), expected);
}
