//! Keeps the log lines and the labels of metrics of the test run.

use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex, OnceLock};

use metrics::{
    Counter, Gauge, Histogram, Key, KeyName, Recorder, SharedString, Unit, set_global_recorder,
};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::set_global_default;
use tracing::{Event, Subscriber};

use super::assert_none;
use crate::support::audit::keep_second_subscriber;

static PRINTED: Mutex<Vec<Arc<str>>> = Mutex::new(Vec::new());

/// Searches what was logged since it was made, when it is dropped.
pub struct Watch(usize);

impl Watch {
    pub fn begin() -> Self {
        static INSTALLED: OnceLock<()> = OnceLock::new();
        INSTALLED.get_or_init(|| {
            keep_second_subscriber();
            if cfg!(test) {
                set_global_default(Lines).unwrap();
                set_global_recorder(Labels).unwrap();
            }
        });
        Self(PRINTED.lock().unwrap().len())
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let printed = PRINTED.lock().unwrap()[self.0..].to_vec();
            for text in &printed {
                assert_none(text);
            }
        }
    }
}

/// Keeps the fields of every log line and span, at any level. It needs no `Registry`: spans of one that is closed on a
/// thread whose default is another panic.
struct Lines;

impl Subscriber for Lines {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let mut line = Line(attributes.metadata().name().to_owned());
        attributes.record(&mut line);
        print(&line.0);
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        let mut line = Line(String::new());
        values.record(&mut line);
        print(&line.0);
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        print_event(event);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// Keeps the fields of a log line.
pub fn print_event(event: &Event<'_>) {
    let mut line = Line(event.metadata().target().to_owned());
    event.record(&mut line);
    print(&line.0);
}

struct Line(String);

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        write!(self.0, " {}={value:?}", field.name()).unwrap();
    }
}

fn print(text: &str) {
    PRINTED.lock().unwrap().push(text.into());
}

/// Keeps the names and labels of metrics.
struct Labels;

impl Recorder for Labels {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &metrics::Metadata<'_>) -> Counter {
        print(&key.to_string());
        Counter::noop()
    }

    fn register_gauge(&self, key: &Key, _: &metrics::Metadata<'_>) -> Gauge {
        print(&key.to_string());
        Gauge::noop()
    }

    fn register_histogram(&self, key: &Key, _: &metrics::Metadata<'_>) -> Histogram {
        print(&key.to_string());
        Histogram::noop()
    }
}
