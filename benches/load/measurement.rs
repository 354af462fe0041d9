//! The results of measurements.

use serde_json::{Map, Value, json};

use crate::options::Kind;

/// One measured figure.
#[derive(Clone)]
pub struct Figure {
    pub name: &'static str,
    pub unit: Unit,
    pub value: f64,
}

#[derive(Clone, Copy)]
pub enum Unit {
    /// A number, or a ratio of two figures.
    None,
    PerSecond,
    Milliseconds,
    Microseconds,
    Bytes,
    Mebibytes,
}

impl Unit {
    pub fn symbol(self) -> &'static str {
        match self {
            Self::None => "",
            Self::PerSecond => "/s",
            Self::Milliseconds => "ms",
            Self::Microseconds => "µs",
            Self::Bytes => "B",
            Self::Mebibytes => "MiB",
        }
    }

    /// The end of a name in JSON.
    fn suffix(self) -> &'static str {
        match self {
            Self::None => "",
            Self::PerSecond => "_per_second",
            Self::Milliseconds => "_ms",
            Self::Microseconds => "_us",
            Self::Bytes => "_bytes",
            Self::Mebibytes => "_mib",
        }
    }
}

impl Figure {
    pub fn new(name: &'static str, unit: Unit, value: f64) -> Self {
        Self { name, unit, value }
    }

    pub fn mebibytes(name: &'static str, bytes: u64) -> Self {
        const MEBIBYTE: f64 = 1024.0 * 1024.0;
        Self::new(name, Unit::Mebibytes, float(bytes) / MEBIBYTE)
    }

    fn key(&self) -> String {
        let words: Vec<String> = self
            .name
            .split(|letter: char| !letter.is_ascii_alphanumeric())
            .filter(|word| !word.is_empty())
            .map(str::to_ascii_lowercase)
            .collect();
        words.join("_") + self.unit.suffix()
    }
}

/// The result for one kind.
pub struct Measurement {
    pub kind: Kind,
    pub figures: Vec<Figure>,
    pub errors: Vec<String>,
}

impl Measurement {
    /// The medians of the rounds. Each round has the same figures in the same order.
    pub fn of_rounds(kind: Kind, rounds: &[Vec<Figure>], errors: Vec<String>) -> Self {
        let first = rounds.first().map_or(&[][..], Vec::as_slice);
        let figures = first.iter().enumerate().map(|(index, figure)| {
            let values = rounds.iter().filter_map(|round| round.get(index));
            Figure {
                value: median(values.map(|figure| figure.value).collect()),
                ..figure.clone()
            }
        });
        Self {
            kind,
            figures: figures.collect(),
            errors,
        }
    }

    pub fn add(&mut self, figure: Figure) {
        self.figures.push(figure);
    }

    pub fn value(&self, name: &str) -> Option<f64> {
        let figure = self.figures.iter().find(|figure| figure.name == name)?;
        Some(figure.value)
    }

    pub fn json(&self) -> Value {
        let mut object = Map::new();
        object.insert("kind".to_owned(), json!(self.kind.to_string()));
        for figure in &self.figures {
            object.insert(figure.key(), json!((figure.value * 1e3).round() / 1e3));
        }
        object.insert("errors".to_owned(), json!(self.errors));
        Value::Object(object)
    }
}

/// A number of bytes as a figure.
#[expect(clippy::cast_precision_loss, reason = "a figure has few digits")]
pub fn float(bytes: u64) -> f64 {
    bytes as f64
}

/// The middle value, or the mean of the two; zero if there is none.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let at = |index: usize| values.get(index).copied().unwrap_or_default();
    let half = values.len() / 2;
    if values.len() % 2 == 1 {
        at(half)
    } else {
        f64::midpoint(at(half.saturating_sub(1)), at(half))
    }
}
