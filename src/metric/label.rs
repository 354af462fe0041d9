//! Labels of metrics: a fixed set of values each, so that every time series exists from the start.

use metrics::Label;

/// The labels of a metric: an enum, a pair of such, or `()` for none.
pub trait Labels: Copy + 'static {
    /// The number of combinations of values.
    const COUNT: usize;

    /// The place of this combination in [`all`](Self::all).
    fn index(self) -> usize;

    /// All combinations.
    fn all() -> Vec<Vec<Label>>;
}

impl Labels for () {
    const COUNT: usize = 1;

    fn index(self) -> usize {
        0
    }

    fn all() -> Vec<Vec<Label>> {
        vec![Vec::new()]
    }
}

impl<A: Labels, B: Labels> Labels for (A, B) {
    const COUNT: usize = A::COUNT * B::COUNT;

    fn index(self) -> usize {
        self.0.index() * B::COUNT + self.1.index()
    }

    fn all() -> Vec<Vec<Label>> {
        let second = B::all();
        let pairs = |first: Vec<Label>| {
            let both = second.iter().map(move |more| [&*first, &**more].concat());
            both.collect::<Vec<_>>()
        };
        A::all().into_iter().flat_map(pairs).collect()
    }
}

/// Defines a label: an enum whose variants are its values.
macro_rules! label {
    ($(#[$about:meta])* $type:ident, $name:literal: $($(#[$doc:meta])* $variant:ident = $value:literal,)+) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $type {
            $($(#[$doc])* #[doc = concat!("`", $value, "`.")] $variant,)+
        }

        impl $type {
            /// All values, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The value in the metric.
            pub const fn value(self) -> &'static str {
                match self {
                    $(Self::$variant => $value,)+
                }
            }
        }

        impl $crate::metric::Labels for $type {
            const COUNT: usize = Self::ALL.len();

            fn index(self) -> usize {
                self as usize
            }

            fn all() -> Vec<Vec<metrics::Label>> {
                let label = |value: &Self| vec![metrics::Label::new($name, value.value())];
                Self::ALL.iter().map(label).collect()
            }
        }
    };
}

pub(super) use label;

#[cfg(test)]
mod tests {
    use super::*;

    label! {
        /// The first.
        First, "first":
        One = "1",
        Two = "2",
    }

    label! {
        /// The second.
        Second, "second":
        A = "a",
        B = "b",
        C = "c",
    }

    #[test]
    fn the_index_of_a_pair_is_its_place_in_the_list() {
        let all = <(First, Second)>::all();
        assert_eq!(all.len(), <(First, Second)>::COUNT);
        for first in First::ALL {
            for second in Second::ALL {
                let labels = [
                    Label::new("first", first.value()),
                    Label::new("second", second.value()),
                ];
                assert_eq!(all[(*first, *second).index()], labels);
            }
        }
    }
}
