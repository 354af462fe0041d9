//! Threads that hash passwords, and their queue.

use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::argon2_memory::check_processor;
use super::cost::Cost;
use super::queue::{Lane, Load, Next, Queue};
use super::worker::Worker;
use crate::metric::{HASH_SECONDS, HASHES_REFUSED};

type Job = Box<dyn FnOnce(&mut Worker) + Send>;

/// A thread pool; a clone shares it. The threads end when the last clone is dropped and the queue is empty.
#[derive(Clone)]
pub(super) struct Threads(Arc<Jobs>);

/// Closes the queue when the last clone of the pool is dropped.
struct Jobs(Arc<Queue<Job>>);

impl Drop for Jobs {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl fmt::Debug for Threads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Threads").finish_non_exhaustive()
    }
}

impl Threads {
    pub fn start(cost: Cost, threads: usize, queue: usize) -> io::Result<Self> {
        if threads == 0 {
            return Err(invalid("passwords need at least 1 thread".to_owned()));
        }
        check_processor().map_err(io::Error::other)?;
        let queue = Arc::new(Queue::new(threads, queue));
        // Closes the queue if a thread cannot be started.
        let started = Self(Arc::new(Jobs(Arc::clone(&queue))));
        spawn(&queue, cost, threads)?;
        Ok(started)
    }

    /// Queues `work`. The receiver gets an error when `work` panics.
    pub fn submit<T: Send + 'static>(
        &self,
        lane: Lane,
        work: impl FnOnce(&mut Worker) -> T + Send + 'static,
    ) -> Result<oneshot::Receiver<T>, Busy> {
        let (reply, answer) = oneshot::channel();
        let job = move |worker: &mut Worker| {
            // After a timeout or a closed connection the result has no reader.
            if !reply.is_closed() {
                let began = Instant::now();
                let result = work(worker);
                HASH_SECONDS.time(lane.queue(), began.elapsed());
                reply.send(result).ok();
            }
        };
        let Jobs(queue) = &*self.0;
        queue.push(lane, Box::new(job)).map_err(|_| {
            HASHES_REFUSED.count(lane.queue());
            Busy
        })?;
        Ok(answer)
    }

    pub fn load(&self) -> Load {
        self.0.0.load()
    }

    /// Blocks one thread until the sender is dropped. Returns when the thread has begun.
    pub fn occupy(&self) -> Result<Sender<()>, Busy> {
        let (release, released) = channel::<()>();
        let (started, has_started) = channel();
        let answer = self.submit(Lane::Current, move |_| {
            started.send(()).ok();
            released.recv().ok();
        })?;
        has_started.recv().map_err(|_| Busy)?;
        // A job that has begun does not need its receiver.
        drop(answer);
        Ok(release)
    }
}

/// No thread took the password, because the queue is full. A job that panicked has the same error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many passwords are waiting to be hashed; try again soon")]
pub struct Busy;

fn spawn(queue: &Arc<Queue<Job>>, cost: Cost, threads: usize) -> io::Result<Vec<JoinHandle<()>>> {
    let spawn_one = |number| {
        let worker = Worker::new(cost).map_err(invalid)?;
        let queue = Arc::clone(queue);
        Builder::new()
            .name(format!("jeton-password-{number}"))
            .spawn(move || {
                lower_priority();
                run_jobs(&queue, worker);
            })
    };
    (1..=threads).map(spawn_one).collect()
}

fn invalid(reason: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, reason)
}

/// The time without a job after which a thread frees its memory. Allocating it again costs a tenth of a hash.
const IDLE_TIMEOUT: Duration = Duration::from_secs(5);

/// Added to the niceness of the threads, see sched(7). A thread of the usual niceness gets nine times as much of a core.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

/// Lets the process's other threads run first. A refresh needs a core for less than a millisecond, a hash for many.
///
/// The priority of a single thread is peculiar to Linux.
#[cfg(target_os = "linux")]
fn lower_priority() {
    use rustix::process::{getpriority_process, setpriority_process};

    let thread = Some(rustix::thread::gettid());
    let lowered = getpriority_process(thread)
        .and_then(|niceness| setpriority_process(thread, niceness + NICENESS));
    if let Err(error) = lowered {
        tracing::warn!(%error, "passwords are hashed at the priority of the other threads");
    }
}

#[cfg(not(target_os = "linux"))]
const fn lower_priority() {}

fn run_jobs(queue: &Queue<Job>, mut worker: Worker) {
    loop {
        let (lane, job) = match queue.take(IDLE_TIMEOUT) {
            Next::Job(lane, job) => (lane, job),
            Next::Idle => {
                worker.free_memory();
                continue;
            }
            Next::End => return,
        };
        // The memory is zeroed after each hash, and before it is used again after a panic.
        if catch_unwind(AssertUnwindSafe(|| job(&mut worker))).is_err() {
            tracing::error!("a password job panicked");
        }
        queue.finish(lane);
    }
}

#[cfg(test)]
mod tests {
    use std::thread::sleep;

    use super::*;

    #[tokio::test]
    async fn a_job_without_a_receiver_is_skipped() {
        let threads = Threads::start(Cost::TINY, 1, 1).unwrap();
        let release = threads.occupy().unwrap();
        let (done, was_done) = channel();
        drop(
            threads
                .submit(Lane::Current, move |_| done.send(()).unwrap())
                .unwrap(),
        );
        drop(release);
        // An error means that the job was dropped without a message.
        assert!(was_done.recv().is_err());
        assert!(threads.submit(Lane::Current, |_| ()).unwrap().await.is_ok());
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn the_threads_have_a_lower_priority() {
        use rustix::process::getpriority_process;
        use rustix::thread::gettid;

        let threads = Threads::start(Cost::TINY, 1, 1).unwrap();
        let niceness = || getpriority_process(Some(gettid())).unwrap();
        let lowered = threads.submit(Lane::Current, move |_| niceness()).unwrap();
        assert_eq!(lowered.await.unwrap(), (niceness() + NICENESS).min(19));
    }

    #[tokio::test]
    async fn a_thread_continues_after_a_panic() {
        let threads = Threads::start(Cost::TINY, 1, 8).unwrap();
        let answer = threads
            .submit(Lane::Current, |_| -> () { panic!("on purpose") })
            .unwrap();
        assert!(answer.await.is_err());
        assert!(threads.submit(Lane::Current, |_| ()).unwrap().await.is_ok());
    }

    #[test]
    fn the_threads_end_with_the_last_clone() {
        let queue = Arc::new(Queue::new(3, 1));
        let handles = spawn(&queue, Cost::TINY, 3).unwrap();
        assert_eq!(handles[2].thread().name(), Some("jeton-password-3"));
        let threads = Threads(Arc::new(Jobs(queue)));
        let clone = threads.clone();
        drop(threads);
        assert!(handles.iter().all(|thread| !thread.is_finished()));
        drop(clone);
        let deadline = Instant::now() + Duration::from_secs(10);
        while !handles.iter().all(JoinHandle::is_finished) {
            assert!(Instant::now() < deadline, "a thread has not ended");
            sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn zero_threads_and_a_cost_out_of_bounds_are_refused_at_the_start() {
        for (threads, memory_kib) in [(0, 64), (1, 7), (1, u32::MAX)] {
            let cost = Cost {
                memory_kib,
                ..Cost::TINY
            };
            let error = Threads::start(cost, threads, 1).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{error}");
        }
    }
}
