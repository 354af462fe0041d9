//! The queues of the password threads: one for hashes of the current cost, one for imported hashes.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::metric::PasswordQueue;

/// The queue that a job waits in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    /// Hashes of the current cost.
    Current,
    /// Hashes of any other algorithm or cost. At most half of the threads work on them, but at least one.
    Imported,
}

impl Lane {
    /// The name in the metrics.
    pub const fn queue(self) -> PasswordQueue {
        match self {
            Self::Current => PasswordQueue::Current,
            Self::Imported => PasswordQueue::Imported,
        }
    }
}

/// How busy the password threads are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// The number of threads.
    pub threads: usize,
    /// The jobs in each queue.
    pub queues: [QueueLoad; 2],
}

/// The jobs in one queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueLoad {
    /// The queue.
    pub queue: PasswordQueue,
    /// The number of jobs that wait for a thread.
    pub waiting: usize,
    /// The number of jobs that a thread works on.
    pub running: usize,
}

/// What a thread does next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next<J> {
    Job(Lane, J),
    /// No job has come for some time.
    Idle,
    /// The queue is closed and empty.
    End,
}

/// The jobs that wait for a thread.
pub(super) struct Queue<J> {
    state: Mutex<State<J>>,
    changed: Condvar,
    threads: usize,
    /// The maximum of waiting jobs in each lane.
    capacity: usize,
    /// The maximum of imported jobs that run at once.
    imported_max: usize,
}

struct State<J> {
    current: VecDeque<J>,
    imported: VecDeque<J>,
    current_running: usize,
    imported_running: usize,
    /// The lane of the last job that a thread took: the lanes take turns.
    last: Lane,
    is_closed: bool,
}

impl<J> Queue<J> {
    pub fn new(threads: usize, capacity: usize) -> Self {
        Self {
            state: Mutex::new(State {
                current: VecDeque::new(),
                imported: VecDeque::new(),
                current_running: 0,
                imported_running: 0,
                last: Lane::Imported,
                is_closed: false,
            }),
            changed: Condvar::new(),
            threads,
            capacity,
            imported_max: (threads / 2).max(1),
        }
    }

    /// Adds a job. Returns it if the lane is full.
    pub fn push(&self, lane: Lane, job: J) -> Result<(), J> {
        let mut state = self.lock();
        let jobs = match lane {
            Lane::Current => &mut state.current,
            Lane::Imported => &mut state.imported,
        };
        if jobs.len() >= self.capacity {
            return Err(job);
        }
        jobs.push_back(job);
        self.changed.notify_one();
        Ok(())
    }

    /// Waits for a job, but not longer than `timeout` for anything to change.
    pub fn take(&self, timeout: Duration) -> Next<J> {
        let mut state = self.lock();
        loop {
            if let Some((lane, job)) = state.take(self.imported_max) {
                return Next::Job(lane, job);
            }
            if state.is_closed && state.imported.is_empty() {
                return Next::End;
            }
            let woken = self.changed.wait_timeout(state, timeout);
            let (woken, wait) = woken.unwrap_or_else(PoisonError::into_inner);
            if wait.timed_out() {
                return Next::Idle;
            }
            state = woken;
        }
    }

    /// Reports the end of a job of this lane.
    pub fn finish(&self, lane: Lane) {
        let mut state = self.lock();
        let running = state.running(lane);
        *running = running.saturating_sub(1);
        if lane == Lane::Imported {
            // A thread that sleeps may now take a waiting job of this lane, or end.
            self.changed.notify_all();
        }
    }

    /// Lets the threads end when the queue is empty.
    pub fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_all();
    }

    /// How busy the threads are.
    pub fn load(&self) -> Load {
        let state = self.lock();
        let load = |lane: Lane, waiting: &VecDeque<J>, running| QueueLoad {
            queue: lane.queue(),
            waiting: waiting.len(),
            running,
        };
        Load {
            threads: self.threads,
            queues: [
                load(Lane::Current, &state.current, state.current_running),
                load(Lane::Imported, &state.imported, state.imported_running),
            ],
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<J>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<J> State<J> {
    fn take(&mut self, imported_max: usize) -> Option<(Lane, J)> {
        let may_import = self.imported_running < imported_max;
        let prefers_imported = self.last == Lane::Current || self.current.is_empty();
        let imported = may_import && prefers_imported && !self.imported.is_empty();
        let (lane, job) = if imported {
            (Lane::Imported, self.imported.pop_front()?)
        } else {
            (Lane::Current, self.current.pop_front()?)
        };
        *self.running(lane) += 1;
        self.last = lane;
        Some((lane, job))
    }

    const fn running(&mut self, lane: Lane) -> &mut usize {
        match lane {
            Lane::Current => &mut self.current_running,
            Lane::Imported => &mut self.imported_running,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(10);

    fn take<J>(queue: &Queue<J>) -> (Lane, J) {
        match queue.take(TIMEOUT) {
            Next::Job(lane, job) => (lane, job),
            Next::Idle | Next::End => panic!("no job"),
        }
    }

    fn filled(threads: usize) -> Queue<usize> {
        let queue = Queue::new(threads, 4);
        for job in 0..4 {
            queue.push(Lane::Imported, job).unwrap();
            queue.push(Lane::Current, 10 + job).unwrap();
        }
        queue
    }

    #[test]
    fn each_lane_has_the_whole_capacity() {
        let queue = filled(1);
        assert_eq!(queue.push(Lane::Imported, 4), Err(4));
        assert_eq!(queue.push(Lane::Current, 14), Err(14));
    }

    #[test]
    fn the_lanes_take_turns_on_one_thread() {
        let queue = filled(1);
        let mut taken = Vec::new();
        for _ in 0..8 {
            let (lane, job) = take(&queue);
            taken.push(job);
            queue.finish(lane);
        }
        assert_eq!(taken, [10, 0, 11, 1, 12, 2, 13, 3]);
    }

    #[test]
    fn imported_hashes_use_at_most_half_of_the_threads_and_at_least_one() {
        for (threads, at_once) in [(1, 1), (2, 1), (3, 1), (4, 2), (5, 2), (8, 4)] {
            let queue = filled(threads);
            queue.close();
            let mut running = 0;
            for _ in 0..4 + at_once {
                running += usize::from(take(&queue).0 == Lane::Imported);
            }
            assert_eq!(running, at_once, "{threads}");
            if at_once < 4 {
                queue.finish(Lane::Imported);
                assert_eq!(take(&queue).0, Lane::Imported);
            }
        }
    }

    #[test]
    fn a_closed_queue_ends_after_its_last_job() {
        let queue = Queue::new(2, 4);
        queue.push(Lane::Imported, 1).unwrap();
        queue.close();
        assert_eq!(queue.take(TIMEOUT), Next::Job(Lane::Imported, 1));
        assert_eq!(queue.take(TIMEOUT), Next::End);
    }

    #[test]
    fn a_thread_is_idle_when_no_job_comes() {
        let queue = Queue::new(1, 1);
        assert_eq!(queue.take(Duration::ZERO), Next::Idle);
        queue.push(Lane::Current, 1).unwrap();
        assert_eq!(queue.take(Duration::ZERO), Next::Job(Lane::Current, 1));
    }

    #[test]
    fn the_load_is_the_number_of_waiting_and_running_jobs() {
        let queue = filled(2);
        let numbers = || {
            let load = queue.load();
            assert_eq!(load.threads, 2);
            load.queues.map(|one| (one.waiting, one.running))
        };
        assert_eq!(numbers(), [(4, 0), (4, 0)]);
        let (first, _) = take(&queue);
        let (second, _) = take(&queue);
        assert_eq!(numbers(), [(3, 1), (3, 1)]);
        queue.finish(first);
        queue.finish(second);
        assert_eq!(numbers(), [(3, 0), (3, 0)]);
    }
}
