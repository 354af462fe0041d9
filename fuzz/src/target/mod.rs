//! The fuzz targets. Each gives arbitrary bytes to a part of the server and asserts what must hold for any input.
//!
//! `fuzz/run.sh` runs them; the tests of the server run them on the files in `fuzz/seeds/`.

pub mod admin;
pub mod authorization_code;
pub mod basic;
pub mod browser_session;
pub mod form;
pub mod import;
pub mod jwt;
pub mod password_hash;
pub mod refresh_token;
mod server;
pub mod settings;

use std::cell::RefCell;

/// A fuzz target with its state.
pub trait Target: Sized {
    /// The number of inputs after which the state is made anew, because the inputs add to it.
    const INPUTS: u32 = u32::MAX;

    fn start() -> Self;

    /// Panics if something does not hold for this input.
    fn run(&mut self, input: &[u8]);
}

/// A target and the number of inputs that it still takes.
pub struct Running<T>(RefCell<Option<(T, u32)>>);

impl<T: Target> Default for Running<T> {
    fn default() -> Self {
        Self(RefCell::new(None))
    }
}

impl<T: Target> Running<T> {
    pub fn start(&self) {
        *self.0.borrow_mut() = Some((T::start(), T::INPUTS));
    }

    pub fn run(&self, input: &[u8]) {
        let is_running = matches!(&*self.0.borrow(), Some((_, left)) if *left > 0);
        if !is_running {
            self.start();
        }
        if let Some((target, left)) = self.0.borrow_mut().as_mut() {
            *left -= 1;
            target.run(input);
        }
    }
}

/// The first byte, which selects what an input is for, and the rest. A digit selects what its value does, so that seeds
/// are readable.
fn selected(input: &[u8], choices: u8) -> Option<(u8, &[u8])> {
    let (first, rest) = input.split_first()?;
    Some((first.wrapping_sub(b'0') % choices, rest))
}

/// The bytes before and after the first line feed.
fn halves(input: &[u8]) -> (&[u8], &[u8]) {
    let mut halves = input.splitn(2, |byte| *byte == b'\n');
    let first = halves.next().unwrap_or_default();
    (first, halves.next().unwrap_or_default())
}

/// A genuine text with changes: each takes an operation, a position and a byte of `changes`. The result may be the same
/// text.
fn changed(text: &str, changes: &[u8]) -> Vec<u8> {
    let mut text = text.as_bytes().to_vec();
    for change in changes.chunks_exact(3) {
        let length = text.len().max(1);
        let position = (usize::from(change[0] >> 2) << 8 | usize::from(change[1])) % length;
        match change[0] % 4 {
            0 if position < text.len() => text[position] = change[2],
            1 if position < text.len() => drop(text.remove(position)),
            2 => text.truncate(position),
            _ => text.insert(position, change[2]),
        }
    }
    text
}
