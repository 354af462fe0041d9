//! The refusal of a throttled attempt.

use std::time::Duration;

use uuid::Uuid;

use super::AttemptSource;
use crate::audit::Action;
use crate::error::Error;
use crate::metric::{self, SlowedBy};
use crate::server::AuthorizationServer;
use crate::store::audit_event;
use crate::throttle::Subject;

/// An attempt without a permit.
pub(super) struct Throttled {
    /// The limit that was reached.
    pub(super) by: SlowedBy,
    pub(super) subject: Subject,
    pub(super) user_id: Option<Uuid>,
    /// The time until there is a permit.
    pub(super) wait: Duration,
}

impl Throttled {
    /// The refusal. The audit event is written once a minute for each subject, so that a flood of
    /// attempts does not become a flood of rows.
    pub(super) async fn refuse(
        self,
        source: AttemptSource<'_>,
        server: &AuthorizationServer,
    ) -> Result<Error, Error> {
        // Rounded up: a retry after these seconds finds a permit.
        let seconds = self.wait.as_secs() + u64::from(self.wait.subsec_nanos() > 0);
        metric::SIGN_INS_SLOWED.count(self.by);
        let notices = &server.throttle.notices;
        if notices.take(self.subject, server.clock.now()).is_ok() {
            let event = source
                .event(Action::SignInThrottled, server)
                .user(self.user_id)
                .with("by", self.by.value())
                .with("retry_after", seconds);
            audit_event::record(&server.store, &event).await?;
        }
        Ok(Error::TooManyAttempts(seconds))
    }
}
