//! A redis-server of a test's own: on a free port, in a directory of its own, gone with the value.

use std::io::{BufRead, BufReader, ErrorKind};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};

use millrace::store::redis::{Durability, RedisStore};
use redis::{FromRedisValue, Value};

/// Keeps every commit.
pub const DURABLE: &str = "--appendonly yes --appendfsync always";

pub struct Server {
    process: Child,
    /// Held, or the server would die of a closed pipe when it logs.
    _log: BufReader<ChildStdout>,
    port: u16,
    directory: PathBuf,
    settings: Vec<String>,
}

impl Server {
    /// As its cluster calls it.
    pub fn id(&self) -> String {
        self.ask(&["CLUSTER", "MYID"])
    }

    /// Whether its answer to `words` has that line.
    pub fn says(&self, words: &[&str], line: &str) -> bool {
        self.ask::<String>(words).lines().any(|said| said == line)
    }

    /// `settings` as on the command line: `--maxmemory 10mb`.
    pub fn start(settings: &str) -> Self {
        let settings: Vec<String> = settings.split_whitespace().map(str::to_owned).collect();
        for _ in 0..100 {
            let port = next_port();
            let directory = std::env::temp_dir().join(format!("millrace-redis-{}-{port}", std::process::id()));
            std::fs::create_dir_all(&directory).expect("the temporary directory is writable");
            if let Some((process, log)) = spawn(port, &directory, &settings) {
                return Self { process, _log: log, port, directory, settings };
            }
        }
        panic!("redis-server starts on none of 100 ports");
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub async fn store(&self) -> RedisStore {
        RedisStore::connect(&self.url(), "test", Durability::Standard).await.expect("the server answers")
    }

    /// For what the store itself would never do.
    pub fn ask<T: FromRedisValue>(&self, words: &[&str]) -> T {
        let client = redis::Client::open(self.url()).expect("a valid address");
        let mut connection = client.get_connection().expect("the server answers");
        redis::cmd(words[0])
            .arg(&words[1..])
            .query(&mut connection)
            .unwrap_or_else(|error| panic!("{words:?}: {error}"))
    }

    pub fn command(&self, words: &[&str]) -> Value {
        self.ask(words)
    }

    pub fn kill(&mut self) {
        self.process.kill().expect("the server was running");
        self.process.wait().expect("it is our child");
    }

    pub fn restart(&mut self) {
        self.kill();
        (self.process, self._log) = spawn(self.port, &self.directory, &self.settings).expect("the port is still free");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        _ = self.process.kill();
        _ = self.process.wait();
        _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// Below the ports that systems give to outgoing connections, together with a cluster's bus 10,000 above.
pub fn next_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = std::process::id() as u16 % 27 * 100;
    20_000 + start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % 2_700
}

/// Returns when the server serves, or none when it ends instead, as it does on a taken port.
fn spawn(port: u16, directory: &PathBuf, settings: &[String]) -> Option<(Child, BufReader<ChildStdout>)> {
    let program = std::env::var("MILLRACE_REDIS_SERVER").unwrap_or_else(|_| "redis-server".to_owned());
    let started = Command::new(&program)
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--dir"])
        .arg(directory)
        .args(settings)
        .stdout(Stdio::piped())
        .spawn();
    let mut process = match started {
        Ok(process) => process,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            panic!(
                "these tests need {program}, which is not there: install Redis 7 or set MILLRACE_REDIS_SERVER to its path"
            )
        }
        Err(error) => panic!("{program}: {error}"),
    };
    let mut log = BufReader::new(process.stdout.take().expect("stdout is piped"));
    let mut line = String::new();
    while log.read_line(&mut line).is_ok_and(|read| read > 0) {
        if line.contains("Ready to accept connections") {
            return Some((process, log));
        }
        line.clear();
    }
    process.wait().expect("it is our child");
    None
}
