//! Rotations that wait for another writer and are then written by one statement, on SQLite.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use jeton::clock::Clock;
use sea_orm::{ConnectionTrait as _, DatabaseConnection};

use crate::support::file::DataDir;
use crate::support::{ALICE, Answer, Jeton, ROOT_SECRET, START, Tokens};

/// A number of sessions that is no power of two.
const SESSIONS: usize = 11;

struct Server {
    data: DataDir,
    jeton: Arc<Jeton>,
    sessions: Vec<Tokens>,
}

impl Server {
    async fn start() -> Self {
        let data = DataDir::of_file();
        let clock = Clock::standing_at(START);
        let jeton = Jeton::on(data.open().await, clock, ROOT_SECRET, |_| {}).await;
        jeton.add_client("first-party", None, |_| {}).await;
        jeton.add_user(ALICE.0, ALICE.1).await;
        let mut sessions = Vec::new();
        for _ in 0..SESSIONS {
            sessions.push(jeton.sign_in().await);
        }
        Self {
            data,
            jeton: Arc::new(jeton),
            sessions,
        }
    }

    /// A connection that holds the write lock, so that rotations wait.
    async fn lock(&self) -> DatabaseConnection {
        let connection = self.data.connect().await;
        execute(&connection, "BEGIN IMMEDIATE").await;
        connection
    }

    /// The number of transactions in the write-ahead log: the last frame of each has the size of the database in its head
    /// (SQLite, *Database File Format*, 4.1). What a former use of the file has left has another salt.
    fn commits(&self) -> usize {
        let log = std::fs::read(self.data.database().with_extension("db-wal")).unwrap();
        let (head, frames) = log.split_at(32);
        let page = u32::from_be_bytes(head[8..12].try_into().unwrap());
        let frames = frames.chunks_exact(24 + page as usize);
        let valid = frames.filter(|frame| frame[8..16] == head[16..24]);
        valid.filter(|frame| frame[4..8] != [0; 4]).count()
    }

    /// Starts the refreshes of these sessions, which wait; then ends the lock. Returns the responses in order.
    async fn refresh_together(&self, sessions: &[usize]) -> Vec<Answer> {
        let lock = self.lock().await;
        let requests = sessions.iter().map(|index| {
            let jeton = Arc::clone(&self.jeton);
            let token = self.sessions[*index].refresh_token.clone();
            tokio::spawn(async move { jeton.refresh(&token).await })
        });
        let requests: Vec<_> = requests.collect();
        // All but the first are in the queue by then; if not, the test is weaker, but does not fail.
        tokio::time::sleep(Duration::from_millis(300)).await;
        execute(&lock, "ROLLBACK").await;
        let mut answers = Vec::new();
        for request in requests {
            answers.push(request.await.unwrap());
        }
        answers
    }
}

async fn execute(connection: &DatabaseConnection, sql: &str) {
    connection.execute_unprepared(sql).await.unwrap();
}

/// row 27: each request gets the tokens of its own session.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rotations_of_several_sessions_are_written_together() {
    let server = Server::start().await;
    let all: Vec<usize> = (0..SESSIONS).collect();
    let answers = server.refresh_together(&all).await;
    for (before, answer) in server.sessions.iter().zip(answers) {
        let after = answer.tokens();
        assert_eq!(after.session(), before.session());
        let row = server.jeton.session(&after).await;
        assert_eq!((row.generation, row.rotation_gap), (1, 0));
        server.jeton.refresh(&after.refresh_token).await.tokens();
    }
}

/// How many requests wait when the lock ends is a matter of luck, so this is tried again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_rotations_take_one_transaction() {
    let mut tried = Vec::new();
    while tried.len() < 20 {
        let server = Server::start().await;
        let before = server.commits();
        let all: Vec<usize> = (0..SESSIONS).collect();
        for answer in server.refresh_together(&all).await {
            answer.tokens();
        }
        let commits = server.commits() - before;
        if (1..SESSIONS).contains(&commits) {
            return;
        }
        tried.push(commits);
    }
    panic!("{SESSIONS} rotations took {tried:?} transactions");
}

/// row 27: the same token several times gets the same tokens.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_is_rotated_once_however_often_its_token_waits() {
    let server = Server::start().await;
    let answers = server.refresh_together(&[0, 1, 2, 1, 1, 3, 2, 1]).await;
    let tokens: Vec<Tokens> = answers.iter().map(Answer::tokens).collect();
    let access: BTreeSet<&str> = tokens.iter().map(|own| &*own.access_token).collect();
    assert_eq!(access.len(), 4);
    for own in &tokens {
        let row = server.jeton.session(own).await;
        assert_eq!((row.generation, row.revoked_at), (1, None));
    }
}

/// A row that cannot be written fails its own request only.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rotations_are_written_one_by_one_after_a_failure() {
    let server = Server::start().await;
    let broken = server.sessions[4].session().simple().to_string();
    let trigger = format!(
        "CREATE TRIGGER broken BEFORE UPDATE ON sessions WHEN NEW.id = x'{broken}' \
         BEGIN SELECT RAISE(ABORT, 'broken'); END"
    );
    server.data.execute(&trigger).await;
    let all: Vec<usize> = (0..SESSIONS).collect();
    let answers = server.refresh_together(&all).await;
    for (index, answer) in answers.iter().enumerate() {
        let expected = if index == 4 { 500 } else { 200 };
        assert_eq!(answer.status, expected, "{index}: {}", answer.body);
    }
    server.data.execute("DROP TRIGGER broken").await;
    let token = &server.sessions[4].refresh_token;
    server.jeton.refresh(token).await.tokens();
}

/// A store outlives the runtime in which a rotation began that was not written.
#[test]
fn rotations_are_written_after_a_runtime_has_ended() {
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().build().unwrap()
    };
    let server = runtime().block_on(Server::start());
    let token = &server.sessions[0].refresh_token;
    runtime().block_on(async {
        assert!(server.jeton.refresh(token).now_or_never().is_none());
    });
    runtime().block_on(async { server.jeton.refresh(token).await.tokens() });
}
