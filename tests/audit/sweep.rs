//! Deletion of events after their retention time.

use std::sync::Arc;
use std::time::Duration;

use jeton::audit::Action;
use jeton::clock::Clock;
use jeton::maintenance;
use jeton::store::audit_event::{self, AuditFilter};
use sea_orm::DbErr;

use super::{DAY, WRONG};
use crate::support::file::DataDir;
use crate::support::{Jeton, ROOT_SECRET, START};

const MICROSECOND: Duration = Duration::from_micros(1);

#[tokio::test]
async fn old_events_are_swept_in_batches() -> Result<(), DbErr> {
    let jeton = Jeton::start().await;
    let store = &jeton.server.store;
    for _ in 0..7 {
        jeton.advance(MICROSECOND);
        jeton.sign_in_from("unknown", WRONG, b"").await;
    }
    let last = jeton.now();
    let all = audit_event::search(store, AuditFilter::default(), None, 99).await?;
    let older = u64::try_from(all.len() - 1).unwrap();
    assert!(older > 5);
    for removed in [5, older - 5, 0] {
        assert_eq!(audit_event::sweep(store, last, 5).await?, removed);
    }
    assert_eq!(jeton.audit_event(Action::SignInFailed).await.at, last);
    Ok(())
}

/// Maintenance continues after a full last batch: a key is created afterwards.
#[tokio::test]
async fn maintenance_continues_when_the_last_batch_was_full() {
    let data = DataDir::of_file();
    let clock = Clock::standing_at(START);
    let jeton = Jeton::on(data.open().await, clock, ROOT_SECRET, |settings| {
        settings.keys.refresh_interval.0 = Duration::from_millis(1);
    })
    .await;
    // Events of 1970.
    data.execute("DELETE FROM audit_events").await;
    data.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) \
         INSERT INTO audit_events SELECT CAST(x'0000' || printf('%014d', i) AS BLOB), i, 'sign_in', \
         'success', 'system', NULL, NULL, NULL, NULL, '', '', '{}' FROM n",
    )
    .await;
    let kids = async || {
        let keys = jeton.get("/.well-known/jwks.json").await.json();
        keys["keys"].as_array().unwrap().len()
    };
    let maintenance = tokio::spawn(maintenance::run(Arc::clone(&jeton.server)));
    let kept = async {
        while !jeton.audit_events(Action::SignIn).await.is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        jeton.advance(DAY * 90);
        while kids().await < 2 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let kept = tokio::time::timeout(Duration::from_mins(2), kept).await;
    maintenance.abort();
    kept.unwrap();
}
