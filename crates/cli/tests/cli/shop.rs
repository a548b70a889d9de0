//! A shop of its own for each test: the real binary on ports nobody else has, ended with the test, and asked before that
//! whether anything is left undone.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use axum::http::{Method, Request};
use bytes::Bytes;
use host::client::{Answer, Client};
use host::ports::{Ports, local, local_url};
use millrace::clock::Clock;
use millrace::pending::Pending;
use serde_json::{Value, json};
use tokio::time::Instant;

pub use crate::free::ports;

pub const DEADLINE: Duration = Duration::from_secs(40);
pub const ADMIN_TOKEN: &str = "admin-token";

/// The binary with a clean environment.
pub fn millrace(ports: Ports, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_millrace"));
    command.env_clear().env("MILLRACE_PORT_BASE", ports.base.to_string()).env("MILLRACE_ADMIN_TOKEN", ADMIN_TOKEN);
    command.args(arguments);
    command
}

pub fn run(command: &mut Command) -> Output {
    command.stdin(Stdio::null()).output().expect("millrace runs")
}

pub struct Shop {
    child: Child,
    pub ports: Ports,
    pub client: Client,
}

impl Shop {
    pub fn ephemeral() -> Self {
        Self::start(ports(), &["up", "--ephemeral"])
    }

    /// Returns when the shop says that it is ready.
    pub fn start(ports: Ports, arguments: &[&str]) -> Self {
        Self::spawn(ports, millrace(ports, arguments))
    }

    pub fn spawn(ports: Ports, mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("millrace starts");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        if !lines.any(|line| line.is_ok_and(|line| line.contains("is ready"))) {
            let mut log = String::new();
            child.stderr.take().expect("piped").read_to_string(&mut log).expect("the log is text");
            panic!("the shop ended before it was ready:\n{log}");
        }
        // Nobody reads on: a full pipe must not hold up the shop.
        let mut stderr = child.stderr.take().expect("piped");
        std::thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::sink()));
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, ports, client: Client::new(&local_url(ports.gateway())) }
    }

    pub fn kill(&mut self) {
        self.child.kill().expect("the shop runs");
        self.child.wait().expect("it ends");
    }

    pub fn terminate(&mut self) -> ExitStatus {
        terminate(&mut self.child)
    }

    pub async fn place(&self, key: &str, order: &Value) -> Answer {
        self.client.command(Method::POST, "/orders", key, order).await.expect("the gateway answers")
    }

    pub async fn order(&self, id: &str) -> Value {
        self.client.get(&format!("/orders/{id}")).await.expect("the gateway answers").json()
    }

    /// Polls until the order has this status.
    pub async fn until(&self, id: &str, status: &str) {
        let started = Instant::now();
        loop {
            let order = self.order(id).await;
            if order["status"] == status {
                return;
            }
            assert!(started.elapsed() < DEADLINE, "not {status} in time: {order:#}");
            tokio::task::yield_now().await;
        }
    }

    pub async fn available(&self, sku: &str) -> Value {
        let answer = self.client.get(&format!("/stock/{sku}?locationId=WH-001")).await.expect("the gateway answers");
        answer.success().expect("the article is known")
    }

    /// Order ids of the captures in sandpay's own books.
    pub async fn captures(&self) -> Vec<String> {
        let books = Client::new(&local_url(self.ports.sandpay()));
        let ledger = books.get("/ledger").await.expect("sandpay answers").json();
        let bookings = ledger.as_array().expect("a list").iter();
        let captures = bookings.filter(|booking| booking["kind"] == "capture");
        captures.map(|booking| booking["orderId"].as_str().expect("an id").to_owned()).collect()
    }

    /// Asks until nothing is on its way; whatever is set aside or held never passes.
    pub async fn nothing_is_left(&self) {
        self.nothing_is_left_at(self.ports.admin()).await;
    }

    /// As [`Shop::nothing_is_left`], of whom this admin listener knows.
    pub async fn nothing_is_left_at(&self, admin: u16) {
        let started = Instant::now();
        loop {
            let pending = self.admin_at(admin, "/pending").await.success().expect("the token is right");
            let services = pending.as_object().expect("by service").values();
            let mut services = services.map(|value| serde_json::from_value::<Pending>(value.clone()).expect("pending"));
            if services.all(|service| service.is_quiet() && service.held == 0 && service.parked == 0) {
                return;
            }
            assert!(started.elapsed() < DEADLINE, "left over: {pending:#}");
        }
    }

    pub async fn admin(&self, path: &str) -> Answer {
        self.admin_at(self.ports.admin(), path).await
    }

    async fn admin_at(&self, port: u16, path: &str) -> Answer {
        let admin = Client::new(&local_url(port));
        let request = Request::get(admin.url(path)).header("authorization", format!("Bearer {ADMIN_TOKEN}"));
        admin.send(request.body(Bytes::new()).expect("a request")).await.expect("the admin listener answers")
    }

    /// The types of an order's events, live from the first to the end of the stream.
    pub fn follow(&self, id: &str) -> Vec<String> {
        let mut stream = TcpStream::connect(local(self.ports.gateway())).expect("the gateway listens");
        stream.set_read_timeout(Some(DEADLINE)).expect("a time-out");
        let request = format!("GET /orders/{id}/events HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("the gateway reads");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("the stream ends by itself");
        text.lines().filter_map(|line| line.strip_prefix("event: ")).map(str::to_owned).collect()
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn terminate(child: &mut Child) -> ExitStatus {
    let sent = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().expect("kill runs");
    assert!(sent.success(), "the process has ended before");
    child.wait().expect("it ends")
}

pub fn order(token: &str) -> Value {
    let mut order: Value = serde_json::from_str(wiring::seed::ORDER).expect("the banner's order is JSON");
    order["payment"]["token"] = json!(token);
    order
}

pub fn id(answer: &Answer) -> String {
    answer.json()["orderId"].as_str().expect("an order's id").to_owned()
}

/// A directory of its own, gone with the test.
pub struct Directory(PathBuf);

impl Directory {
    pub fn new() -> Self {
        let path = std::env::temp_dir().join(format!("millrace-{}", Clock::system().uuid()));
        std::fs::create_dir(&path).expect("a fresh directory");
        Self(path)
    }

    pub fn path(&self) -> &str {
        self.0.to_str().expect("a printable path")
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
