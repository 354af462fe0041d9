//! Passwords: hashed with Argon2id (RFC 9106) on threads of their own.

mod argon2_memory;
mod bcrypt;
mod cost;
mod hasher;
mod parse;
mod phc;
mod plain;
mod queue;
mod rules;
mod stored;
mod threads;
mod worker;

pub use self::cost::Cost;
pub use self::hasher::{HashError, PasswordHasher};
pub use self::parse::{check_one_of_many, check_stored};
pub use self::plain::Password;
pub use self::queue::{Load, QueueLoad};
pub use self::rules::{Rules, Weakness};
pub use self::threads::Busy;
pub use self::worker::Verdict;
