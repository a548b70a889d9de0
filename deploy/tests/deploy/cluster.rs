//! A Kubernetes of our own for a test: etcd, the API server, on wish its controllers, scheduler and pretended kubelets.
//! Only where `KUBE` says what `tools/get-kube` printed: `make test-kube`, `make test-rollout`.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::tools::{Folder, run};

/// Below the ports that a kernel gives to clients.
const PORTS: [u16; 3] = [23_790, 23_791, 23_792];
const TOKEN: &str = "nobody-else-reaches-this-server";
const PATIENCE: Duration = Duration::from_secs(60);
const NAMESPACE: &str = "millrace";

pub struct Cluster {
    programs: PathBuf,
    folder: Folder,
    running: Vec<Child>,
}

impl Cluster {
    /// With the kinds that k8s/ uses and its namespace. `None` where nothing says which programs to run.
    pub fn start() -> Option<Self> {
        let programs = PathBuf::from(std::env::var_os("KUBE")?);
        let mut cluster = Self { programs, folder: Folder::new("cluster"), running: Vec::new() };
        cluster.start_server();
        let definitions = cluster.programs.join("crds");
        cluster.kubectl(&["apply", "--server-side", "-f", &definitions.display().to_string()]);
        cluster.kubectl(&["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"]);
        let namespace = deploy::root().join("k8s/base/namespace.yaml");
        cluster.kubectl(&["apply", "-f", &namespace.display().to_string()]);
        Some(cluster)
    }

    fn start_server(&mut self) {
        let [etcd, peer, server] = PORTS;
        let (etcd, peer) = (format!("http://127.0.0.1:{etcd}"), format!("http://127.0.0.1:{peer}"));
        let client = ["--advertise-client-urls", &etcd, "--listen-client-urls", &etcd];
        self.spawn(
            "etcd",
            &[&["--listen-peer-urls", &peer, "--data-dir", "etcd.data", "--unsafe-no-fsync"], &client[..]].concat(),
        );
        run(Command::new("openssl").args(["genrsa", "-out", "accounts.key", "2048"]).current_dir(&self.folder.0))
            .unwrap_or_else(|told| panic!("{told}"));
        self.folder.write("tokens.csv", &format!("{TOKEN},operator,1,system:masters\n"));
        let port = server.to_string();
        let listen = [
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            "--secure-port",
            &port,
            "--cert-dir",
            "certificates",
        ];
        let accounts = [
            "--service-account-issuer=https://127.0.0.1",
            "--service-account-key-file=accounts.key",
            "--service-account-signing-key-file=accounts.key",
        ];
        let rest = [
            "--etcd-servers",
            &etcd,
            "--service-cluster-ip-range=10.96.0.0/16",
            "--authorization-mode=RBAC",
            // As clusters have it, so that it is for Pod Security to refuse.
            "--allow-privileged=true",
            "--token-auth-file=tokens.csv",
        ];
        self.spawn("kube-apiserver", &[&listen[..], &accounts, &rest].concat());
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{ "name": "test", "cluster": {
                "server": format!("https://127.0.0.1:{server}"), "insecure-skip-tls-verify": true } }],
            "users": [{ "name": "test", "user": { "token": TOKEN } }],
            "contexts": [{ "name": "test", "context": { "cluster": "test", "user": "test", "namespace": NAMESPACE } }],
        });
        self.folder.write("kubeconfig", &config.to_string());
        self.until("the API server is ready", |cluster| cluster.ask(&["get", "--raw", "/readyz"], "").is_ok());
    }

    /// Deployments get pods, pods get nodes, and those say that everything runs.
    pub fn start_controllers(&mut self) {
        let common = ["--kubeconfig=kubeconfig", "--leader-elect=false", "--secure-port=0"];
        // On a machine that is busy pretended nodes renew their leases late; their pods would be marked as not ready for good.
        let own = ["--service-account-private-key-file=accounts.key", "--node-monitor-grace-period=1h"];
        self.spawn("kube-controller-manager", &[&common[..], &own].concat());
        self.spawn("kube-scheduler", &common);
        let stages: Vec<String> = std::fs::read_dir(self.programs.join("stages"))
            .expect("get-kube has left stages")
            .map(|stage| format!("--config={}", stage.expect("an entry").path().display()))
            .collect();
        let stages: Vec<&str> = stages.iter().map(String::as_str).collect();
        self.spawn("kwok", &[&["--kubeconfig=kubeconfig", "--manage-all-nodes=true"], &stages[..]].concat());
    }

    fn spawn(&mut self, program: &str, args: &[&str]) {
        let log = File::create(self.folder.0.join(format!("{program}.log"))).expect("a log");
        let child = Command::new(self.programs.join(program))
            .args(args)
            .current_dir(&self.folder.0)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .spawn();
        self.running.push(child.unwrap_or_else(|error| panic!("{program}: {error}")));
    }

    /// What it printed, if the server had nothing to complain of; else that. Any client's request takes a while, so that
    /// asking again and again is no busy loop.
    pub fn ask(&self, args: &[&str], input: &str) -> Result<String, String> {
        self.folder.write("input", input);
        let input = File::open(self.folder.0.join("input")).expect("it was written");
        run(Command::new(self.programs.join("kubectl"))
            .arg(format!("--kubeconfig={}", self.folder.0.join("kubeconfig").display()))
            .arg("--warnings-as-errors")
            .args(args)
            .env("HOME", &self.folder.0)
            .stdin(input))
    }

    #[track_caller]
    pub fn kubectl(&self, args: &[&str]) -> String {
        self.ask(args, "").unwrap_or_else(|told| panic!("{args:?}: {told}\n{}", self.logs()))
    }

    /// As JSON.
    pub fn get(&self, args: &[&str]) -> Value {
        let text = self.kubectl(&[&["get", "-o", "json"], args].concat());
        serde_json::from_str(&text).expect("kubectl writes JSON")
    }

    /// Strictly: unknown fields and warnings are errors. `how`: `--dry-run=server` to have it checked only.
    pub fn apply(&self, documents: &[Value], how: &[&str]) -> Result<String, String> {
        let strict = ["apply", "--server-side", "--force-conflicts", "--validate=strict", "-f", "-"];
        self.ask(&[&strict, how].concat(), &deploy::yaml(documents))
    }

    pub fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let began = Instant::now();
        while !is_so(self) {
            assert!(began.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}\n{}", self.logs());
        }
    }

    fn logs(&self) -> String {
        let last = |program: &str| {
            let text = std::fs::read_to_string(self.folder.0.join(format!("{program}.log"))).unwrap_or_default();
            let lines: Vec<&str> = text.lines().rev().take(5).collect();
            format!("{program}:\n{}\n", lines.into_iter().rev().collect::<Vec<_>>().join("\n"))
        };
        ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok"].map(last).concat()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for child in self.running.iter_mut().rev() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
