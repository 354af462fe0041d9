//! Group commit on SQLite: rotations that wait while the database writes are written by the next statement together.
//!
//! SQLite writes one transaction at a time. Most of what a rotation costs is paid for each statement: the way to the
//! database's thread and back, and the commit.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sea_orm::RuntimeErr;
use sea_orm::entity::prelude::*;
use tokio::sync::oneshot;

use super::SessionRecord;
use super::rotating_statement::{MAX_ROTATIONS, Values, rotate_all};
use crate::metric::GROUP_COMMIT;
use crate::store::Store;
use crate::store::writer::{Durability, Writer};

/// The rotations that wait to be written.
#[derive(Default)]
pub(in crate::store) struct WaitingRotations(Mutex<Queue>);

#[derive(Default)]
struct Queue {
    rotations: VecDeque<Rotation>,
    is_writing: bool,
}

/// A rotation whose request waits for the outcome.
struct Rotation {
    session: Uuid,
    values: Values,
    outcome: oneshot::Sender<Result<Option<SessionRecord>, DbErr>>,
}

/// Rotates a session in one of the next statements.
pub(super) async fn rotate(
    store: &Store,
    session: Uuid,
    values: Values,
) -> Result<Option<SessionRecord>, DbErr> {
    let (outcome, receiver) = oneshot::channel();
    let rotation = Rotation {
        session,
        values,
        outcome,
    };
    if store.waiting_rotations.add(rotation) {
        // A task of its own, because the request may end before the rotations of others are written.
        let unfinished = Unfinished(Some(Arc::clone(&store.waiting_rotations)));
        tokio::spawn(write_all(store.clone(), unfinished));
    }
    let lost = DbErr::Conn(RuntimeErr::Internal(
        "the rotation was not written".to_owned(),
    ));
    receiver.await.unwrap_or(Err(lost))
}

/// Writes until no rotation waits.
async fn write_all(store: Store, mut unfinished: Unfinished) {
    loop {
        // First the turn to write: more rotations arrive while this waits for it.
        let writer = store.writer(Durability::Rotation).await;
        let batch = store.waiting_rotations.take();
        if batch.is_empty() {
            unfinished.0 = None;
            return;
        }
        write(&store, &writer, batch).await;
    }
}

/// Writes the rotations by one statement. If it fails, each runs alone: one of them may be the reason.
async fn write(store: &Store, writer: &Writer<'_>, batch: Vec<Rotation>) {
    let size = u32::try_from(batch.len()).unwrap_or(u32::MAX);
    GROUP_COMMIT.record((), size.into());
    if batch.len() > 1 {
        let values = batch.iter().map(|rotation| rotation.values.clone());
        match rotate_all(store, writer, values.collect()).await {
            Ok(records) => return answer(batch, records),
            Err(error) => tracing::debug!(%error, "rotations run one by one"),
        }
    }
    for rotation in batch {
        if !rotation.outcome.is_closed() {
            let rotated = rotate_all(store, writer, vec![rotation.values]).await;
            let record = rotated.map(|mut records| records.pop());
            let _ = rotation.outcome.send(record);
        }
    }
}

/// Gives each rotation its row, or none if it was not written.
fn answer(batch: Vec<Rotation>, mut records: Vec<SessionRecord>) {
    for rotation in batch {
        let own = |record: &SessionRecord| record.session.id == rotation.session;
        let place = records.iter().position(own);
        let record = place.map(|place| records.swap_remove(place));
        // The request may have ended. Its client sends the same token again.
        let _ = rotation.outcome.send(Ok(record));
    }
}

impl WaitingRotations {
    /// Returns whether the caller must start to write.
    fn add(&self, rotation: Rotation) -> bool {
        let mut queue = self.lock();
        queue.rotations.push_back(rotation);
        !std::mem::replace(&mut queue.is_writing, true)
    }

    /// The next rotations in order: different sessions, a power of two. Without any, writing ends.
    fn take(&self) -> Vec<Rotation> {
        let mut queue = self.lock();
        let mut sessions = HashSet::new();
        let (mut batch, mut left) = (Vec::new(), VecDeque::new());
        for rotation in queue.rotations.drain(..) {
            if rotation.outcome.is_closed() {
                continue;
            }
            if batch.len() < MAX_ROTATIONS && sessions.insert(rotation.session) {
                batch.push(rotation);
            } else {
                left.push_back(rotation);
            }
        }
        if let Some(power) = batch.len().checked_ilog2() {
            for rotation in batch.split_off(1 << power).into_iter().rev() {
                left.push_front(rotation);
            }
        }
        queue.rotations = left;
        queue.is_writing = !batch.is_empty();
        batch
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A task that writes. If it ends early, by a panic or with its runtime, the rotations that wait fail, and the next one
/// starts another task.
struct Unfinished(Option<Arc<WaitingRotations>>);

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(waiting) = &self.0 {
            *waiting.lock() = Queue::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot::error::TryRecvError;

    use super::*;

    type Receiver = oneshot::Receiver<Result<Option<SessionRecord>, DbErr>>;

    fn add(waiting: &WaitingRotations, session: u128) -> (bool, Receiver) {
        let (outcome, receiver) = oneshot::channel();
        let rotation = Rotation {
            session: Uuid::from_u128(session),
            values: std::array::from_fn(|_| 0.into()),
            outcome,
        };
        (waiting.add(rotation), receiver)
    }

    fn take(waiting: &WaitingRotations) -> Vec<u128> {
        let taken = waiting.take();
        taken.iter().map(|own| own.session.as_u128()).collect()
    }

    #[test]
    fn different_sessions_are_taken_in_order_by_powers_of_two() {
        let waiting = WaitingRotations::default();
        let requests: Vec<_> = [1, 2, 1, 3, 4, 5, 2, 6]
            .into_iter()
            .map(|session| add(&waiting, session))
            .collect();
        let starts: Vec<bool> = requests.iter().map(|(starts, _)| *starts).collect();
        assert_eq!(
            starts,
            [true, false, false, false, false, false, false, false]
        );
        assert_eq!(take(&waiting), [1, 2, 3, 4]);
        assert_eq!(take(&waiting), [5, 6, 1, 2]);
        assert!(!add(&waiting, 7).0);
        assert!(take(&waiting).is_empty(), "its request has ended");
        assert!(add(&waiting, 7).0);
    }

    #[test]
    fn at_most_the_largest_statement_is_taken() {
        let waiting = WaitingRotations::default();
        let requests: Vec<_> = (0..100).map(|session| add(&waiting, session)).collect();
        let sizes: Vec<usize> = (0..4).map(|_| take(&waiting).len()).collect();
        assert_eq!(sizes, [64, 32, 4, 0]);
        drop(requests);
    }

    #[test]
    fn the_rotation_of_a_request_that_has_ended_is_left_out() {
        let waiting = WaitingRotations::default();
        let kept = add(&waiting, 1);
        drop(add(&waiting, 2));
        let other = add(&waiting, 3);
        assert_eq!(take(&waiting), [1, 3]);
        drop((kept, other));
    }

    #[test]
    fn another_task_writes_after_one_that_ended_early() {
        let waiting = Arc::new(WaitingRotations::default());
        let (starts, mut outcome) = add(&waiting, 1);
        drop(Unfinished(Some(Arc::clone(&waiting))));
        assert!(
            outcome
                .try_recv()
                .is_err_and(|error| error == TryRecvError::Closed)
        );
        let second = add(&waiting, 2);
        assert!(starts && second.0);
        assert_eq!(take(&waiting), [2]);
    }
}
