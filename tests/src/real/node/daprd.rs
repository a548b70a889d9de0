//! A real daprd, started as `millrace dev` and `dapr.yaml` start it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::http::Request;
use bytes::Bytes;
use dev::resources::REDIS as RESOURCES;
use millrace::outside::{exchange, http_client};
use tokio::process::Child;
use wiring::scopes::{sidecar_user, unscoped};
use wiring::services::SERVICES;

use super::{Ground, Node};
use crate::real::machine::{eventually, free_port, program, start};

pub struct Daprd {
    _process: Child,
}

/// How often one may find the file of names locked, or its broker too slow for it on a busy machine.
const TRIES: usize = 5;
/// Of what is over a moment later; a supervisor, `dev` among them, starts such a daprd again.
const PASSING: [&str; 2] = ["SQLITE_BUSY", "context deadline exceeded"];

impl Daprd {
    /// Beside the app of `node`; returns when its API serves.
    pub async fn start(ground: &Ground, node: &Node) -> Self {
        let id = node.name;
        for _ in 0..TRIES {
            let (mut process, log) = serving(ground, node).await;
            let has_ended = process.try_wait().expect("it is our child").is_some();
            // Without some components it ends, without others it serves, and its apps would wait for ever.
            if !has_ended && !log.contains("INIT_COMPONENT_FAILURE") {
                return Self { _process: process };
            }
            assert!(PASSING.iter().any(|reason| log.contains(reason)), "{id}'s daprd lacks a component:\n{log}");
            // One that has ended can't be, and need not.
            drop(process.kill().await);
        }
        panic!("{id}'s daprd lacked a component {TRIES} times");
    }
}

/// The process, and what it has said until its API served or it ended.
async fn serving(ground: &Ground, node: &Node) -> (Child, String) {
    let (id, app_port, http_port) = (node.name, node.seen_ports.0, node.dapr_port);
    let (components, configuration) = resources(ground, id);
    let flags = format!(
        "--mode standalone --app-id {id} --app-port {app_port} --app-protocol {} --app-channel-address 127.0.0.1 \
         --dapr-http-port {http_port} --dapr-grpc-port {} --dapr-internal-grpc-port {} --metrics-port {} \
         --dapr-internal-grpc-listen-address 127.0.0.1 --dapr-listen-addresses 127.0.0.1 \
         --metrics-listen-address 127.0.0.1 --log-level warn --dapr-block-shutdown-duration 3s \
         --dapr-graceful-shutdown-seconds 10",
        node.protocol,
        node.grpc_port,
        free_port(),
        free_port(),
    );
    let mut command = program("MILLRACE_DAPRD", "daprd");
    command.args(flags.split_whitespace());
    command.arg("--resources-path").arg(&components).arg("--config").arg(&configuration);
    command.envs([("DAPR_HOST_IP", "127.0.0.1"), ("MILLRACE_REDIS_HOST", &ground.redis.public_address())]);
    command.envs(ground.redis.tls.iter().map(|tls| ("SSL_CERT_FILE", tls.ca())));
    command.envs([("DAPR_API_TOKEN", node.tokens.api.expose()), ("APP_API_TOKEN", node.tokens.app.expose())]);
    if ground.has_users {
        let user = sidecar_user(id);
        command.envs([("MILLRACE_REDIS_USERNAME", &user), ("MILLRACE_REDIS_PASSWORD", &user)]);
    }
    // Replicas of an app share its id.
    let log = format!("{id}-{http_port}.log");
    drop(std::fs::remove_file(ground.folder().join(&log)));
    let help = "export MILLRACE_DAPRD=$(tools/get-daprd)";
    let mut process = start(&mut command, ground.folder(), &log, help);
    let client = http_client();
    eventually(&format!("{id}'s daprd serves"), Duration::from_secs(30), async || {
        if process.try_wait().expect("it is our child").is_some() {
            return true;
        }
        let request = Request::get(format!("http://127.0.0.1:{http_port}/v1.0/healthz"));
        let request = request.body(Bytes::new()).expect("a request");
        let answer = exchange(&client, request, Duration::from_secs(1)).await;
        answer.is_ok_and(|answer| answer.status().is_success())
    })
    .await;
    let log = std::fs::read_to_string(ground.folder().join(&log)).unwrap_or_default();
    (process, log)
}

/// The shop's own apps have the shop's components and configuration; others may publish and hear what they like, and use all
/// of their sidecar's API.
fn resources(ground: &Ground, id: &str) -> (PathBuf, PathBuf) {
    let (folder, configuration) = (ground.folder(), shipped("configuration.yaml"));
    if SERVICES.contains(&id) {
        return (if ground.redis.tls.is_some() { by_tls(folder, id) } else { shipped("") }, configuration);
    }
    let components = folder.join("unscoped");
    std::fs::create_dir_all(&components).expect("a writable folder");
    for (name, text) in RESOURCES {
        std::fs::write(components.join(name), unscoped(text)).expect("a writable folder");
    }
    let restricted = std::fs::read_to_string(configuration).expect("the shipped configuration");
    let open = restricted.split("  api:\n").next().unwrap_or_default();
    let configuration = folder.join("open.yaml");
    std::fs::write(&configuration, open).expect("a writable folder");
    (components, configuration)
}

/// As the production overlay changes them.
fn by_tls(folder: &Path, id: &str) -> PathBuf {
    let components = folder.join(format!("tls-{id}"));
    std::fs::create_dir_all(&components).expect("a writable folder");
    for (name, text) in RESOURCES {
        let setting = "  metadata:\n    - name: enableTLS\n      value: \"true\"\n";
        let text =
            if text.contains("pubsub.redis") { text.replacen("  metadata:\n", setting, 1) } else { (*text).to_owned() };
        std::fs::write(components.join(name), text).expect("a writable folder");
    }
    components
}

fn shipped(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../components/redis").join(file)
}
