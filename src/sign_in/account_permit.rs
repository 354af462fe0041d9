//! The permits of an account, and those of its user's devices and sessions.

use std::time::Duration;

use sea_orm::DbErr;
use uuid::Uuid;

use super::throttled::Throttled;
use super::{Attempt, AttemptSource};
use crate::error::Error;
use crate::metric::SlowedBy;
use crate::server::AuthorizationServer;
use crate::store::session::{self, KnownDevice};
use crate::store::sign_in_throttle::{self, Reservation};
use crate::throttle::{Quota, Subject, Underway};

/// A permit for one attempt at an account.
#[derive(Debug)]
pub struct AccountPermit {
    /// What is counted in the store, for a transaction that gives it back.
    pub reservations: Vec<Reservation>,
    _underway: Underway<Subject>,
}

impl AccountPermit {
    /// Takes a permit of the account, or else of the user's own session or device. `None` if accounts are
    /// not limited.
    pub(super) async fn take(
        attempt: Attempt<'_>,
        account: &str,
        user_id: Option<Uuid>,
        server: &AuthorizationServer,
    ) -> Result<Option<Self>, Error> {
        let Some(quota) = server.throttle.accounts else {
            return Ok(None);
        };
        let subject = subject(account, server);
        let share = share_subject(account, attempt.source, server);
        let mut tried_own = false;
        let mut own_wait = Duration::MAX;
        loop {
            let others = server.throttle.in_flight.watch(subject);
            let wait = match Self::reserve_of_account(subject, share, quota, server).await? {
                Ok(permit) => return Ok(Some(permit)),
                Err(wait) => wait,
            };
            if !tried_own {
                tried_own = true;
                if let Some(own) = own_subject(attempt, user_id, server).await? {
                    match Self::reserve(own, quota, server).await? {
                        Ok(permit) => return Ok(Some(permit)),
                        Err(wait) => own_wait = wait,
                    }
                }
            }
            // An attempt in progress may succeed and give its permit back. Users, and programs, sign in
            // from several places at once.
            if !others.ended().await {
                let throttled = Throttled {
                    by: SlowedBy::Account,
                    subject,
                    user_id,
                    wait: wait.min(own_wait),
                };
                return Err(throttled.refuse(attempt.source, server).await?);
            }
        }
    }

    /// A permit of the account, or the time until there is one.
    ///
    /// The last half of the quota is shared among addresses: each gets a part only. Otherwise an address that tries
    /// without pause would take every permit, and the user could not sign in on a new device.
    async fn reserve_of_account(
        account: Subject,
        share: Option<Subject>,
        quota: Quota,
        server: &AuthorizationServer,
    ) -> Result<Result<Self, Duration>, DbErr> {
        let Some(share) = share else {
            return Self::reserve(account, quota, server).await;
        };
        let wait = match Self::reserve(account, quota.first_half(), server).await? {
            Ok(permit) => return Ok(Ok(permit)),
            Err(wait) => wait,
        };
        let (store, now) = (&server.store, server.clock.now());
        // Reads first, so that many refused attempts do not delay writers.
        let share_wait = sign_in_throttle::wait(store, share, quota.share(), now).await?;
        let last_half_wait = quota
            .wait_for_whole(wait)
            .max(share_wait.unwrap_or_default());
        if !last_half_wait.is_zero() {
            return Ok(Err(wait.min(last_half_wait)));
        }
        let reserved = sign_in_throttle::reserve(store, share, quota.share(), now, || ()).await?;
        let (reservation, ()) = match reserved {
            Ok(reserved) => reserved,
            Err(share_wait) => return Ok(Err(wait.min(share_wait))),
        };
        let mut reserved = Self::reserve(account, quota, server).await;
        if let Ok(Ok(permit)) = &mut reserved {
            permit.reservations.push(reservation);
        } else {
            sign_in_throttle::give_back(store, &[reservation]).await?;
        }
        reserved
    }

    /// A permit of the subject, or the time until there is one.
    async fn reserve(
        subject: Subject,
        quota: Quota,
        server: &AuthorizationServer,
    ) -> Result<Result<Self, Duration>, DbErr> {
        let now = server.clock.now();
        let begin = || server.throttle.in_flight.begin(subject);
        let reserved = sign_in_throttle::reserve(&server.store, subject, quota, now, begin).await?;
        Ok(reserved.map(|(reservation, underway)| Self {
            reservations: vec![reservation],
            _underway: underway,
        }))
    }

    /// Gives the permit back.
    pub async fn give_back(self, server: &AuthorizationServer) -> Result<(), DbErr> {
        sign_in_throttle::give_back(&server.store, &self.reservations).await
    }
}

/// The subject of an account, by its normalized username or by what was typed.
pub(super) fn subject(account: &str, server: &AuthorizationServer) -> Subject {
    server.root_secrets.sign_in_subject(&["account", account])
}

/// The subject of an address, or of its network, at an account.
fn share_subject(
    account: &str,
    source: AttemptSource<'_>,
    server: &AuthorizationServer,
) -> Option<Subject> {
    let network = source.device.network()?.to_string();
    let name = ["address at account", &network, account];
    Some(server.root_secrets.sign_in_subject(&name))
}

/// The session of the attempt, or else its device if the user was signed in there.
async fn own_subject(
    attempt: Attempt<'_>,
    user_id: Option<Uuid>,
    server: &AuthorizationServer,
) -> Result<Option<Subject>, DbErr> {
    let Some(session) = attempt.session else {
        return known_device(attempt.source, user_id, server).await;
    };
    let name = ["session", &session.to_string()];
    Ok(Some(server.root_secrets.sign_in_subject(&name)))
}

async fn known_device(
    source: AttemptSource<'_>,
    user_id: Option<Uuid>,
    server: &AuthorizationServer,
) -> Result<Option<Subject>, DbErr> {
    let AttemptSource { client, device } = source;
    let retention = server.settings.session.retention.0;
    let known = KnownDevice {
        // An unknown user costs the same work: the nil id has no session.
        user_id: user_id.unwrap_or_default(),
        client_id: &client.id,
        device,
        ended_since: server.clock.now().minus(retention),
    };
    if !session::is_known(&server.store, known).await? {
        return Ok(None);
    }
    Ok(Some(server.root_secrets.sign_in_subject(&[
        "device",
        &known.user_id.to_string(),
        known.client_id,
        &device.address_text(),
        device.user_agent(),
    ])))
}
