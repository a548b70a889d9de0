//! Every condition of the framework on which a guarantee rests is switched off once, and a named check must turn red.
//! First the control: with nothing switched off, every check is green. `make sabotage` prints the table.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};

use blackbox::{checks, scenarios, simulation};
use millrace::sabotage::{Fault, set};

/// Seeds and orders a simulation may take to find a fault.
const SEEDS: u64 = 12;
const ORDERS: usize = 12;

type Check = (&'static str, fn());

fn story<F: Future<Output = ()>>(story: impl FnOnce() -> F) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.expect("a runtime").block_on(story());
}

const SIMULATION: Check = ("nothing_is_lost_or_done_twice_whatever_the_seed_does", || {
    for seed in 0..SEEDS {
        simulation::run(seed, ORDERS).unwrap_or_else(|wrong| panic!("seed {seed}: {wrong}"));
    }
});

macro_rules! check {
    ($module:ident::$name:ident) => {
        (stringify!($name), || story($module::$name))
    };
}

/// Each fault with the check that must see it.
const FAULTS: [(Fault, Check); 16] = [
    (Fault::EventMark, SIMULATION),
    (Fault::RequestMark, check!(checks::a_repeated_request_gets_the_same_bytes)),
    (Fault::Fingerprint, check!(checks::a_key_reused_for_another_body_is_refused)),
    (Fault::WorkMark, check!(scenarios::an_order_travels_the_whole_saga)),
    (Fault::SettleAfterCommit, SIMULATION),
    (Fault::Predecessor, SIMULATION),
    (Fault::Hold, check!(checks::what_comes_after_poison_waits_until_it_is_released)),
    (Fault::Park, check!(checks::what_comes_after_poison_waits_until_it_is_released)),
    (Fault::Schema, check!(checks::a_payload_that_breaks_its_schema_is_parked)),
    (Fault::Heal, SIMULATION),
    (Fault::Sweep, SIMULATION),
    (Fault::Due, check!(scenarios::a_reservation_that_nobody_confirms_expires)),
    (Fault::BelieveRefused, SIMULATION),
    (Fault::Previous, SIMULATION),
    (Fault::AppToken, check!(checks::a_call_without_the_app_token_has_no_effect)),
    (Fault::Instead, check!(checks::an_edited_payload_is_what_its_consumer_takes)),
];

fn is_green(check: fn()) -> bool {
    catch_unwind(AssertUnwindSafe(check)).is_ok()
}

#[test]
fn each_condition_is_missed_by_a_named_check() {
    set(None);
    for (_, (name, check)) in FAULTS {
        assert!(is_green(check), "{name} is red with nothing switched off");
    }
    // Every failure below is wanted: its backtrace would only hide the table.
    std::panic::set_hook(Box::new(|_| {}));
    let mut missed = Vec::new();
    println!("{:<20} red", "switched off");
    for (fault, (name, check)) in FAULTS {
        set(Some(fault));
        let green = is_green(check);
        set(None);
        println!("{:<20} {}", format!("{fault:?}"), if green { "NOTHING" } else { name });
        missed.extend(green.then_some(fault));
    }
    drop(std::panic::take_hook());
    assert!(missed.is_empty(), "no check sees {missed:?}");
}
