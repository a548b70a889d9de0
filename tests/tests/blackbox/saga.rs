//! Each row of the saga's table, on the embedded pair.

use blackbox::{for_each_scenario, scenarios};

macro_rules! tests {
    ($($name:ident,)*) => {
        $(#[tokio::test(start_paused = true)]
        async fn $name() {
            scenarios::$name().await;
        })*
    };
}

for_each_scenario!(tests);
