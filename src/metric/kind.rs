//! Counters, gauges and histograms.
//!
//! The handles of counters and histograms are looked up once: an event costs a few atomic operations. Therefore the
//! recorder must be installed before the first event. Without one, every event is ignored.

use std::marker::PhantomData;
use std::sync::OnceLock;
use std::time::Duration;

use metrics::{Counter, Histogram};

use super::label::Labels;

/// What a metric is, before it has any value.
pub trait Definition: Sync {
    /// Its name.
    fn name(&self) -> &'static str;

    /// Upper bounds of the buckets of a histogram; empty for other kinds.
    fn buckets(&self) -> &'static [f64] {
        &[]
    }

    /// Passes its description to the recorder, and creates each time series, with the value 0. Time series of a gauge
    /// are created when they are set.
    fn register(&self);
}

/// A counter for each combination of labels.
pub struct Counters<L> {
    name: &'static str,
    description: &'static str,
    handles: OnceLock<Vec<Counter>>,
    labels: PhantomData<fn(L)>,
}

/// A gauge for each combination of labels.
pub struct Gauges<L> {
    name: &'static str,
    description: &'static str,
    labels: PhantomData<fn(L)>,
}

/// A histogram for each combination of labels.
pub struct Histograms<L> {
    name: &'static str,
    description: &'static str,
    buckets: &'static [f64],
    handles: OnceLock<Vec<Histogram>>,
    labels: PhantomData<fn(L)>,
}

impl<L: Labels> Counters<L> {
    pub(super) const fn new(name: &'static str, description: &'static str) -> Self {
        Self {
            name,
            description,
            handles: OnceLock::new(),
            labels: PhantomData,
        }
    }

    /// Counts one event.
    pub fn count(&self, labels: L) {
        self.add(labels, 1);
    }

    /// Counts several events.
    pub fn add(&self, labels: L, number: u64) {
        if let Some(counter) = self.handles().get(labels.index()) {
            counter.increment(number);
        }
    }

    /// Sets the number of events since the start, as something else has counted them.
    pub fn set(&self, labels: L, number: u64) {
        if let Some(counter) = self.handles().get(labels.index()) {
            counter.absolute(number);
        }
    }

    fn handles(&self) -> &[Counter] {
        self.handles.get_or_init(|| {
            let all = L::all().into_iter();
            all.map(|labels| metrics::counter!(self.name, labels))
                .collect()
        })
    }
}

impl<L: Labels> Gauges<L> {
    pub(super) const fn new(name: &'static str, description: &'static str) -> Self {
        Self {
            name,
            description,
            labels: PhantomData,
        }
    }

    /// Sets the value. This looks the gauge up, so it is not for each request.
    pub fn set(&self, labels: L, value: f64) {
        if let Some(labels) = L::all().into_iter().nth(labels.index()) {
            metrics::gauge!(self.name, labels).set(value);
        }
    }
}

impl<L: Labels> Histograms<L> {
    pub(super) const fn new(
        name: &'static str,
        buckets: &'static [f64],
        description: &'static str,
    ) -> Self {
        Self {
            name,
            description,
            buckets,
            handles: OnceLock::new(),
            labels: PhantomData,
        }
    }

    /// Records a value.
    pub fn record(&self, labels: L, value: f64) {
        if let Some(histogram) = self.handles().get(labels.index()) {
            histogram.record(value);
        }
    }

    /// Records a duration in seconds.
    pub fn time(&self, labels: L, duration: Duration) {
        self.record(labels, duration.as_secs_f64());
    }

    fn handles(&self) -> &[Histogram] {
        self.handles.get_or_init(|| {
            let all = L::all().into_iter();
            all.map(|labels| metrics::histogram!(self.name, labels))
                .collect()
        })
    }
}

impl<L: Labels> Definition for Counters<L> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn register(&self) {
        metrics::describe_counter!(self.name, self.description);
        self.handles();
    }
}

impl<L: Labels> Definition for Gauges<L> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn register(&self) {
        metrics::describe_gauge!(self.name, self.description);
    }
}

impl<L: Labels> Definition for Histograms<L> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn buckets(&self) -> &'static [f64] {
        self.buckets
    }

    fn register(&self) {
        metrics::describe_histogram!(self.name, self.description);
        self.handles();
    }
}
