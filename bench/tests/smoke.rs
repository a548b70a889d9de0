//! The benchmarks run and their invariants hold, on as few orders as show it; no figure of a test build means anything.

use std::process::Command;

use serde_json::Value;

/// A row for each load.
fn run(form: &str, port: &str) -> Vec<Value> {
    let mut bench = Command::new(env!("CARGO_BIN_EXE_bench"));
    bench.args(["run", "--json", "--forms", form, "--port", port, "--warm-up", "5"]);
    bench.args(["--orders", "40", "--outstanding", "8", "--rates", "50", "--seconds", "1"]);
    let output = bench.output().expect("the driver starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let rows = String::from_utf8(output.stdout).expect("JSON is UTF-8");
    rows.lines().map(|row| serde_json::from_str(row).expect("a row is JSON")).collect()
}

#[track_caller]
fn has_both_loads(rows: &[Value]) {
    let loads: Vec<_> = rows.iter().map(|row| row["load"].as_str().unwrap_or_default()).collect();
    assert_eq!(loads, ["8 outstanding", "50/s"]);
    assert!(rows.iter().all(|row| row["perSecond"].as_f64() > Some(0.0)), "{rows:#?}");
}

#[test]
fn the_saga_job_runs_in_memory() {
    has_both_loads(&run("memory", "21900"));
}

#[test]
fn the_saga_job_runs_on_disk() {
    has_both_loads(&run("disk", "21910"));
}

#[test]
fn the_shop_job_runs() {
    let mut bench = Command::new(env!("CARGO_BIN_EXE_bench"));
    bench.args(["run", "--json", "--job", "shop", "--forms", "memory", "--port", "21920", "--warm-up", "0"]);
    let output = bench.args(["--orders", "20", "--outstanding", "8"]).output().expect("the driver starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let row: Value = serde_json::from_slice(&output.stdout).expect("one row");
    assert_eq!((&row["system"], &row["count"]), (&"memory".into(), &20.into()));
    assert!(row["cpuMsEach"]["app"].as_f64() > Some(0.0), "{row:#}");
}

#[test]
fn what_no_load_shows_is_measured() {
    let mut bench = Command::new(env!("CARGO_BIN_EXE_bench"));
    bench.args(["costs", "--only", "flat,flat-disk,hot,tax,late", "--orders", "20", "--pairs", "1", "--events", "256"]);
    let output = bench.output().expect("it starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let table = String::from_utf8(output.stdout).expect("a table");
    assert_eq!(table.lines().count(), 2 + 5, "{table}");
}
