//! The audit log, as a test reads it.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, OnceLock};

use jeton::audit::Action;
use jeton::store::audit_event::{self, Filter, Model};
use tracing::field::{Field, Visit};
use tracing::subscriber::{DefaultGuard, set_default};
use tracing::{Dispatch, Event, Subscriber};
use tracing_subscriber::Registry;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

use super::Jeton;

/// What is said in the audit log on this thread, for as long as the value lives.
pub struct AuditLog {
    entries: Entries,
    _listening: DefaultGuard,
}

impl Jeton {
    /// All that was told of this, the newest first.
    pub async fn told(&self, action: Action) -> Vec<Model> {
        let filter = Filter {
            action: Some(action),
            ..Filter::default()
        };
        let found = audit_event::search(&self.server.store, filter, None, 1000).await;
        found.unwrap()
    }

    /// The one time that this was told.
    pub async fn told_once(&self, action: Action) -> Model {
        let mut events = self.told(action).await;
        assert_eq!(events.len(), 1, "{action:?}: {events:?}");
        events.remove(0)
    }
}

type Entries = Arc<Mutex<Vec<Fields>>>;
/// The fields of one entry, by name.
pub type Fields = BTreeMap<String, String>;

impl AuditLog {
    pub fn listen() -> Self {
        keep_another();
        let entries = Entries::default();
        let listener = Listener(Arc::clone(&entries));
        Self {
            entries,
            _listening: set_default(Registry::default().with(listener)),
        }
    }

    /// All of it as text.
    pub fn text(&self) -> String {
        format!("{:?}", self.entries.lock().unwrap())
    }

    /// The entries so far whose `event` is this.
    pub fn entries(&self, event: &str) -> Vec<Fields> {
        let entries = self.entries.lock().unwrap();
        let of_event = entries.iter().filter(|fields| fields["event"] == event);
        of_event.cloned().collect()
    }
}

/// As long as there is one listener alone, the library asks the thread that comes to a place in the
/// code first whether anyone listens, and believes it for all threads: a test that does not listen
/// would make another deaf. So there is always a second one.
fn keep_another() {
    static ANOTHER: OnceLock<Dispatch> = OnceLock::new();
    ANOTHER.get_or_init(|| Dispatch::new(Registry::default()));
}

struct Listener(Entries);

impl<S: Subscriber> Layer<S> for Listener {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == "jeton::audit" {
            let mut fields = Collected::default();
            event.record(&mut fields);
            self.0.lock().unwrap().push(with_details(fields.0));
        }
    }
}

/// The details stand in one field, as JSON; here each is a field.
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
