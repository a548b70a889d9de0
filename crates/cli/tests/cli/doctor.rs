//! `millrace doctor` on a folder of somebody's: what it says, and the exit statuses that pipelines rely on.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::shop::Directory;

const PUBSUB: &str = "\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: events}
spec:
  type: pubsub.redis
  metadata: [{name: concurrency, value: '128'}, {name: streamTTL, value: 12h}]
";
const POLICIES: &str = "\
apiVersion: dapr.io/v1alpha1
kind: Resiliency
metadata: {name: retries}
spec:
  policies: {retries: {deliver: {policy: exponential, maxRetries: 10}}}
  targets: {components: {events: {inbound: {retry: deliver}}}}
";

/// A project's folder.
fn project(files: &[(&str, &str)]) -> Directory {
    let folder = Directory::new();
    for (file, text) in files {
        let path = Path::new(folder.path()).join(file);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a writable folder");
        std::fs::write(path, text).expect("a writable folder");
    }
    folder
}

fn doctor(folder: &str, more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_millrace"));
    command.args(["doctor", "--project"]).arg(folder).args(more).output().expect("the binary starts")
}

#[test]
fn a_project_that_loses_nothing_passes_whatever_it_is_called() {
    let files =
        [("deploy/pubsub.yaml", PUBSUB), ("deploy/retries.yaml", POLICIES), ("chart/a.yaml", "a: {{ .Values }}")];
    let folder = project(&files);
    let output = doctor(folder.path(), &["--strict"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("2 resources"), "{output:?}");
}

#[test]
fn another_brokers_components_take_the_place_of_redis_and_lose_nothing_either() {
    let components = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../components");
    let mixes: [(&[&str], _, _); 5] = [
        (&["kafka"], "kafka", "kafka"),
        (&["rabbitmq-notify"], "redis", "rabbitmq"),
        (&["rabbitmq", "rabbitmq-notify"], "rabbitmq", "rabbitmq"),
        (&["redis-cluster"], "redis", "redis"),
        (&["azure"], "azure.eventhubs", "azure.servicebus.topics"),
    ];
    for (folders, live, notify) in mixes {
        let folder = project(&[]);
        let data = Path::new(folder.path());
        let over: Vec<_> = folders.iter().map(|folder| components.join(folder)).collect();
        dev::resources::write(data, &over).unwrap();
        for (name, broker) in [("pubsub", live), ("notify", notify)] {
            let path = dev::resources::components(data).join(format!("{name}.yaml"));
            let text = std::fs::read_to_string(path).unwrap();
            assert!(text.contains(&format!("type: pubsub.{broker}\n")), "{text}");
        }
        let output = doctor(folder.path(), &["--strict"]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stdout).contains("7 resources"), "{output:?}");
    }
}

#[test]
fn what_loses_fails_with_the_rule_and_what_doubles_fails_when_asked_to() {
    let folder = project(&[("pubsub.yaml", PUBSUB)]);
    let output = doctor(folder.path(), &["--json"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let checks: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&checks[0]["rule"], &checks[0]["level"]), (&"R01".into(), &"fail".into()), "{checks:#}");
    assert_eq!(checks[0]["name"], "pubsub.yaml");
    let group = PUBSUB.replace("[{", "[{name: consumerID, value: '{uuid}'}, {");
    let folder = project(&[("pubsub.yaml", &group), ("retries.yaml", POLICIES)]);
    assert_eq!(doctor(folder.path(), &[]).status.code(), Some(0));
    assert_eq!(doctor(folder.path(), &["--strict"]).status.code(), Some(1));
}

#[test]
fn what_is_not_there_is_told_apart_from_what_is_wrong() {
    let folder = project(&[("notes.yaml", "title: nothing of Dapr's")]);
    let output = doctor(folder.path(), &[]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("no Dapr resource"), "{output:?}");
    assert_eq!(doctor(&format!("{}/missing", folder.path()), &[]).status.code(), Some(2));
    let good = project(&[("pubsub.yaml", PUBSUB), ("retries.yaml", POLICIES)]);
    for nobody in [["--redis", "redis://:secret@127.0.0.1:1"], ["--daprd", "http://127.0.0.1:1"]] {
        let output = doctor(good.path(), &nobody);
        assert_eq!(output.status.code(), Some(3), "{output:?}");
        assert!(!String::from_utf8_lossy(&output.stdout).contains("secret"), "{output:?}");
    }
}

#[test]
fn documents_are_taken_from_standard_input_too() {
    let folder = project(&[("pubsub.yaml", PUBSUB)]);
    for arguments in [&["doctor", "-"][..], &["doctor", "--project", "-"]] {
        let file = std::fs::File::open(Path::new(folder.path()).join("pubsub.yaml")).expect("it was written");
        let mut command = Command::new(env!("CARGO_BIN_EXE_millrace"));
        let output = command.args(arguments).stdin(Stdio::from(file)).output().expect("the binary starts");
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stdout).contains("R01"), "{output:?}");
    }
}
