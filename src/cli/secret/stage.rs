//! How far the replacement of a root secret is, and what the next step waits for.

use super::CommandError;
use crate::clock::Timestamp;
use crate::root_secret::RootSecrets;
use crate::server::AuthorizationServer;
use crate::store::root_secret_use::{self, Model};
use crate::store::session::{self, ActiveAt};

/// The stage of the replacement, by the last root secret of the file.
pub enum Stage {
    /// There is only one.
    One,
    /// The last one has never signed.
    Added { new: String },
    /// The last one has signed before.
    Former { old: String },
}

impl Stage {
    pub fn of(secrets: &RootSecrets, uses: &[Model]) -> Self {
        let Some(last) = secrets.fingerprints().skip(1).last() else {
            return Self::One;
        };
        let last = last.to_owned();
        if uses.iter().any(|used| used.fingerprint == last) {
            Self::Former { old: last }
        } else {
            Self::Added { new: last }
        }
    }

    /// The role of the root secret at this place of the file.
    pub const fn role(&self, place: usize) -> &'static str {
        match (place, self) {
            (0, _) => "signs",
            (_, Self::Added { .. }) => "added",
            (_, _) => "former",
        }
    }
}

/// The next step, and what it waits for.
pub async fn next_step(
    server: &AuthorizationServer,
    stage: &Stage,
) -> Result<String, CommandError> {
    Ok(match stage {
        Stage::One => "to replace the root secret, begin with `jeton secret add`".to_owned(),
        Stage::Added { new } => format!(
            "when every node was restarted with root secret {new} in its file, run `jeton secret promote \
             --all-nodes-have-it`"
        ),
        Stage::Former { old } => match obstacle(server, old).await? {
            None => "run `jeton secret remove`".to_owned(),
            Some(obstacle) => format!("`jeton secret remove` has to wait: {obstacle}"),
        },
    })
}

/// Why the former root secret cannot be removed yet, and when it can.
///
/// A refresh token, also one of a client that lost a later one, is from its session's begin at the earliest. So a
/// session that was begun after all nodes have left the old root secret has no token by it. Signing keys are checked
/// apart from this.
pub async fn obstacle(
    server: &AuthorizationServer,
    old: &str,
) -> Result<Option<String>, CommandError> {
    let now = server.clock.trusted_now();
    let uses = root_secret_use::list(&server.store).await?;
    let Some(last) = uses.iter().find(|record| record.fingerprint == old) else {
        return Ok(None);
    };
    // Opaque access tokens; authorization codes live shorter than the record is accurate.
    let tokens_end = last.unused_since().plus(longest_access_token(server));
    if now < tokens_end {
        return Ok(Some(format!(
            "a node signed with root secret {old} at {}. If every node is restarted with another one in the first \
             place, its access tokens end at {tokens_end}",
            last.last_signed_at
        )));
    }
    let active = ActiveAt::new(now, &server.settings);
    let end = session::last_end_of_begun_before(&server.store, last.unused_since(), active).await?;
    Ok(end.map(|end| {
        format!(
            "sessions that were begun with root secret {old} are active; the last of them ends at {end} at the latest"
        )
    }))
}

fn longest_access_token(server: &AuthorizationServer) -> std::time::Duration {
    let micros = server.keys.ring().longest_lifetime();
    Timestamp::from_micros(micros).apart(Timestamp::from_micros(0))
}
