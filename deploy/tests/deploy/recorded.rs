//! Alerts on what was really seen of faults: recordings of running shops that `make record-alerts` has written.

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use crate::fields::list;
use crate::promtool::{RULES, folder};
use crate::tools::{Folder, run, tool};

fn recordings() -> Vec<(PathBuf, Value)> {
    let entries = std::fs::read_dir(deploy::root().join("deploy/recordings")).expect("a folder");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).expect("it can be read");
        let recording = serde_json::from_str(&text).expect("it is JSON");
        (path, recording)
    };
    paths.into_iter().map(read).collect()
}

/// Silent until the fault is there, and firing at the end of the recording, while it still is.
fn unit_test(path: &std::path::Path, recording: &Value) -> Value {
    let series = recording["series"].as_object().expect("series").iter();
    let number = |field: &str| recording[field].as_u64().expect("a number");
    let interval: u64 =
        recording["interval"].as_str().and_then(|it| it.strip_suffix('s')?.parse().ok()).expect("seconds");
    let at = |sample: u64| format!("{}s", sample * interval);
    let (injected, last) = (number("injected_after_samples"), number("samples") - 1);
    let tests = list(recording, "/fires").filter_map(Value::as_str).flat_map(|fires| {
        let (alert, severity) = fires.trim_end_matches(')').split_once(" (").expect("alert (severity)");
        let expr = format!(
            r#"count(ALERTS{{alertname="{alert}",severity="{severity}",alertstate="firing"}}) > bool 0 or vector(0)"#
        );
        [(injected - 1, 0), (last, 1)].map(|(sample, wanted)| {
            json!({ "expr": expr, "eval_time": at(sample), "exp_samples": [{ "labels": "{}", "value": wanted }] })
        })
    });
    json!({
        "name": path.file_stem().map(|name| name.to_string_lossy()),
        "interval": at(1),
        "input_series": series.map(|(series, values)| json!({ "series": series, "values": values })).collect::<Vec<_>>(),
        "promql_expr_test": tests.collect::<Vec<_>>(),
    })
}

fn test(folder: &Folder, tests: &[Value]) -> Result<String, String> {
    let all = json!({ "rule_files": RULES, "evaluation_interval": "15s", "tests": tests });
    folder.write("recorded.yaml", &deploy::yaml(&[all]));
    run(Command::new(tool("promtool")).args(["test", "rules", "recorded.yaml"]).current_dir(&folder.0))
}

#[test]
fn each_recorded_fault_is_told_by_its_alerts() {
    let recordings = recordings();
    let tests: Vec<Value> = recordings.iter().map(|(path, recording)| unit_test(path, recording)).collect();
    test(&folder("recorded", None, |rules| rules), &tests).unwrap_or_else(|told| panic!("{told}"));
    for (path, recording) in &recordings {
        let fires = list(recording, "/fires").filter_map(Value::as_str).collect::<Vec<_>>().join(", ");
        println!("{}: {} -> {fires}", path.file_name().expect("a file").display(), recording["fault"]);
    }
    let alerts: usize = recordings.iter().map(|(_, recording)| list(recording, "/fires").count()).sum();
    assert!(alerts >= 8, "{alerts}");
}

#[test]
fn a_rule_that_looks_at_nothing_is_found_by_its_recording() {
    let (path, recording) =
        recordings().into_iter().find(|(path, _)| path.ends_with("memory-full.json")).expect("it is there");
    let spoilt = folder("unheard", None, |rules| {
        rules.replace("millrace_redis_memory_used_bytes", "millrace_redis_memory_bytes")
    });
    let told = test(&spoilt, &[unit_test(&path, &recording)]).expect_err("nothing fires");
    assert!(told.contains("RedisMemory"), "{told}");
}
