//! The audit log, as a test reads it.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, OnceLock};

use tracing::field::{Field, Visit};
use tracing::subscriber::{DefaultGuard, set_default};
use tracing::{Dispatch, Event, Subscriber};
use tracing_subscriber::Registry;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

/// What is said in the audit log on this thread, for as long as the value lives.
pub struct AuditLog {
    entries: Entries,
    _listening: DefaultGuard,
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
            self.0.lock().unwrap().push(fields.0);
        }
    }
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
