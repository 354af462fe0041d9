//! Passwords: hashed with Argon2id (RFC 9106) on threads of their own.

mod bcrypt;
mod cost;
mod hasher;
mod parse;
mod phc;
mod plain;
mod pool;
mod rules;
mod stored;
mod worker;

pub use self::cost::Cost;
pub use self::hasher::{HashError, PasswordHasher};
pub use self::parse::check_stored;
pub use self::plain::Password;
pub use self::pool::Busy;
pub use self::rules::{Rules, Weakness};
pub use self::worker::Verdict;
