//! Who may depend on whom, read from `cargo metadata`.

use std::process::Command;

use serde_json::Value;

use crate::tree::root;

pub fn metadata() -> Value {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let arguments = ["metadata", "--no-deps", "--offline", "--format-version", "1"];
    let output = Command::new(cargo).args(arguments).current_dir(root()).output().expect("cargo runs this test");
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("metadata is JSON")
}

/// What a package of the workspace may use of the others; `None` for those at the top, which may use all.
fn may_use(package: &Value, for_tests: bool) -> Option<&'static [&'static str]> {
    let folder = package["manifest_path"].as_str().unwrap_or_default();
    match package["name"].as_str().unwrap_or_default() {
        // Its pipeline is tested with real events.
        "millrace" if for_tests => Some(&["events"]),
        "millrace" => Some(&[]),
        "access" | "events" | "sandbox" => Some(&["millrace"]),
        "doctor" | "errors" => Some(&[]),
        "cloudevent" => Some(&["events", "millrace"]),
        "integrations" => Some(&["cloudevent", "events", "millrace"]),
        "gateway" => Some(&["access", "errors", "events", "millrace"]),
        "host" => Some(&["access", "events", "gateway", "millrace", "sandbox"]),
        "dev" => Some(&["access", "host", "millrace", "wiring"]),
        "load" => Some(&["dev", "host", "millrace", "sandbox", "wiring"]),
        _ if folder.contains("/services/") => Some(&["events", "millrace"]),
        _ => None,
    }
}

/// Dependencies that point the wrong way.
pub fn wrong_ways(metadata: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    for package in list(&metadata["packages"]) {
        for dependency in list(&package["dependencies"]).iter().filter(|dependency| dependency["path"].is_string()) {
            let name = dependency["name"].as_str().unwrap_or_default();
            let allowed = may_use(package, dependency["kind"] == "dev");
            if allowed.is_some_and(|allowed| !allowed.contains(&name)) {
                wrong.push(format!("{} depends on {name}", package["name"]));
            }
        }
    }
    wrong
}

/// Packages of the lock file that are neither ours nor from crates.io with a checksum.
pub fn unvouched(lock: &str) -> Vec<String> {
    const REGISTRY: &str = "source = \"registry+https://github.com/rust-lang/crates.io-index\"";
    let is_vouched = |package: &&str| {
        !package.contains("\nsource = ") || package.contains(REGISTRY) && package.contains("\nchecksum = ")
    };
    let packages = lock.split("[[package]]").skip(1);
    packages.filter(|package| !is_vouched(package)).map(|package| package.trim().to_owned()).collect()
}

/// Whoever has the framework's conditions switchable without asking for it by name on the command line.
pub fn always_sabotaged(metadata: &Value) -> Vec<String> {
    let is_sabotage = |feature: &Value| feature.as_str().is_some_and(|feature| feature.contains("sabotage"));
    let mut sabotaged = Vec::new();
    for package in list(&metadata["packages"]) {
        let mut asks = list(&package["dependencies"]).iter().flat_map(|dependency| list(&dependency["features"]));
        if asks.any(is_sabotage) || list(&package["features"]["default"]).iter().any(is_sabotage) {
            sabotaged.push(format!("{} is built with the feature sabotage", package["name"]));
        }
    }
    sabotaged
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}
