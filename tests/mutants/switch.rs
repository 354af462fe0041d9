//! Which mutant is active. `run.py` adds this module to its copy of the sources.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fs::File;
use std::io::Write as _;
use std::sync::LazyLock;

static ACTIVE: LazyLock<u32> =
    LazyLock::new(|| std::env::var("MUTANT").map_or(0, |number| number.parse().unwrap_or(0)));

static LOG: LazyLock<Option<File>> = LazyLock::new(|| {
    let path = std::env::var("MUTANTS_REACHED").ok()?;
    File::options().create(true).append(true).open(path).ok()
});

thread_local! {
    static REACHED: RefCell<HashSet<u32>> = RefCell::default();
}

/// Whether this mutant is active. Records that the thread has reached it: the thread of a test has the test's name.
pub fn is(number: u32) -> bool {
    if let Some(mut log) = LOG.as_ref()
        && REACHED.with_borrow_mut(|reached| reached.insert(number))
    {
        let name = std::thread::current().name().unwrap_or_default().to_owned();
        let _ = log.write_all(format!("{name} {number}\n").as_bytes());
    }
    *ACTIVE == number
}
