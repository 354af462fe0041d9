//! The clock, compared with the database server's and with the last events.

use std::time::Duration;

use super::finding::Finding;
use crate::clock::Clock;
use crate::maintenance;
use crate::store::Store;
use crate::store::audit_event::{self, AuditFilter};

const CHECK: &str = "clock";
const TOLERANCE: Duration = Duration::from_secs(1);
const REMEDY: &str = "set the clocks by NTP; the retry window and expiry depend on them";

pub async fn check(store: &Store) -> Finding {
    let clock = Clock::system();
    let now = clock.now();
    let newest = audit_event::search(store, AuditFilter::default(), None, 1).await;
    if let Ok([newest]) = newest.as_deref()
        && let Some(ahead) = newest.at.since(now.plus(TOLERANCE))
    {
        let ahead = ahead.as_secs();
        let text = format!(
            "the newest audit event is {ahead} s in the future: {}",
            newest.at
        );
        return Finding::failure(CHECK, text, REMEDY);
    }
    match maintenance::clock::compare(store, &clock).await {
        Ok(Some(micros)) if Duration::from_micros(micros.unsigned_abs()) > TOLERANCE => {
            let seconds = micros.unsigned_abs() / 1_000_000;
            let side = if micros > 0 { "ahead of" } else { "behind" };
            let text = format!("this clock is {seconds} s {side} the database server's");
            Finding::failure(CHECK, text, REMEDY)
        }
        Ok(Some(_)) => Finding::ok(CHECK, format!("{now}, as the database server's")),
        Ok(None) => Finding::ok(CHECK, format!("{now}, later than all events")),
        Err(error) => Finding::failed(CHECK, format!("cannot compare the clock: {error}")),
    }
}
