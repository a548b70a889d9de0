//! Redis' users as `k8s/secrets` makes them, before a real Redis and a real daprd that is given the rendered components.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use axum::http::{Method, StatusCode};
use host::client::Client;
use redis::{Connection, cmd};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::manifests::{rendered, secrets};
use crate::tools::{Folder, tool};

const PATIENCE: Duration = Duration::from_secs(30);
/// Redis', then daprd's four; below those that a kernel gives to clients, and no shop's.
const PORTS: [u16; 5] = [23_700, 23_701, 23_702, 23_703, 23_704];

/// Ended with the test.
pub struct Running(pub Child);

impl Running {
    pub fn start(command: &mut Command) -> Self {
        Self(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Of the secret `name`.
pub fn secret(secrets: &[Value], name: &str, key: &str) -> String {
    let found = secrets.iter().find(|secret| secret["metadata"]["name"] == name).expect("there is such a secret");
    found["stringData"][key].as_str().unwrap_or_else(|| panic!("{name} has no {key}")).to_owned()
}

/// With the users of the secret, on our port.
fn redis(folder: &Folder, secrets: &[Value]) -> Running {
    folder.write("users.acl", &secret(secrets, "redis", "users.acl"));
    let port = PORTS[0].to_string();
    let mut command = Command::new(tool("redis"));
    command.args(["--bind", "127.0.0.1", "--port", &port, "--save", "", "--aclfile", "users.acl"]);
    Running::start(command.current_dir(&folder.0))
}

fn connect(user: &str, password: &str) -> Connection {
    let client = redis::Client::open(format!("redis://{user}:{password}@127.0.0.1:{}", PORTS[0])).expect("a URL");
    let began = Instant::now();
    loop {
        match client.get_connection() {
            Ok(connection) => return connection,
            Err(error) => assert!(began.elapsed() < PATIENCE, "{user}: {error}"),
        }
    }
}

fn ask(connection: &mut Connection, words: &[&str]) -> Result<redis::Value, String> {
    let (command, arguments) = words.split_first().expect("a command");
    cmd(command).arg(arguments).query(connection).map_err(|error| error.to_string())
}

/// With the components of an overlay, whose secrets are the sidecar's environment; on four ports from the first on.
pub fn daprd(folder: &Folder, overlay: &str, service: &str, ports: [u16; 4], secrets: &[(&str, String)]) -> Running {
    let components = folder.0.join("components");
    std::fs::create_dir_all(&components).expect("a folder");
    for document in rendered(overlay).iter().filter(|document| document["kind"] == "Component") {
        let path = components.join(format!("{}.yaml", document["metadata"]["name"].as_str().expect("a name")));
        let mut document = document.clone();
        document["metadata"] = json!({ "name": document["metadata"]["name"] });
        std::fs::write(path, deploy::yaml(&[document])).expect("it can be written");
    }
    let configuration = deploy::root().join("components/redis/configuration.yaml");
    let mut command = Command::new(tool("daprd"));
    command.current_dir(&folder.0).args(["--mode", "standalone", "--app-id", service, "--log-level", "error"]);
    command
        .arg("--resources-path")
        .arg(components)
        .arg("--config")
        .arg(Path::new(&configuration).canonicalize().expect("it is there"));
    for (flag, port) in
        ["dapr-http-port", "dapr-grpc-port", "dapr-internal-grpc-port", "metrics-port"].iter().zip(ports)
    {
        command.arg(format!("--{flag}")).arg(port.to_string());
    }
    command.args(["--dapr-listen-addresses", "127.0.0.1", "--dapr-internal-grpc-listen-address", "127.0.0.1"]);
    command.env("DAPR_HOST_IP", "127.0.0.1");
    command.envs(secrets.iter().map(|(name, value)| (format!("MILLRACE_{name}"), value)));
    Running::start(&mut command)
}

/// Until the sidecar has its components.
pub async fn ready(sidecar: &Client) {
    let began = Instant::now();
    while !sidecar.get("/v1.0/healthz/outbound").await.is_ok_and(|answer| answer.status.is_success()) {
        assert!(began.elapsed() < PATIENCE, "the sidecar is not ready");
    }
}

pub async fn publish(sidecar: &Client, topic: &str) -> StatusCode {
    let path = format!("/v1.0/publish/pubsub/{topic}");
    sidecar.command(Method::POST, &path, "k", &json!({})).await.expect("an answer").status
}

#[tokio::test]
async fn each_user_and_each_sidecar_reaches_what_is_its_own() {
    let (folder, secrets) = (Folder::new("users"), secrets(None));
    let _redis = redis(&folder, &secrets);
    let orders = |key: &str| secret(&secrets, "orders-redis", key);
    let mut own = connect(&orders("username"), &orders("password"));
    assert!(ask(&mut own, &["SET", "{millrace:orders:00}x", "1"]).is_ok());
    let refused = ask(&mut own, &["GET", "{millrace:payment:00}x"]).expect_err("it is payment's");
    assert!(refused.contains("permission"), "{refused}");

    let [redis, own @ ..] = PORTS;
    let given = [
        ("REDIS_HOST", format!("127.0.0.1:{redis}")),
        ("REDIS_USERNAME", orders("sidecar-username")),
        ("REDIS_PASSWORD", orders("sidecar-password")),
    ];
    let _daprd = daprd(&folder, "local", "orders", own, &given);
    let sidecar = Client::new(&format!("http://127.0.0.1:{}", own[0]));
    ready(&sidecar).await;
    assert_eq!(publish(&sidecar, "orders.order").await, StatusCode::NO_CONTENT);
    assert_eq!(publish(&sidecar, "payment").await, StatusCode::FORBIDDEN);
    let mut sidecars = connect(&orders("sidecar-username"), &orders("sidecar-password"));
    let refused = ask(&mut sidecars, &["XADD", "payment", "*", "data", "{}"]).expect_err("it is payment's");
    assert!(refused.contains("permission"), "{refused}");
    let payment = |key: &str| secret(&secrets, "payment-redis", key);
    let mut hears = connect(&payment("username"), &payment("password"));
    assert!(ask(&mut hears, &["XLEN", "orders.order"]).is_ok(), "KEDA asks so");
}
