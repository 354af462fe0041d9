//! Passwords: hashed with Argon2id (RFC 9106) on a few threads of their own.

mod bcrypt;
mod cost;
mod parse;
mod phc;
mod plain;
mod rules;
mod stored;
mod worker;

use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::{fmt, io};

use tokio::sync::oneshot;

pub use self::cost::Cost;
pub use self::parse::check_stored;
pub use self::plain::Password;
pub use self::rules::{Rules, Weakness};
use self::worker::Worker;
use crate::username::Username;

type Job = Box<dyn FnOnce(&mut Worker) + Send>;

/// Hashes and verifies passwords on threads of its own; a clone shares them.
///
/// The threads end when the last clone is dropped and the queue is empty.
#[derive(Clone, Debug)]
pub struct PasswordHasher {
    jobs: SyncSender<Job>,
}

impl PasswordHasher {
    /// Starts `threads` threads, each with the memory of one hash of `cost`, kept between jobs. At
    /// most `queue` jobs wait for a thread; with 0, a job is taken only by a thread that is idle.
    ///
    /// Takes also a cost that [`Cost::check`] finds too cheap, so that tests are quick.
    ///
    /// # Errors
    ///
    /// `InvalidInput` when `threads` is 0 or `cost` is out of the bounds for stored hashes;
    /// what the system says when it does not give the threads.
    pub fn start(cost: Cost, threads: usize, queue: usize) -> io::Result<Self> {
        if threads == 0 {
            return Err(invalid("passwords need at least 1 thread".to_owned()));
        }
        let (jobs, waiting) = sync_channel(queue);
        spawn(waiting, cost, threads)?;
        Ok(Self { jobs })
    }

    /// The PHC string of a new Argon2id hash of `password`, with a fresh salt.
    ///
    /// # Errors
    ///
    /// [`Busy`] when the queue is full, or when there is no hash for a reason that the log tells.
    pub async fn hash(&self, password: Password) -> Result<String, Busy> {
        let answer = self.submit(move |worker| worker.hash(&password))?;
        answer.await.ok().flatten().ok_or(Busy)
    }

    /// The same for a password that somebody chooses, if it is what the rules ask for.
    ///
    /// # Errors
    ///
    /// [`NotHashed`].
    pub async fn hash_chosen(
        &self,
        password: Password,
        username: &Username,
        rules: &Rules,
    ) -> Result<String, NotHashed> {
        let (username, rules) = (username.clone(), rules.clone());
        let answer = self.submit(move |worker| {
            let checked = rules.check(&password, &username);
            checked.map(|()| worker.hash(&password))
        })?;
        let hash = answer.await.map_err(|_| Busy)?.map_err(NotHashed::Weak)?;
        Ok(hash.ok_or(Busy)?)
    }

    /// Whether `stored` was made of `password`. `None` stands for a user who does not exist: the
    /// answer is [`Verdict::Wrong`], after the work of a hash of the current cost.
    ///
    /// So is the answer for a stored hash that cannot be read or asks for more work than is
    /// accepted; the log tells. A hash of another cost takes its own time until it is replaced.
    ///
    /// # Errors
    ///
    /// [`Busy`] when the queue is full, or when the job panicked, which the log tells.
    pub async fn verify(
        &self,
        password: Password,
        stored: Option<String>,
    ) -> Result<Verdict, Busy> {
        let answer = self.submit(move |worker| worker.verify(&password, stored.as_deref()))?;
        answer.await.map_err(|_| Busy)
    }

    /// Keeps one thread at work until what is returned is dropped, for tests of a server that is busy:
    /// none of them need be quicker than a hash. Waits until the thread has begun.
    ///
    /// # Errors
    ///
    /// [`Busy`] when the queue is full.
    #[doc(hidden)]
    pub fn occupy(&self) -> Result<Sender<()>, Busy> {
        let (release, released) = channel::<()>();
        let (started, has_started) = channel();
        let answer = self.submit(move |_| {
            started.send(()).ok();
            released.recv().ok();
        })?;
        has_started.recv().map_err(|_| Busy)?;
        // Once begun, it goes on without its caller.
        drop(answer);
        Ok(release)
    }

    /// Queues `work`. The receiver gets an error when `work` panics.
    fn submit<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Worker) -> T + Send + 'static,
    ) -> Result<oneshot::Receiver<T>, Busy> {
        let (reply, answer) = oneshot::channel();
        let job = move |worker: &mut Worker| {
            // A caller who has left, by a timeout or a closed connection, wants no work done.
            if !reply.is_closed() {
                reply.send(work(worker)).ok();
            }
        };
        self.jobs.try_send(Box::new(job)).map_err(|_| Busy)?;
        Ok(answer)
    }
}

/// What [`PasswordHasher::verify`] found.
#[must_use]
#[derive(PartialEq, Eq)]
pub enum Verdict {
    /// Another password, no such user, or a stored hash that is refused.
    Wrong,
    /// The right password.
    Right,
    /// The right password, stored by another algorithm or at another cost than the current ones.
    RightOutdated {
        /// The PHC string to store from now on.
        rehashed: String,
    },
}

// By hand: a hash must not get into a log.
impl fmt::Debug for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Wrong => "Wrong",
            Self::Right => "Right",
            Self::RightOutdated { .. } => "RightOutdated",
        })
    }
}

/// No thread took the password, because the queue is full. A job that panicked gives the same
/// error: its caller, too, can only try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Busy;

impl fmt::Display for Busy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("too many passwords are waiting to be hashed; try again soon")
    }
}

impl Error for Busy {}

/// Why there is no hash of a password that somebody chose.
#[derive(Debug)]
pub enum NotHashed {
    /// It is not what the rules ask for.
    Weak(Weakness),
    /// It was not looked at.
    Busy(Busy),
}

impl From<Busy> for NotHashed {
    fn from(busy: Busy) -> Self {
        Self::Busy(busy)
    }
}

impl fmt::Display for NotHashed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Weak(weakness) => weakness.fmt(f),
            Self::Busy(busy) => busy.fmt(f),
        }
    }
}

impl Error for NotHashed {}

fn spawn(waiting: Receiver<Job>, cost: Cost, threads: usize) -> io::Result<Vec<JoinHandle<()>>> {
    let waiting = Arc::new(Mutex::new(waiting));
    let spawn_one = |number| {
        let worker = Worker::new(cost).map_err(invalid)?;
        let waiting = Arc::clone(&waiting);
        Builder::new()
            .name(format!("jeton-password-{number}"))
            .spawn(move || work_through(&waiting, worker))
    };
    (1..=threads).map(spawn_one).collect()
}

fn invalid(reason: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, reason)
}

fn work_through(waiting: &Mutex<Receiver<Job>>, mut worker: Worker) {
    while let Some(job) = next(waiting) {
        // What a panic leaves half done in the memory is overwritten before it is read again.
        if catch_unwind(AssertUnwindSafe(|| job(&mut worker))).is_err() {
            tracing::error!("a password job panicked; its caller was told to try again");
        }
    }
}

// A function of its own: in the head of the loop, the lock would be held while the job is done.
fn next(waiting: &Mutex<Receiver<Job>>) -> Option<Job> {
    let waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
    waiting.recv().ok()
}

#[cfg(test)]
mod tests {
    use std::thread::sleep;
    use std::time::{Duration, Instant};

    use futures_util::FutureExt;

    use super::*;

    const TINY: Cost = Cost {
        memory_kib: 64,
        iterations: 1,
        parallelism: 1,
    };

    /// One thread, at work until the sender is dropped, and an empty queue of one place.
    fn occupied() -> (PasswordHasher, Sender<()>) {
        let hasher = PasswordHasher::start(TINY, 1, 1).unwrap();
        let release = hasher.occupy().unwrap();
        (hasher, release)
    }

    #[tokio::test]
    async fn a_hash_is_verified_by_its_password_alone() {
        let hasher = PasswordHasher::start(TINY, 2, 8).unwrap();
        let stored = hasher.hash(Password::new("pässword")).await.unwrap();
        let verify = |text| hasher.verify(Password::new(text), Some(stored.clone()));
        assert_eq!(verify("pässword").await, Ok(Verdict::Right));
        assert_eq!(verify("passwörd").await, Ok(Verdict::Wrong));
        let nobody = hasher.verify(Password::new("pässword"), None).await;
        assert_eq!(nobody, Ok(Verdict::Wrong));
    }

    #[tokio::test]
    async fn a_full_queue_is_told_as_busy_and_recovers() {
        let (hasher, release) = occupied();
        let waiting = hasher
            .submit(|worker| worker.hash(&Password::new("first")))
            .unwrap();
        let second = hasher.hash(Password::new("second")).now_or_never();
        assert_eq!(second, Some(Err(Busy)));
        let third = hasher.verify(Password::new("third"), None).now_or_never();
        assert_eq!(third, Some(Err(Busy)));
        drop(release);
        assert!(waiting.await.unwrap().is_some());
        assert!(hasher.hash(Password::new("fourth")).await.is_ok());
    }

    #[tokio::test]
    async fn work_whose_caller_has_left_is_skipped() {
        let (hasher, release) = occupied();
        let (done, was_done) = channel();
        drop(hasher.submit(move |_| done.send(()).unwrap()).unwrap());
        drop(release);
        // An error says that the job was dropped without a message.
        assert!(was_done.recv().is_err());
        assert!(hasher.hash(Password::new("next")).await.is_ok());
    }

    #[tokio::test]
    async fn a_panic_reaches_its_caller_and_leaves_the_thread_at_work() {
        let hasher = PasswordHasher::start(TINY, 1, 8).unwrap();
        let answer = hasher.submit(|_| -> () { panic!("on purpose") }).unwrap();
        assert!(answer.await.is_err());
        let stored = hasher.hash(Password::new("after")).await.unwrap();
        let verdict = hasher.verify(Password::new("after"), Some(stored)).await;
        assert_eq!(verdict, Ok(Verdict::Right));
    }

    #[test]
    fn threads_end_with_the_last_hasher() {
        let (jobs, waiting) = sync_channel(1);
        let threads = spawn(waiting, TINY, 3).unwrap();
        assert_eq!(threads[2].thread().name(), Some("jeton-password-3"));
        let hasher = PasswordHasher { jobs };
        let clone = hasher.clone();
        drop(hasher);
        assert!(threads.iter().all(|thread| !thread.is_finished()));
        drop(clone);
        let deadline = Instant::now() + Duration::from_secs(10);
        while !threads.iter().all(JoinHandle::is_finished) {
            assert!(Instant::now() < deadline, "a thread is still there");
            sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn no_thread_and_an_impossible_cost_are_refused_at_the_start() {
        for (threads, memory_kib) in [(0, 64), (1, 7), (1, u32::MAX)] {
            let cost = Cost { memory_kib, ..TINY };
            let error = PasswordHasher::start(cost, threads, 1).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{error}");
        }
    }

    #[test]
    fn a_verdict_prints_no_hash() {
        let verdict = Verdict::RightOutdated {
            rehashed: "$argon2id$".to_owned(),
        };
        assert_eq!(format!("{verdict:?}"), "RightOutdated");
    }
}
