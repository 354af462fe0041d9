//! Hashing and verifying without blocking the caller's thread.

use std::io;
use std::sync::mpsc::Sender;

use super::cost::Cost;
use super::plain::Password;
use super::queue::{Lane, Load};
use super::rules::{Rules, Weakness};
use super::threads::{Busy, Threads};
use super::worker::{Verdict, Worker, current_prefix};
use crate::username::Username;

/// Hashes and verifies passwords on a thread pool; a clone shares the pool.
#[derive(Clone, Debug)]
pub struct PasswordHasher {
    threads: Threads,
    current_prefix: String,
}

impl PasswordHasher {
    /// Starts `threads` threads. Each uses the memory of one hash of `cost` while it has work. At most `queue` jobs wait
    /// for a thread, and as many with imported hashes.
    ///
    /// `InvalidInput` when `threads` is 0 or `cost` is out of the bounds for stored hashes. A cost that
    /// [`Cost::check`] refuses as too cheap is accepted, so that tests are fast.
    pub fn start(cost: Cost, threads: usize, queue: usize) -> io::Result<Self> {
        Ok(Self {
            threads: Threads::start(cost, threads, queue)?,
            current_prefix: current_prefix(cost),
        })
    }

    /// The beginning of all hashes of the current algorithm and cost, and of no other.
    pub fn current_prefix(&self) -> &str {
        &self.current_prefix
    }

    /// The PHC string of a new Argon2id hash of `password`, with a random salt.
    pub async fn hash(&self, password: Password) -> Result<String, Busy> {
        let answer = self
            .threads
            .submit(Lane::Current, move |worker| worker.hash(&password))?;
        answer.await.ok().flatten().ok_or(Busy)
    }

    /// The hash of a password that a user chooses, after the rules have accepted it.
    pub async fn hash_chosen(
        &self,
        password: Password,
        username: &Username,
        rules: &Rules,
    ) -> Result<String, HashError> {
        let (username, rules) = (username.clone(), rules.clone());
        let answer = self.threads.submit(Lane::Current, move |worker| {
            let checked = rules.check(&password, &username);
            checked.map(|()| worker.hash(&password))
        })?;
        let hash = answer.await.map_err(|_| Busy)??;
        Ok(hash.ok_or(Busy)?)
    }

    /// Whether `stored` is a hash of `password`. `None` stands for an unknown user: the result is
    /// [`Verdict::Wrong`], after the work of a hash of the current cost.
    ///
    /// A stored hash that is malformed or exceeds the accepted cost has the same result and is logged.
    /// A hash of another algorithm or cost waits in a queue of its own and takes its own time.
    pub async fn verify(
        &self,
        password: Password,
        stored: Option<String>,
    ) -> Result<Verdict, Busy> {
        let lane = stored
            .as_deref()
            .map_or(Lane::Current, |hash| self.lane(hash));
        let work = move |worker: &mut Worker| worker.verify(&password, stored.as_deref());
        self.threads.submit(lane, work)?.await.map_err(|_| Busy)
    }

    /// Does the work of a wrong password at `stored`, the hash of another user. The result is [`Verdict::Wrong`].
    pub async fn pretend(&self, password: Password, stored: String) -> Result<Verdict, Busy> {
        let lane = self.lane(&stored);
        let work = move |worker: &mut Worker| worker.pretend_as(&password, &stored);
        self.threads.submit(lane, work)?.await.map_err(|_| Busy)
    }

    /// How busy the threads are.
    pub fn load(&self) -> Load {
        self.threads.load()
    }

    fn lane(&self, stored: &str) -> Lane {
        if stored.starts_with(&self.current_prefix) {
            Lane::Current
        } else {
            Lane::Imported
        }
    }

    /// Blocks one thread until the sender is dropped, for tests of a busy server.
    #[doc(hidden)]
    pub fn occupy(&self) -> Result<Sender<()>, Busy> {
        self.threads.occupy()
    }
}

/// The reason why a chosen password was not hashed.
#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// The rules refuse the password.
    #[error(transparent)]
    Weak(#[from] Weakness),
    /// The password was not examined.
    #[error(transparent)]
    Busy(#[from] Busy),
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn a_hash_is_verified_only_by_its_password() {
        let hasher = PasswordHasher::start(Cost::TINY, 2, 8).unwrap();
        let stored = hasher.hash(Password::new("pässword")).await.unwrap();
        let verify = |text| hasher.verify(Password::new(text), Some(stored.clone()));
        assert_eq!(verify("pässword").await, Ok(Verdict::Right));
        assert_eq!(verify("passwörd").await, Ok(Verdict::Wrong));
        let unknown_user = hasher.verify(Password::new("pässword"), None).await;
        assert_eq!(unknown_user, Ok(Verdict::Wrong));
    }

    #[tokio::test]
    async fn a_full_queue_is_busy_until_a_thread_is_free() {
        let hasher = PasswordHasher::start(Cost::TINY, 1, 1).unwrap();
        let release = hasher.occupy().unwrap();
        let waiting = hasher.threads.submit(Lane::Current, |_| ()).unwrap();
        let second = hasher.hash(Password::new("second")).now_or_never();
        assert_eq!(second, Some(Err(Busy)));
        let third = hasher.verify(Password::new("third"), None).now_or_never();
        assert_eq!(third, Some(Err(Busy)));
        drop(release);
        waiting.await.unwrap();
        assert!(hasher.hash(Password::new("fourth")).await.is_ok());
    }
}
