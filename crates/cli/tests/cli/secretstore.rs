//! Secrets by reference to a Dapr secret store: a real daprd tells them, and nothing else does.

use std::process::{Child, Command, Stdio};

use axum::http::Request;
use bytes::Bytes;
use host::client::Client;
use host::ports::{Ports, local_url};
use serde_json::json;
use tokio::time::Instant;
use wiring::services::SERVICES;

use crate::shop::{DEADLINE, Directory, millrace, ports, run, terminate};

const STORE: &str = "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: { name: vault }\nspec:\n  \
    type: secretstores.local.file\n  version: v1\n  metadata: [{ name: secretsFile, value: secrets.json }]\n";
const CONFIGURATION: &str = include_str!("../../../../components/redis/configuration.yaml");
const DOCUMENTED: &str = include_str!("../../../../docs/access.md");
const SECRETS: [(&str, &str); 4] =
    [("app", "kept-app"), ("admin", "kept-admin"), ("redis", "redis://u:kept-redis@h"), ("other", "kept-other")];

/// Ended with the test, however that ends.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// With the secret store, and with the shipped configuration opened as it is documented, for pricing.
fn daprd(ports: Ports, folder: &Directory) -> Ended {
    std::fs::create_dir(format!("{}/components", folder.path())).expect("a writable folder");
    let write = |name: &str, text: String| std::fs::write(format!("{}/{name}", folder.path()), text).expect("writable");
    write("components/vault.yaml", STORE.to_owned());
    write("components/secrets.yaml", include_str!("../../../../components/redis/secrets.yaml").to_owned());
    let (_, rest) = DOCUMENTED.split_once("```yaml\n").expect("what to add");
    let (added, _) = rest.split_once("```").expect("the end of it");
    write("configuration.yaml", format!("{CONFIGURATION}{added}"));
    write("secrets.json", json!(std::collections::BTreeMap::from(SECRETS)).to_string());
    let own = ports.service(place());
    let flags = format!(
        "--mode standalone --app-id pricing --app-port {} --app-channel-address 127.0.0.1 --dapr-http-port {} \
         --dapr-grpc-port {} --dapr-internal-grpc-port {} --metrics-port {} --dapr-listen-addresses 127.0.0.1 \
         --dapr-internal-grpc-listen-address 127.0.0.1 --metrics-listen-address 127.0.0.1 --log-level error",
        own.app, own.dapr_http, own.dapr_grpc, own.dapr_internal, own.dapr_metrics
    );
    let program = std::env::var_os("MILLRACE_DAPRD").expect("export MILLRACE_DAPRD=$(tools/get-daprd)");
    let mut command = Command::new(program);
    command.current_dir(folder.path()).args(flags.split_whitespace()).args([
        "--resources-path",
        "components",
        "--config",
        "configuration.yaml",
    ]);
    command
        .envs([("DAPR_API_TOKEN", "api-token"), ("APP_API_TOKEN", "kept-app"), ("DAPR_HOST_IP", "127.0.0.1")])
        .env("MILLRACE_REDIS_PASSWORD", "kept-env");
    Ended(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("daprd starts"))
}

fn place() -> usize {
    SERVICES.iter().position(|name| *name == "pricing").expect("there is pricing")
}

/// Pricing beside it, its tokens by reference.
fn pricing(ports: Ports, admin: &str) -> Command {
    let mut command = millrace(ports, &["serve", "pricing", "--ephemeral", "--bus", "dapr"]);
    command.env("DAPR_HTTP_PORT", ports.service(place()).dapr_http.to_string()).env("DAPR_API_TOKEN", "api-token");
    command.env("APP_API_TOKEN", "secretstore:vault/app").env("MILLRACE_ADMIN_TOKEN", admin);
    command.env("MILLRACE_BROKER_URL", "secretstore:vault/redis/redis");
    command
}

#[tokio::test]
async fn a_secret_is_read_from_daprs_store_and_shown_nowhere() {
    let (ports, folder) = (ports(), Directory::new());
    let _daprd = daprd(ports, &folder);
    let log = format!("{}/log", folder.path());
    let file = std::fs::File::create(&log).expect("a writable folder");
    let mut child = Ended(pricing(ports, "secretstore:vault/admin").stderr(file).spawn().expect("it starts"));
    let own = ports.service(place());
    let (app, admin) = (Client::new(&local_url(own.app)), Client::new(&local_url(own.admin)));
    let started = Instant::now();
    while !admin.get("/readyz").await.is_ok_and(|answer| answer.status == 200) {
        assert!(started.elapsed() < DEADLINE, "not ready in time: {}", std::fs::read_to_string(&log).expect("a log"));
        tokio::task::yield_now().await;
    }
    for (token, status) in [("kept-admin", 200), ("secretstore:vault/admin", 401)] {
        let request = Request::get(admin.url("/pending")).header("authorization", format!("Bearer {token}"));
        assert_eq!(admin.send(request.body(Bytes::new()).expect("a request")).await.expect("an answer").status, status);
    }
    for (token, status) in [("kept-app", 200), ("secretstore:vault/app", 401)] {
        let request = Request::get(app.url("/dapr/subscribe")).header("dapr-api-token", token);
        assert_eq!(app.send(request.body(Bytes::new()).expect("a request")).await.expect("an answer").status, status);
    }
    let daprd = Client::new(&local_url(own.dapr_http));
    for (path, status) in [
        ("vault/admin", 200),
        ("vault/other", 403),
        ("secrets/REDIS_PASSWORD", 403),
        ("secrets/bulk", 200),
        ("vault/bulk", 200),
    ] {
        let request = Request::get(daprd.url(&format!("/v1.0/secrets/{path}"))).header("dapr-api-token", "api-token");
        let answer = daprd.send(request.body(Bytes::new()).expect("a request")).await.expect("an answer");
        assert_eq!(answer.status, status, "{path}");
        let told = String::from_utf8_lossy(&answer.body);
        assert!(!told.contains("kept-other") && !told.contains("kept-env"), "{path}: {told}");
    }
    let shown =
        ["cmdline", "environ"].map(|name| std::fs::read(format!("/proc/{}/{name}", child.0.id())).expect("ours"));
    assert!(terminate(&mut child.0).success());
    let log = std::fs::read(&log).expect("a log");
    let text = String::from_utf8_lossy(&log);
    assert!(text.contains("admin_token=secretstore:vault/admin"), "the reference is no secret: {text}");
    for shown in shown.iter().chain([&log]) {
        assert!(!String::from_utf8_lossy(shown).contains("kept-"), "{}", String::from_utf8_lossy(shown));
    }
}

#[test]
fn a_secret_that_the_store_has_not_is_told_by_its_reference() {
    let (ports, folder) = (ports(), Directory::new());
    let _daprd = daprd(ports, &folder);
    let output = run(&mut pricing(ports, "secretstore:vault/nothing"));
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(3) && log.contains("secretstore:vault/nothing"), "{log}");
    assert!(!log.contains("kept-"), "{log}");
    assert!(run(&mut pricing(ports, "secretstore:vault/other")).status.code() == Some(3), "not for pricing");
    let nowhere = run(pricing(ports, "secretstore:vault/admin").env_remove("DAPR_HTTP_PORT"));
    let log = String::from_utf8_lossy(&nowhere.stderr);
    assert!(nowhere.status.code() == Some(2) && log.contains("DAPR_HTTP_PORT"), "{log}");
}
