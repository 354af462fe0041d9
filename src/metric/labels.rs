//! The labels and their values.

use super::label::label;

label! {
    /// The endpoint of a request.
    EndpointName, "endpoint":
    Authorization = "authorization",
    EndSession = "end_session",
    Token = "token",
    Revocation = "revocation",
    Introspection = "introspection",
    Userinfo = "userinfo",
    RevokedSessions = "revoked_sessions",
    ForwardAuth = "forward_auth",
    Jwks = "jwks",
    Metadata = "metadata",
    Document = "document",
    Page = "page",
    Probe = "probe",
    Account = "account",
    Admin = "admin",
    /// CORS preflights of all endpoints:
    Preflight = "preflight",
    /// Paths that no endpoint has:
    Other = "other",
}

label! {
    /// The class of a response's status.
    StatusClass, "status":
    Success = "2xx",
    Redirection = "3xx",
    ClientError = "4xx",
    ServerError = "5xx",
}

label! {
    /// The grant of a token request.
    GrantName, "grant":
    AuthorizationCode = "authorization_code",
    ClientCredentials = "client_credentials",
    Password = "password",
    RefreshToken = "refresh_token",
    /// No grant type that the server has, or a request that was refused before its form was read:
    Other = "other",
}

label! {
    /// The outcome of a token request: tokens, or an error code of RFC 6749 §5.2.
    TokenOutcome, "outcome":
    Success = "success",
    InvalidRequest = "invalid_request",
    InvalidClient = "invalid_client",
    InvalidGrant = "invalid_grant",
    UnauthorizedClient = "unauthorized_client",
    UnsupportedGrantType = "unsupported_grant_type",
    InvalidScope = "invalid_scope",
    InvalidTarget = "invalid_target",
    TemporarilyUnavailable = "temporarily_unavailable",
    ServerError = "server_error",
}

label! {
    /// What a refresh did.
    RefreshOutcome, "outcome":
    Rotated = "rotated",
    Kept = "kept",
    SameAnswer = "same_answer",
    LateRetry = "late_retry",
    Replay = "replay",
    /// Counted beside `rotated` or `kept`:
    AheadOfStore = "ahead_of_store",
    /// Counted beside `same_answer`:
    RepeatedElsewhere = "repeated_elsewhere",
}

label! {
    /// The limit of failed sign-ins that was reached.
    SlowedBy, "by":
    Account = "account",
    Address = "address",
}

label! {
    /// A queue of the password threads.
    PasswordQueue, "queue":
    /// Hashes of the current cost:
    Current = "current",
    /// Hashes of any other algorithm or cost:
    Imported = "imported",
}

label! {
    /// A pool of connections to the database.
    ConnectionPool, "pool":
    /// All connections to a database server:
    Shared = "shared",
    /// On SQLite, those that read:
    Read = "read",
    /// On SQLite, those that write:
    Write = "write",
}

label! {
    /// Whether a statement uses a connection.
    ConnectionState, "state":
    Idle = "idle",
    InUse = "in_use",
}

label! {
    /// What a statement waited for when its time was over.
    Awaited, "for":
    /// A connection of the pool:
    Connection = "connection",
    /// The response of the database server:
    Response = "response",
}

label! {
    /// A table from which old rows are removed.
    SweptTable, "table":
    Sessions = "sessions",
    SignInThrottle = "sign_in_throttle",
    AuditEvents = "audit_events",
}

label! {
    /// A background task.
    MaintenanceTask, "task":
    /// The comparison of the clocks:
    Clock = "clock",
    /// The refresh of the signing keys:
    Keys = "keys",
    /// The removal of old rows:
    Sweep = "sweep",
}
