//! What may be told: a closed set of names that stay.

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "`words` says what each means")]
pub enum Action {
    SignIn,
    SignInFailed,
    SignInThrottled,
    LateRetry,
    RefreshAheadOfStore,
    Replay,
    SignOut,
    SessionRevoked,
    SessionsRevoked,
    PasswordChanged,
    UserCreated,
    UserUpdated,
    UserDisabled,
    UserEnabled,
    UserDeleted,
    ClientCreated,
    ClientUpdated,
    ClientSecretAdded,
    ClientSecretRemoved,
    ClientDisabled,
    ClientEnabled,
    ClientDeleted,
    KeyCreated,
    KeysRevoked,
    KeyDeleted,
}

impl Action {
    /// All of them.
    pub const ALL: [Self; 25] = [
        Self::SignIn,
        Self::SignInFailed,
        Self::SignInThrottled,
        Self::LateRetry,
        Self::RefreshAheadOfStore,
        Self::Replay,
        Self::SignOut,
        Self::SessionRevoked,
        Self::SessionsRevoked,
        Self::PasswordChanged,
        Self::UserCreated,
        Self::UserUpdated,
        Self::UserDisabled,
        Self::UserEnabled,
        Self::UserDeleted,
        Self::ClientCreated,
        Self::ClientUpdated,
        Self::ClientSecretAdded,
        Self::ClientSecretRemoved,
        Self::ClientDisabled,
        Self::ClientEnabled,
        Self::ClientDeleted,
        Self::KeyCreated,
        Self::KeysRevoked,
        Self::KeyDeleted,
    ];

    /// The name by which it is stored and searched.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.terms().0
    }

    /// What happened, for people.
    #[must_use]
    pub const fn words(self) -> &'static str {
        self.terms().1
    }

    const fn terms(self) -> (&'static str, &'static str) {
        match self {
            Self::SignIn => ("sign_in", "signed in"),
            Self::SignInFailed => ("sign_in_failed", "a sign-in was refused"),
            Self::SignInThrottled => ("sign_in_throttled", "sign-ins are slowed: many failed"),
            Self::LateRetry => (
                "late_retry",
                "the answer to a refresh was asked for again, late",
            ),
            Self::RefreshAheadOfStore => (
                "refresh_ahead_of_store",
                "the store had lost the session's last rotations; the token proved them",
            ),
            Self::Replay => (
                "replay",
                "a refresh token was used by two; its session is ended",
            ),
            Self::SignOut => ("sign_out", "signed out"),
            Self::SessionRevoked => ("session_revoked", "a session was ended"),
            Self::SessionsRevoked => ("sessions_revoked", "all sessions of a user were ended"),
            Self::PasswordChanged => ("password_changed", "a password was changed"),
            Self::UserCreated => ("user_created", "a user was added"),
            Self::UserUpdated => ("user_updated", "a user was changed"),
            Self::UserDisabled => ("user_disabled", "a user was disabled"),
            Self::UserEnabled => ("user_enabled", "a user was enabled"),
            Self::UserDeleted => ("user_deleted", "a user was deleted"),
            Self::ClientCreated => ("client_created", "a client was added"),
            Self::ClientUpdated => ("client_updated", "a client's settings were changed"),
            Self::ClientSecretAdded => ("client_secret_added", "a client was given a secret"),
            Self::ClientSecretRemoved => ("client_secret_removed", "a client's secret was removed"),
            Self::ClientDisabled => ("client_disabled", "a client was disabled"),
            Self::ClientEnabled => ("client_enabled", "a client was enabled"),
            Self::ClientDeleted => ("client_deleted", "a client was deleted"),
            Self::KeyCreated => ("key_created", "a signing key was made"),
            Self::KeysRevoked => ("keys_revoked", "signing keys were dropped at once"),
            Self::KeyDeleted => ("key_deleted", "a signing key has had its time"),
        }
    }

    /// Whether what was asked for was done: `success` or `failure`.
    #[must_use]
    pub const fn outcome(self) -> &'static str {
        match self {
            Self::SignInFailed | Self::SignInThrottled | Self::Replay => "failure",
            _ => "success",
        }
    }

    /// Whether somebody should look.
    pub(super) const fn is_suspicious(self) -> bool {
        matches!(
            self,
            Self::SignInThrottled | Self::Replay | Self::RefreshAheadOfStore
        )
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_action_has_a_name_of_its_own_that_fits_its_column() {
        let names: BTreeSet<&str> = Action::ALL.map(Action::name).into();
        assert_eq!(names.len(), Action::ALL.len());
        assert!(names.iter().all(|name| name.len() <= 32));
    }
}
