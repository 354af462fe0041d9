//! Fuzz targets of Jeton, with the server in memory of its tests.

#[path = "../../tests/support/mod.rs"]
pub mod support;
pub mod target;

pub use libfuzzer_sys::fuzz_target;

/// The entry point of a fuzz target.
#[macro_export]
macro_rules! fuzz {
    ($module:ident::$target:ident) => {
        thread_local! {
            static TARGET: $crate::target::Running<$crate::target::$module::$target> =
                $crate::target::Running::default();
        }

        // The start takes longer than an input may.
        $crate::fuzz_target!(
            init: TARGET.with(|target| target.start()),
            |input: &[u8]| TARGET.with(|target| target.run(input))
        );
    };
}
