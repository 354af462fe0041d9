//! The rules of the house, read from the source: who may import whom, and where things belong.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Rooms that speak HTTP; see design rule "HTTP types stay in the doors".
const SPEAK_HTTP: [&str; 11] = [
    "account",
    "admin",
    "app",
    "bearer",
    "caller",
    "connection",
    "cors",
    "document",
    "endpoint",
    "json_body",
    "problem",
];

/// Outside `store`, an error of the database may be passed on by its name, so that it need not be
/// wrapped on every floor. Nothing else of its library may be named.
const DATABASE_ERRORS: [&str; 2] = ["DbErr", "RuntimeErr"];

/// More names, because the store keeps times as they are, and because MySQL tells by number what went wrong.
const DATABASE_EXCEPTIONS: [(&str, &str); 2] = [
    ("clock.rs", "DeriveValueType"),
    ("database_error.rs", "mysql"),
];

const LONGEST_FILE: usize = 300;

struct Source {
    /// Below `src`.
    path: String,
    /// Without comments and without tests.
    code: String,
    /// The lines before its tests.
    lines: usize,
}

impl Source {
    /// The room that the file belongs to: `store` for `store/session.rs`.
    fn room(&self) -> &str {
        let first = self.path.split('/').next().unwrap();
        first.strip_suffix(".rs").unwrap_or(first)
    }

    /// What follows `prefix` in paths, such as `store` for `crate::store::session`.
    fn named_after(&self, prefix: &str) -> Vec<String> {
        self.code
            .match_indices(prefix)
            .filter(|(at, _)| !self.code[..*at].ends_with(is_in_word))
            .map(|(at, _)| {
                let rest = &self.code[at + prefix.len()..];
                rest.chars().take_while(|c| is_in_word(*c)).collect()
            })
            .collect()
    }

    /// What the code names of a library, group imports taken apart.
    fn names_of(&self, library: &str) -> Vec<String> {
        let mut names = Vec::new();
        for (at, _) in self.code.match_indices(&format!("{library}::")) {
            let rest = &self.code[at + library.len() + 2..];
            let rest = if rest.starts_with('{') {
                &rest[..rest.find('}').unwrap()]
            } else {
                &rest[..rest.find(|c| !is_in_word(c)).unwrap_or(rest.len())]
            };
            let words = rest
                .split(|c| !is_in_word(c))
                .filter(|word| !word.is_empty());
            names.extend(words.map(str::to_owned));
        }
        names
    }
}

fn is_in_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    collect(&root, &mut paths);
    paths.sort();
    paths
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            let text = text.split("#[cfg(test)]\nmod tests").next().unwrap();
            Source {
                path: path
                    .strip_prefix(&root)
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned(),
                code: without_comments(text),
                lines: text.lines().count(),
            }
        })
        .collect()
}

fn collect(directory: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, paths);
        } else {
            paths.push(path);
        }
    }
}

fn without_comments(text: &str) -> String {
    let code = text.lines().map(|line| match line.find("//") {
        // A URL in a text is no comment.
        Some(at) if !line[..at].ends_with(':') => &line[..at],
        _ => line,
    });
    code.collect::<Vec<_>>().join("\n")
}

/// The floor of each room, counted from the top, as the list in `src/lib.rs` has them.
fn floors() -> BTreeMap<String, usize> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs");
    let text = fs::read_to_string(root).unwrap();
    let mut floors = BTreeMap::new();
    for (floor, line) in text
        .lines()
        .filter_map(|line| line.strip_prefix("//! - "))
        .enumerate()
    {
        for part in line.split("[`").skip(1) {
            let name = part.split('`').next().unwrap().to_owned();
            assert_eq!(
                floors.insert(name, floor),
                None,
                "a room stands in the list twice"
            );
        }
    }
    floors
}

#[track_caller]
fn assert_none(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[test]
fn every_room_stands_in_the_list() {
    let floors = floors();
    let mut rooms: Vec<String> = sources()
        .iter()
        .map(|source| source.room().to_owned())
        .filter(|room| room != "main" && room != "lib")
        .collect();
    rooms.dedup();
    rooms.sort();
    rooms.dedup();
    assert_eq!(rooms, floors.into_keys().collect::<Vec<_>>());
}

#[test]
fn imports_point_down_the_list() {
    let floors = floors();
    let mut complaints = Vec::new();
    for source in sources() {
        let Some(floor) = floors.get(source.room()) else {
            continue;
        };
        for named in source.named_after("crate::") {
            if named == source.room() {
                continue;
            }
            match floors.get(&named) {
                Some(other) if other > floor => {}
                Some(_) => complaints.push(format!(
                    "{} imports {named}, which is not below",
                    source.path
                )),
                None => complaints.push(format!(
                    "{} imports {named:?} from the crate's root; name the room that defines it",
                    source.path
                )),
            }
        }
    }
    assert_none(&complaints);
}

#[test]
fn the_only_sql_is_in_the_store() {
    let mut complaints = Vec::new();
    for source in sources().iter().filter(|source| source.room() != "store") {
        for library in ["sea_orm", "sqlx", "sea_query", "sea_orm_migration"] {
            for name in source.names_of(library) {
                let excepted = DATABASE_EXCEPTIONS.contains(&(source.path.as_str(), name.as_str()));
                if !DATABASE_ERRORS.contains(&name.as_str()) && !excepted {
                    complaints.push(format!("{} names {library}::{name}", source.path));
                }
            }
        }
    }
    assert_none(&complaints);
}

#[test]
fn http_stays_in_the_doors() {
    let sources = sources();
    let complaints: Vec<String> = sources
        .iter()
        .filter(|source| !SPEAK_HTTP.contains(&source.room()))
        .flat_map(|source| {
            let names = ["poem", "poem_openapi"].map(|library| source.names_of(library));
            let names = names.into_iter().flatten();
            names.map(|name| format!("{} names poem's {name}", source.path))
        })
        .collect();
    assert_none(&complaints);
}

#[test]
fn no_file_is_too_long() {
    let complaints: Vec<String> = sources()
        .iter()
        .filter(|source| source.lines > LONGEST_FILE)
        .map(|source| format!("{} has {} lines", source.path, source.lines))
        .collect();
    assert_none(&complaints);
}
