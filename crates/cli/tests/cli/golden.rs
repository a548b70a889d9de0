//! Files written from the wiring. `UPDATE=1 cargo test -p cli golden` writes them anew.

use std::path::Path;

use clap::{Args, FromArgMatches};
use host::config::Config;
use host::process::sidecar;
use millrace::clock::Clock;
use millrace::outside::Network;
use millrace::sidecar::deadletter_component;
use millrace::store::embedded::EmbeddedStore;
use millrace::{Env, Tuning};
use serde_json::Value;
use wiring::documents::documents;
use wiring::scopes;
use wiring::services::all;
use wiring::topology;

#[track_caller]
fn golden(path: &str, wanted: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("the folder can be made");
        std::fs::write(&path, wanted).expect("the file can be written");
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == wanted,
        "{} is not what the wiring says: UPDATE=1 cargo test -p cli golden, then read the difference",
        path.display()
    );
}

fn config() -> Config {
    let command = Config::augment_args(clap::Command::new("test"));
    Config::from_arg_matches(&command.get_matches_from(["test"])).expect("the defaults are well formed")
}

#[test]
fn the_topology_is_the_committed_one() {
    golden("docs/topology.txt", &topology::text(&config()));
}

#[test]
fn scopes_and_users_are_the_committed_ones() {
    let committed = |path: &str| {
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)).expect("it is there")
    };
    let brokers = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../components");
    for broker in std::fs::read_dir(brokers).expect("a folder") {
        let broker = broker.expect("an entry").path();
        for name in scopes::components() {
            let path = |name: &str| format!("{}/{name}.yaml", broker.display());
            let (live, dead) = (path(name), path(&deadletter_component(name)));
            // Not each broker is meant for each component, but who carries live topics carries their dead letters.
            if Path::new(&live).exists() || Path::new(&dead).exists() {
                golden(&live, &scopes::live(&committed(&live), name, &config()));
                golden(&dead, &scopes::dead(&committed(&dead), name, &config()));
            }
        }
    }
    golden("components/kafka/topics.txt", &scopes::topics(&config()));
    golden("components/users.acl", &scopes::users(&config(), |_| None));
}

#[test]
fn documents_are_the_committed_ones() {
    let documents = documents(&config());
    for (path, text) in &documents {
        golden(&format!("docs/api{path}"), text);
    }
    // What nothing writes any more is not there.
    let api = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/api");
    let mut folders = vec![api.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = format!("/{}", path.strip_prefix(&api).expect("below it").display());
            if path.is_dir() { folders.push(path) } else { assert!(documents.contains_key(&name), "{name}") }
        }
    }
}

#[test]
fn the_dapr_run_file_is_the_committed_one() {
    golden("dapr.yaml", &topology::dapr_yaml());
}

#[tokio::test]
async fn the_subscriptions_are_the_committed_ones() {
    let clock = Clock::system();
    let env = Env {
        store: std::sync::Arc::new(EmbeddedStore::memory(clock.clone())),
        sidecar: std::sync::Arc::new(sidecar(1, None)),
        outside: std::sync::Arc::new(Network::new("127.0.0.1:1", "shop@millrace.example")),
        clock,
        tuning: Tuning::default(),
    };
    let mut subscriptions = serde_json::Map::new();
    for app in all(&config()) {
        let service = app.start(env.clone());
        subscriptions.insert(service.name().to_owned(), service.subscriptions());
        service.kill();
    }
    golden("docs/subscriptions.json", &format!("{:#}\n", Value::from(subscriptions)));
}
