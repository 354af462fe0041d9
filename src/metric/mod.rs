//! Metrics: names, descriptions, labels, and the values that events change.

mod definitions;
mod kind;
mod label;
mod labels;

pub use self::definitions::*;
pub use self::kind::{Counters, Definition, Gauges, Histograms};
pub use self::label::Labels;
pub use self::labels::*;
