//! The actions of the audit log: a closed set of stable names.

/// Defines the actions with their names and descriptions.
macro_rules! actions {
    ($($action:ident $name:literal $description:literal)*) => {
        /// The action that an event records.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Action {
            $(#[doc = $description] $action,)*
        }

        impl Action {
            /// All actions.
            pub const ALL: [Self; [$($name),*].len()] = [$(Self::$action),*];

            /// The name in the store and in searches.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$action => $name,)*
                }
            }

            /// The message in the log.
            pub const fn description(self) -> &'static str {
                match self {
                    $(Self::$action => $description,)*
                }
            }
        }
    };
}

actions! {
    SignIn "sign_in" "a user signed in"
    SignInFailed "sign_in_failed" "a sign-in was refused"
    SignInThrottled "sign_in_throttled" "sign-ins are throttled after many failures"
    LateRetry "late_retry" "a refresh was retried after the retry window"
    RefreshRepeatedElsewhere "refresh_repeated_elsewhere" "a refresh was repeated by another User-Agent"
    RefreshAheadOfStore "refresh_ahead_of_store" "a refresh token proved rotations that the store had lost"
    Replay "replay" "a refresh token was replayed; its session is revoked"
    CodeReplay "code_replay" "an authorization code was presented again; its session is revoked"
    ConsentGiven "consent_given" "a user allowed a client"
    ConsentWithdrawn "consent_withdrawn" "a user withdrew the consent for a client"
    SignOut "sign_out" "a user signed out"
    SessionRevoked "session_revoked" "a session was revoked"
    SessionsRevoked "sessions_revoked" "sessions of a user or a client were revoked"
    PasswordChanged "password_changed" "a password was changed"
    UserCreated "user_created" "a user was created"
    UserUpdated "user_updated" "a user was changed"
    UserDisabled "user_disabled" "a user was disabled"
    UserEnabled "user_enabled" "a user was enabled"
    UserDeleted "user_deleted" "a user was deleted"
    UserUnlocked "user_unlocked" "failed sign-ins of a user were forgotten"
    ClientCreated "client_created" "a client was created"
    ClientUpdated "client_updated" "the settings of a client were changed"
    ClientSecretAdded "client_secret_added" "a client secret was added"
    ClientSecretRemoved "client_secret_removed" "a client secret was removed"
    ClientDisabled "client_disabled" "a client was disabled"
    ClientEnabled "client_enabled" "a client was enabled"
    ClientDeleted "client_deleted" "a client was deleted"
    KeyCreated "key_created" "a signing key was created"
    KeyAdvanced "key_advanced" "a published signing key will sign earlier"
    KeysRevoked "keys_revoked" "signing keys were revoked"
    KeyDeleted "key_deleted" "an expired signing key was deleted"
    RootSecretAdded "root_secret_added" "a root secret was added to the file"
    RootSecretPromoted "root_secret_promoted" "another root secret signs after the next start"
    RootSecretRemoved "root_secret_removed" "a root secret was removed from the file"
}

impl Action {
    /// The outcome of the request: `success` or `failure`.
    pub const fn outcome(self) -> &'static str {
        match self {
            Self::SignInFailed | Self::SignInThrottled | Self::Replay | Self::CodeReplay => {
                "failure"
            }
            _ => "success",
        }
    }

    /// Whether the log level is a warning.
    pub(super) const fn is_suspicious(self) -> bool {
        matches!(
            self,
            Self::SignInThrottled | Self::Replay | Self::CodeReplay | Self::RefreshAheadOfStore
        )
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_names_of_actions_are_unique_and_fit_their_column() {
        let names: BTreeSet<&str> = Action::ALL.map(Action::name).into();
        assert_eq!(names.len(), Action::ALL.len());
        assert!(names.iter().all(|name| name.len() <= 32));
    }
}
