//! All metrics. Each has a row in docs/operating.md and a panel or an alert in `deploy/`.

use super::kind::{Counters, Definition, Gauges, Histograms};
use super::labels::{
    Awaited, ConnectionPool, ConnectionState, EndpointName, GrantName, MaintenanceTask,
    PasswordQueue, RefreshOutcome, SlowedBy, StatusClass, SweptTable, TokenOutcome,
};

/// For requests, hashes and waits: from half a millisecond to the usual `server.request_timeout`.
const REQUEST_BUCKETS: &[f64] = &[
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];
const HASH_BUCKETS: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];
const MAINTENANCE_BUCKETS: &[f64] = &[0.001, 0.01, 0.1, 1.0, 10.0, 60.0, 600.0, 3600.0];
/// A batch has a power of two rotations.
const BATCH_BUCKETS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0];

/// Requests.
pub static REQUESTS: Counters<(EndpointName, StatusClass)> = Counters::new(
    "jeton_requests_total",
    "Requests, by endpoint and class of status.",
);
/// Durations of requests.
pub static REQUEST_SECONDS: Histograms<EndpointName> = Histograms::new(
    "jeton_request_seconds",
    REQUEST_BUCKETS,
    "Time from the head of a request to its response, by endpoint.",
);
/// Requests of `/token`.
pub static TOKEN_REQUESTS: Counters<(GrantName, TokenOutcome)> = Counters::new(
    "jeton_token_requests_total",
    "Requests of /token, by grant and outcome: success, or the error code.",
);
/// Durations of the requests of `/token`.
pub static TOKEN_REQUEST_SECONDS: Histograms<GrantName> = Histograms::new(
    "jeton_token_request_seconds",
    REQUEST_BUCKETS,
    "Time from the head of a request of /token to its response, by grant.",
);
/// Sessions begun with a password.
pub static SIGN_INS: Counters<()> =
    Counters::new("jeton_sign_ins_total", "Sessions begun with a password.");
/// Sessions ended by their clients.
pub static SIGN_OUTS: Counters<()> =
    Counters::new("jeton_sign_outs_total", "Sessions ended at /revoke.");
/// Sessions begun with a code.
pub static CODES_REDEEMED: Counters<()> = Counters::new(
    "jeton_codes_redeemed_total",
    "Sessions begun at /token with an authorization code.",
);
/// Refused sign-ins.
pub static SIGN_INS_SLOWED: Counters<SlowedBy> = Counters::new(
    "jeton_sign_ins_slowed_total",
    "Sign-ins refused because too many had failed, by limit: account, address.",
);
/// Refreshes.
pub static REFRESHES: Counters<RefreshOutcome> = Counters::new(
    "jeton_refreshes_total",
    "Refreshes, by outcome: rotated, kept, same_answer, late_retry, replay; also ahead_of_store, repeated_elsewhere.",
);
/// Waiting passwords.
pub static HASHES_WAITING: Gauges<PasswordQueue> = Gauges::new(
    "jeton_password_hashes_waiting",
    "Passwords that wait for a thread, by queue: current, imported.",
);
/// Passwords on a thread.
pub static HASHES_RUNNING: Gauges<PasswordQueue> = Gauges::new(
    "jeton_password_hashes_running",
    "Passwords that a thread hashes or verifies, by queue.",
);
/// Password threads.
pub static PASSWORD_THREADS: Gauges<()> =
    Gauges::new("jeton_password_threads", "Threads that hash passwords.");
/// Passwords for which the queue was full.
pub static HASHES_REFUSED: Counters<PasswordQueue> = Counters::new(
    "jeton_password_hashes_refused_total",
    "Passwords that were not hashed because password.queue of them waited, by queue.",
);
/// Durations of hashes.
pub static HASH_SECONDS: Histograms<PasswordQueue> = Histograms::new(
    "jeton_password_hash_seconds",
    HASH_BUCKETS,
    "Time in which a thread hashed or verified a password, by queue.",
);
/// Connections to the database.
pub static CONNECTIONS: Gauges<(ConnectionPool, ConnectionState)> = Gauges::new(
    "jeton_database_connections",
    "Open connections to the database, by pool and state: idle, in_use.",
);
/// The limits of the pools.
pub static CONNECTIONS_MAX: Gauges<ConnectionPool> = Gauges::new(
    "jeton_database_connections_max",
    "Maximum number of connections to the database, by pool.",
);
/// Waits for a connection.
pub static DATABASE_WAIT: Histograms<()> = Histograms::new(
    "jeton_database_wait_seconds",
    REQUEST_BUCKETS,
    "Time for which a statement waited for a connection; on SQLite, for its turn to write.",
);
/// Statements whose time was over.
pub static DATABASE_TIMEOUTS: Counters<Awaited> = Counters::new(
    "jeton_database_timeouts_total",
    "Statements whose time was over, by what they waited for: connection, response.",
);
/// Repeated transactions.
pub static STORE_CONFLICTS: Counters<()> = Counters::new(
    "jeton_store_conflicts_total",
    "Transactions that the database rolled back because of a conflict and that were retried.",
);
/// Sizes of group commits.
pub static GROUP_COMMIT: Histograms<()> = Histograms::new(
    "jeton_group_commit_rotations",
    BATCH_BUCKETS,
    "Refreshes that one statement rotated together, on SQLite.",
);
/// The age of the signing key.
pub static KEY_AGE: Gauges<()> = Gauges::new(
    "jeton_signing_key_age_seconds",
    "Time since the signing key began to sign.",
);
/// The next change of the signing key.
pub static KEY_ROTATION: Gauges<()> = Gauges::new(
    "jeton_signing_key_rotation_timestamp_seconds",
    "Unix time at which the next key signs, or is due to sign.",
);
/// Published keys.
pub static JWKS_KEYS: Gauges<()> = Gauges::new("jeton_jwks_keys", "Keys in the JWKS.");
/// The clocks' difference.
pub static CLOCK_AHEAD: Gauges<()> = Gauges::new(
    "jeton_clock_ahead_seconds",
    "Seconds by which this node's clock is ahead of the database server's; negative if behind.",
);
/// Doubt about the clock.
pub static CLOCK_IN_DOUBT: Gauges<()> = Gauges::new(
    "jeton_clock_in_doubt",
    "1 while the clock is in doubt and this node deletes no row and changes no key, else 0.",
);
/// The last successes of maintenance.
pub static MAINTENANCE_SUCCESS: Gauges<MaintenanceTask> = Gauges::new(
    "jeton_maintenance_last_success_timestamp_seconds",
    "Unix time of the last success, at first of the start, by task: clock, keys, sweep.",
);
/// Durations of maintenance.
pub static MAINTENANCE_SECONDS: Histograms<MaintenanceTask> = Histograms::new(
    "jeton_maintenance_seconds",
    MAINTENANCE_BUCKETS,
    "Duration of a run, by task.",
);
/// The node that sweeps.
pub static SWEEPING: Gauges<()> = Gauges::new(
    "jeton_sweeping",
    "1 on the node that removes old rows, else 0.",
);
/// Removed rows.
pub static SWEPT_ROWS: Counters<SweptTable> = Counters::new(
    "jeton_swept_rows_total",
    "Old rows removed, by table: sessions, sign_in_throttle, audit_events.",
);
/// Failed removals.
pub static SWEEP_FAILURES: Counters<()> = Counters::new(
    "jeton_sweep_failures_total",
    "Failed removals of old rows; they are retried.",
);
/// Refused connections of clients.
pub static CONNECTIONS_REFUSED: Counters<()> = Counters::new(
    "jeton_connections_refused_total",
    "Connections closed at once, because their address had server.max_connections_per_address.",
);
/// Lost lines of the log.
pub static LOG_LINES_LOST: Counters<()> = Counters::new(
    "jeton_log_lines_lost_total",
    "Lines of the log that were not written: nothing read standard error fast enough, or it was closed.",
);
/// Readiness.
pub static READY: Gauges<()> = Gauges::new(
    "jeton_ready",
    "1 if the node was ready at the last check, else 0. Each reading of the metrics checks it.",
);
/// The start of the process.
pub static START_TIME: Gauges<()> = Gauges::new(
    "process_start_time_seconds",
    "Unix time at which the process started.",
);
/// Processor time.
pub static CPU_SECONDS: Counters<()> = Counters::new(
    "process_cpu_seconds_total",
    "Processor time of the process, in whole seconds.",
);
/// Memory.
pub static RESIDENT_MEMORY: Gauges<()> = Gauges::new(
    "process_resident_memory_bytes",
    "Memory of the process that is not swapped out.",
);
/// File descriptors.
pub static OPEN_FDS: Gauges<()> = Gauges::new(
    "process_open_fds",
    "Open file descriptors; each connection has one.",
);
/// The limit of file descriptors.
pub static MAX_FDS: Gauges<()> =
    Gauges::new("process_max_fds", "The limit of open file descriptors.");

/// The name of the metric with the version, which has labels of its own.
pub const BUILD_INFO: &str = "jeton_build_info";

/// All metrics but [`BUILD_INFO`].
pub static ALL: [&dyn Definition; 38] = [
    &REQUESTS,
    &REQUEST_SECONDS,
    &TOKEN_REQUESTS,
    &TOKEN_REQUEST_SECONDS,
    &SIGN_INS,
    &SIGN_OUTS,
    &CODES_REDEEMED,
    &SIGN_INS_SLOWED,
    &REFRESHES,
    &HASHES_WAITING,
    &HASHES_RUNNING,
    &PASSWORD_THREADS,
    &HASHES_REFUSED,
    &HASH_SECONDS,
    &CONNECTIONS,
    &CONNECTIONS_MAX,
    &DATABASE_WAIT,
    &DATABASE_TIMEOUTS,
    &STORE_CONFLICTS,
    &GROUP_COMMIT,
    &KEY_AGE,
    &KEY_ROTATION,
    &JWKS_KEYS,
    &CLOCK_AHEAD,
    &CLOCK_IN_DOUBT,
    &MAINTENANCE_SUCCESS,
    &MAINTENANCE_SECONDS,
    &SWEEPING,
    &SWEPT_ROWS,
    &SWEEP_FAILURES,
    &CONNECTIONS_REFUSED,
    &LOG_LINES_LOST,
    &READY,
    &START_TIME,
    &CPU_SECONDS,
    &RESIDENT_MEMORY,
    &OPEN_FDS,
    &MAX_FDS,
];
