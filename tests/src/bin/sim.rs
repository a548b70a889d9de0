//! The simulation from the command line: `make sim`, `make soak`. Runs seeds until one fails or somebody stops it, shrinks
//! the one that failed, or replays one with its trace.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use blackbox::simulation::plan::Plan;
use blackbox::simulation::run;
use blackbox::simulation::suite::Suite;

const HELP: &str = "sim [seeds=N] [first=N] [orders=N] [threads=N]   runs seeds; seeds=0 until stopped
sim seed=N [orders=N] [place=N] [only=1,2,..] [trace=FILE]   replays one, step for step; place fewer of its orders,
                                                             with only some of its ingredients";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let known = ["seeds", "first", "orders", "threads", "seed", "place", "only", "trace", "quiet"];
    if let Some(stray) = arguments.iter().find(|it| !it.split_once('=').is_some_and(|(name, _)| known.contains(&name)))
    {
        eprintln!("{stray} is not understood\n{HELP}");
        return ExitCode::from(2);
    }
    let text = |name: &str| {
        let named = arguments.iter().filter_map(|argument| argument.split_once('='));
        named.filter(|(given, value)| *given == name && !value.is_empty()).map(|(_, value)| value).next_back()
    };
    let number = |name: &str| text(name).and_then(|value| value.parse::<u64>().ok());
    let orders = number("orders").unwrap_or(200) as usize;
    match number("seed") {
        Some(seed) => {
            let mut plan = Plan::draw(seed, orders);
            if let Some(only) = text("only") {
                plan = plan.only(&only.split(',').filter_map(|place| place.parse().ok()).collect::<Vec<_>>());
            }
            plan.orders = number("place").map_or(orders, |place| place as usize);
            replay(plan, text("trace"))
        }
        None => many(number("first").unwrap_or(0), number("seeds").unwrap_or(1_000), orders, number("threads")),
    }
}

/// One seed with every step it takes.
fn replay(mut plan: Plan, trace: Option<&str>) -> ExitCode {
    plan.options.keeps_trace = true;
    for (place, ingredient) in plan.ingredients.iter().enumerate() {
        println!("{place:>3} {ingredient:?}");
    }
    let (outcome, lines) = run(&plan);
    let lines = lines.join("\n") + "\n";
    match trace {
        Some(file) if file != "-" => {
            if let Err(error) = std::fs::write(file, lines) {
                eprintln!("{file}: {error}");
                return ExitCode::from(3);
            }
        }
        _ => print!("{lines}"),
    }
    match outcome {
        Ok(run) => {
            println!("{:?}, {} events, trace {}", run.outcomes, run.events, run.trace);
            ExitCode::SUCCESS
        }
        Err(violation) => {
            println!("{violation}");
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "how fast a simulation is can only be told by a real clock")]
fn many(first: u64, seeds: u64, orders: usize, threads: Option<u64>) -> ExitCode {
    let threads = threads.map_or_else(|| std::thread::available_parallelism().map_or(1, usize::from), |n| n as usize);
    let stop = Arc::new(AtomicBool::new(false));
    stop_on_ctrl_c(stop.clone());
    std::panic::set_hook(Box::new(|_| {}));
    let start = std::time::Instant::now();
    let count = if seeds == 0 { u64::MAX - first } else { seeds };
    let suite = Suite::run(first, count, orders, threads, &stop, |suite| {
        eprint!("\r{} seeds, {:.1} simulated hours", suite.seeds, suite.simulated.as_secs_f64() / 3600.0);
    });
    let took = start.elapsed().as_secs_f64();
    eprintln!();
    for (seed, trace) in suite.traces.iter().take(if seeds <= 16 { 16 } else { 0 }) {
        println!("seed {seed} trace {trace}");
    }
    print!("{}", suite.table());
    eprintln!("{took:.1} s, {:.2} simulated hours per second", suite.simulated.as_secs_f64() / 3600.0 / took);
    if let Some(failure) = suite.failure(orders) {
        println!("{failure}");
        return ExitCode::FAILURE;
    }
    let missing = suite.missing();
    if suite.seeds >= 40 && !missing.is_empty() {
        println!("never met: {missing:?}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// The seeds that run are still finished and counted.
fn stop_on_ctrl_c(stop: Arc<AtomicBool>) {
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        if runtime.is_ok_and(|runtime| runtime.block_on(tokio::signal::ctrl_c()).is_ok()) {
            stop.store(true, Ordering::Relaxed);
        }
    });
}
