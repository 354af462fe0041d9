//! Checks the layout of `src/`: no import cycles between files, `super::` included.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// A module is named by its path from the crate's root: `["issuer", "fetch"]`, and `[]` for `lib.rs`.
type Module = Vec<String>;

#[test]
fn files_do_not_import_each_other_in_a_cycle() {
    let files = files();
    let imports: BTreeMap<Module, BTreeSet<Module>> = files
        .iter()
        .map(|(module, code)| (module.clone(), imports(module, code, &files)))
        .collect();
    assert!(imports.values().flatten().count() > 50, "{imports:?}");
    let cycles: Vec<String> = imports
        .keys()
        .filter_map(|module| path(module, module, &imports, &mut BTreeSet::new()))
        .map(|cycle| cycle.iter().map(|one| one.join("::")).collect::<Vec<_>>())
        .map(|names| names.join(" -> "))
        .collect();
    assert!(cycles.is_empty(), "\n{}", cycles.join("\n"));
}

#[test]
fn imports_of_all_kinds_are_found() {
    let code = "mod own;\nuse crate::jwk::{self, KeySet};\nuse super::{fetch::Http, snapshot};\n\
                fn f() { own::x(); crate::clock::now(); super::super::json::parse(); Self::y() }";
    let modules = ["own", "jwk", "clock", "json", "fetch", "snapshot"];
    let below = ["issuer::task::own", "issuer::fetch", "issuer::snapshot"];
    let names = modules
        .iter()
        .chain(&below)
        .chain(&["issuer", "issuer::task"]);
    let files: BTreeMap<Module, String> = names
        .map(|name| (name.split("::").map(str::to_owned).collect(), String::new()))
        .collect();
    let module = ["issuer".to_owned(), "task".to_owned()];
    let found: Vec<String> = imports(&module, code, &files)
        .iter()
        .map(|module| module.join("::"))
        .collect();
    assert_eq!(
        found,
        [
            "clock",
            "issuer::fetch",
            "issuer::snapshot",
            "issuer::task::own",
            "json",
            "jwk"
        ]
    );
}

/// The code of each file, without comments and tests.
fn files() -> BTreeMap<Module, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = BTreeMap::new();
    read(&root, &[], &mut files);
    files
}

fn read(directory: &Path, parent: &[String], files: &mut BTreeMap<Module, String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let mut module = parent.to_vec();
        if !["lib", "mod"].contains(&name.as_str()) {
            module.push(name);
        }
        if path.is_dir() {
            read(&path, &module, files);
        } else if module.last().is_none_or(|name| name != "tests") {
            let text = fs::read_to_string(&path).unwrap();
            let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
            files.insert(module, without_comments(text));
        }
    }
}

fn without_comments(text: &str) -> String {
    let lines = text.lines().map(str::trim_start);
    let code: Vec<&str> = lines.filter(|line| !line.starts_with("//")).collect();
    code.join("\n")
}

/// The other files that a file names, in `use` declarations and in paths.
fn imports(module: &[String], code: &str, files: &BTreeMap<Module, String>) -> BTreeSet<Module> {
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        found.extend(targets(&[], &code[at + "crate::".len()..]));
    }
    for (at, _) in code.match_indices("super::") {
        // Of `super::super::` only the last is followed by a name.
        let supers = code[..at]
            .rsplit("super::")
            .take_while(|text| text.is_empty());
        let depth = supers.count() + 1;
        let parent = &module[..module.len().saturating_sub(depth)];
        found.extend(targets(parent, &code[at + "super::".len()..]));
    }
    for line in code.lines() {
        let Some((_, name)) = line.rsplit_once("mod ") else {
            continue;
        };
        let name = name.trim_end_matches(';');
        if code.contains(&format!("{name}::")) {
            found.insert([module, &[name.to_owned()]].concat());
        }
    }
    found
        .iter()
        .filter(|path| path.iter().all(|name| name != "super"))
        .map(|path| file_of(path, files))
        .filter(|file| file != module)
        .collect()
}

/// The paths that begin with `base` and go on in `text`, which is a name, a path or a group in braces.
fn targets(base: &[String], text: &str) -> Vec<Module> {
    let Some(group) = text.strip_prefix('{') else {
        let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
        let path = text[..end.unwrap_or(text.len())].split("::");
        let path = path.filter(|name| !name.is_empty()).map(str::to_owned);
        return vec![base.iter().cloned().chain(path).collect()];
    };
    let group = group.split('}').next().unwrap().split(',').map(str::trim);
    group
        .filter(|name| !name.is_empty() && *name != "self")
        .flat_map(|name| targets(base, name))
        .collect()
}

/// The file that defines a path: the longest beginning of it that is a file.
fn file_of(path: &[String], files: &BTreeMap<Module, String>) -> Module {
    let ends = (0..=path.len()).rev();
    let mut beginnings = ends.map(|end| path[..end].to_vec());
    beginnings
        .find(|path| files.contains_key(path))
        .unwrap_or_default()
}

/// A path of imports from one file to another.
fn path(
    from: &[String],
    to: &[String],
    imports: &BTreeMap<Module, BTreeSet<Module>>,
    seen: &mut BTreeSet<Module>,
) -> Option<Vec<Module>> {
    for next in &imports[from] {
        if next == to {
            return Some(vec![from.to_vec(), to.to_vec()]);
        }
        if seen.insert(next.clone())
            && let Some(mut rest) = path(next, to, imports, seen)
        {
            rest.insert(0, from.to_vec());
            return Some(rest);
        }
    }
    None
}
