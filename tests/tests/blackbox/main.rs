//! The system from outside.

/// Each check as a test in paused time.
macro_rules! checks {
    ($($name:ident,)*) => {
        $(#[tokio::test(start_paused = true)]
        async fn $name() {
            blackbox::checks::$name().await;
        })*
    };
}

mod boundaries;
mod conformance;
mod deadletters;
mod docs;
mod http;
mod poison;
mod replicas;
mod saga;
