//! Rules of the layout, checked in the sources: which module imports which, and what belongs where.

mod citation;
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use self::source::{Source, layers, sources};

/// Modules that may use HTTP types.
const HTTP: [&str; 7] = [
    "api", "app", "document", "endpoint", "listener", "page", "response",
];

/// Types of the database libraries that may be named outside `store`, so that a database error need
/// not be wrapped in every layer.
const DATABASE_ERRORS: [&str; 2] = ["DbErr", "RuntimeErr"];

/// Further exceptions: timestamps are stored as they are, and MySQL reports errors by number.
const DATABASE_EXCEPTIONS: [(&str, &str); 2] = [
    ("clock/timestamp.rs", "DeriveValueType"),
    ("error/database.rs", "mysql"),
];

const LONGEST_FILE: usize = 300;

#[track_caller]
fn assert_none(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[test]
fn every_module_is_listed_in_lib_rs() {
    let sources = sources();
    let modules: BTreeSet<&str> = sources.iter().map(Source::top_level).collect();
    let modules = modules
        .into_iter()
        .filter(|module| !["lib", "main"].contains(module));
    let listed = layers();
    assert!(modules.eq(listed.keys().map(String::as_str)), "{listed:?}");
}

#[test]
fn imports_point_down_the_list() {
    let layers = layers();
    let mut complaints = Vec::new();
    for source in sources() {
        let Some(layer) = layers.get(source.top_level()) else {
            continue;
        };
        for path in source.imported_paths() {
            let Some(imported) = path.first().filter(|name| *name != source.top_level()) else {
                continue;
            };
            match layers.get(imported) {
                Some(other) if other > layer => {}
                Some(_) => {
                    complaints.push(format!("{} imports {imported}, not below it", source.path));
                }
                None => complaints.push(format!("{}: unknown module {imported}", source.path)),
            }
        }
    }
    assert_none(&complaints);
}

/// A module's file stands above the files of its submodules; its own use of them does not count.
#[test]
fn no_files_import_each_other_in_a_cycle() {
    let sources = sources();
    let modules: BTreeSet<String> = sources
        .iter()
        .map(|source| source.module().join("::"))
        .collect();
    let imports: BTreeMap<String, BTreeSet<String>> = sources
        .iter()
        .map(|source| {
            let module = source.module().join("::");
            let imported = source.imported_paths();
            let imported = imported.iter().filter_map(|path| file_of(path, &modules));
            let below = format!("{module}::");
            let others = imported.filter(|other| *other != module && !other.starts_with(&below));
            let others = others.collect();
            (module, others)
        })
        .collect();
    let complaints: Vec<String> = imports
        .keys()
        .filter_map(|module| cycle(module, &imports))
        .map(|cycle| cycle.join(" -> "))
        .collect();
    assert_none(&complaints);
}

/// The module with a file of its own that holds the path.
fn file_of(path: &[String], modules: &BTreeSet<String>) -> Option<String> {
    let lengths = (1..=path.len()).rev();
    let mut candidates = lengths.map(|length| path[..length].join("::"));
    candidates.find(|candidate| modules.contains(candidate))
}

/// The shortest cycle through `start`.
fn cycle(start: &str, imports: &BTreeMap<String, BTreeSet<String>>) -> Option<Vec<String>> {
    let mut seen = BTreeSet::new();
    let mut paths = vec![vec![start.to_owned()]];
    while !paths.is_empty() {
        let mut longer = Vec::new();
        for path in paths {
            for next in &imports[path.last().unwrap()] {
                let path = [path.as_slice(), std::slice::from_ref(next)].concat();
                if next == start {
                    return Some(path);
                }
                if seen.insert(next.clone()) {
                    longer.push(path);
                }
            }
        }
        paths = longer;
    }
    None
}

#[test]
fn sql_stays_in_the_store() {
    let mut complaints = Vec::new();
    for source in sources()
        .iter()
        .filter(|source| source.top_level() != "store")
    {
        for library in ["sea_orm", "sqlx", "sea_query"] {
            for name in source.names_from(library) {
                let excepted = DATABASE_EXCEPTIONS.contains(&(source.path.as_str(), name.as_str()));
                if !DATABASE_ERRORS.contains(&name.as_str()) && !excepted {
                    complaints.push(format!("{} names {library}::{name}", source.path));
                }
            }
        }
    }
    assert_none(&complaints);
}

/// `Object` and `Enum` of poem-openapi describe a schema and are not HTTP types.
#[test]
fn http_types_stay_in_their_modules() {
    let mut complaints = Vec::new();
    for source in sources()
        .iter()
        .filter(|source| !HTTP.contains(&source.top_level()))
    {
        let names = ["poem", "poem_openapi"].map(|library| source.names_from(library));
        let names = names.into_iter().flatten();
        let http = names.filter(|name| !["Enum", "Object"].contains(&name.as_str()));
        complaints.extend(http.map(|name| format!("{} names poem's {name}", source.path)));
    }
    assert_none(&complaints);
}

#[test]
fn no_file_is_too_long() {
    let sources = sources();
    let long = sources.iter().filter(|source| source.lines > LONGEST_FILE);
    let complaints = long.map(|source| format!("{} has {} lines", source.path, source.lines));
    assert_none(&complaints.collect::<Vec<_>>());
}

/// The test of interrupted migrations counts prepared statements.
#[test]
fn migrations_execute_prepared_statements_only() {
    let steps = Path::new(env!("CARGO_MANIFEST_DIR")).join("migration/src");
    for entry in fs::read_dir(steps).unwrap() {
        let path = entry.unwrap().path();
        let code = fs::read_to_string(&path).unwrap();
        assert!(!code.contains("execute_unprepared"), "{}", path.display());
    }
}
