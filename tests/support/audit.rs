//! Reads the audit log.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, OnceLock};

use jeton::audit::Action;
use jeton::store::audit_event::{self, AuditFilter, Model};
use tracing::field::{Field, Visit};
use tracing::subscriber::{DefaultGuard, set_default};
use tracing::{Dispatch, Event, Subscriber};
use tracing_subscriber::Registry;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

use super::{Jeton, leak};

/// Collects this thread's audit log lines until it is dropped.
pub struct AuditLog {
    entries: Entries,
    _subscriber: DefaultGuard,
}

impl Jeton {
    /// The events of an action, newest first.
    pub async fn audit_events(&self, action: Action) -> Vec<Model> {
        let filter = AuditFilter {
            action: Some(action),
            ..AuditFilter::default()
        };
        let found = audit_event::search(&self.server.store, filter, None, 1000).await;
        found.unwrap()
    }

    /// The only event of an action.
    pub async fn audit_event(&self, action: Action) -> Model {
        let mut events = self.audit_events(action).await;
        assert_eq!(events.len(), 1, "{action:?}: {events:?}");
        events.remove(0)
    }
}

type Entries = Arc<Mutex<Vec<Fields>>>;
/// The fields of one entry, by name.
pub type Fields = BTreeMap<String, String>;

impl AuditLog {
    pub fn listen() -> Self {
        Self::listen_to("jeton::audit")
    }

    /// Collects the log lines of a module instead.
    pub fn listen_to(target: &'static str) -> Self {
        keep_second_subscriber();
        let entries = Entries::default();
        let listener = Listener(Arc::clone(&entries), target);
        Self {
            entries,
            _subscriber: set_default(Registry::default().with(listener)),
        }
    }

    /// All entries as text.
    pub fn text(&self) -> String {
        format!("{:?}", self.entries.lock().unwrap())
    }

    /// The values of a field, in all entries that have it.
    pub fn values(&self, field: &str) -> Vec<String> {
        let entries = self.entries.lock().unwrap();
        let values = entries.iter().filter_map(|fields| fields.get(field));
        values.cloned().collect()
    }

    /// The entries with this `event`.
    pub fn entries(&self, event: &str) -> Vec<Fields> {
        let entries = self.entries.lock().unwrap();
        let of_event = entries.iter().filter(|fields| fields["event"] == event);
        of_event.cloned().collect()
    }
}

/// With a single subscriber, `tracing` caches for all threads whether the first thread at a call site has one. A
/// test without a subscriber would hide events from other tests. A second subscriber prevents this.
pub fn keep_second_subscriber() {
    static SECOND: OnceLock<Dispatch> = OnceLock::new();
    SECOND.get_or_init(|| Dispatch::new(Registry::default()));
}

struct Listener(Entries, &'static str);

impl<S: Subscriber> Layer<S> for Listener {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        leak::print_event(event);
        if event.metadata().target() == self.1 {
            let mut fields = Collected::default();
            event.record(&mut fields);
            self.0.lock().unwrap().push(with_details(fields.0));
        }
    }
}

/// Replaces the JSON in `detail` by one field per member.
fn with_details(mut fields: Fields) -> Fields {
    let details = fields.remove("detail").unwrap_or_else(|| "{}".to_owned());
    let details: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(&details).unwrap();
    for (name, value) in details {
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        assert_eq!(fields.insert(name, text), None);
    }
    fields
}

#[derive(Default)]
struct Collected(Fields);

impl Visit for Collected {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }
}
