//! The overlay for Kafka before a real one that asks for TLS and SCRAM, by a real daprd that is given the rendered components.
//! Only where `KAFKA` says what `tools/get-kafka` printed: `make test-kafka`.

use std::fs::File;
use std::process::{Command, ExitStatus};
use std::time::Duration;

use axum::http::StatusCode;
use host::client::Client;
use tokio::time::Instant;

use crate::manifests::secrets;
use crate::tools::{Folder, run};
use crate::users::{Running, daprd, publish, ready, secret};

const PATIENCE: Duration = Duration::from_secs(60);
/// Kafka's for clients, for itself, for its controller; then daprd's four.
const PORTS: [u16; 7] = [23_710, 23_711, 23_712, 23_713, 23_714, 23_715, 23_716];

fn java(jars: &str) -> Command {
    let mut java = Command::new("java");
    java.args(["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-Xmx512m", "-cp", &format!("{jars}/*")]);
    java
}

/// A key, and a certificate that it signs itself: `<name>.key`, `<name>.pem`.
fn certificate(folder: &Folder, name: &str) -> String {
    let (key, certificate) = (format!("{name}.key"), format!("{name}.pem"));
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=kafka"]);
    openssl.args(["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", &key, "-out", &certificate]);
    run(openssl.current_dir(&folder.0)).unwrap_or_else(|told| panic!("{told}"));
    std::fs::read_to_string(folder.0.join(certificate)).expect("it was made")
}

/// With one user and all topics.
fn kafka(folder: &Folder, jars: &str, user: &str, password: &str) -> Running {
    let certificate = certificate(folder, "kafka");
    let key = std::fs::read_to_string(folder.0.join("kafka.key")).expect("it was made");
    folder.write("keystore.pem", &(key + &certificate));
    let [clients, own, controller, ..] = PORTS;
    let listeners = format!("CLIENTS://127.0.0.1:{clients},OWN://127.0.0.1:{own},CONTROLLER://127.0.0.1:{controller}");
    folder.write(
        "server.properties",
        &format!(
            "process.roles=broker,controller\nnode.id=1\ncontroller.quorum.bootstrap.servers=127.0.0.1:{controller}\n\
             listeners={listeners}\nadvertised.listeners={listeners}\n\
             listener.security.protocol.map=CLIENTS:SASL_SSL,OWN:PLAINTEXT,CONTROLLER:PLAINTEXT\n\
             controller.listener.names=CONTROLLER\ninter.broker.listener.name=OWN\n\
             sasl.enabled.mechanisms=SCRAM-SHA-512\nlistener.name.clients.scram-sha-512.sasl.jaas.config=\
             org.apache.kafka.common.security.scram.ScramLoginModule required;\n\
             ssl.keystore.type=PEM\nssl.keystore.location=keystore.pem\n\
             log.dirs=log\nauto.create.topics.enable=false\noffsets.topic.num.partitions=1\n\
             offsets.topic.replication.factor=1\ntransaction.state.log.replication.factor=1\n\
             transaction.state.log.min.isr=1\n"
        ),
    );
    let admitted = format!("SCRAM-SHA-512=[name={user},password={password}]");
    let format = ["kafka.tools.StorageTool", "format", "--standalone", "-t", "MkU3OEVBNTcwNTJENDM2Qg"];
    run(java(jars).args(format).args(["-c", "server.properties", "--add-scram", &admitted]).current_dir(&folder.0))
        .unwrap_or_else(|told| panic!("{told}"));
    let running = Running::start(java(jars).args(["kafka.Kafka", "server.properties"]).current_dir(&folder.0));
    let topics = File::open(deploy::root().join("components/kafka/topics.txt")).expect("it is there");
    let tool = deploy::root().join("tools/kafka/Topics.java");
    run(java(jars).arg(tool).args(["create", &format!("127.0.0.1:{own}")]).stdin(topics))
        .unwrap_or_else(|told| panic!("{told}"));
    running
}

fn ended(mut daprd: Running) -> ExitStatus {
    let began = Instant::now();
    loop {
        match daprd.0.try_wait().expect("it is ours") {
            Some(status) => return status,
            None => assert!(began.elapsed() < PATIENCE, "it was let in"),
        }
        std::thread::yield_now();
    }
}

#[tokio::test]
async fn each_sidecar_reaches_kafka_by_its_own_user_and_by_nothing_less() {
    let Ok(jars) = std::env::var("KAFKA") else { return };
    let (folder, secrets) = (Folder::new("kafka"), secrets(None));
    let orders = |key: &str| secret(&secrets, "orders-kafka", key);
    let _kafka = kafka(&folder, &jars, &orders("username"), &orders("password"));
    let [clients, _, _, own @ ..] = PORTS;
    let sound = std::fs::read_to_string(folder.0.join("kafka.pem")).expect("it was made");
    let start = |password: String, authority: &str| {
        let given = [
            ("KAFKA_BROKERS", format!("127.0.0.1:{clients}")),
            ("KAFKA_CA", authority.to_owned()),
            ("KAFKA_USERNAME", orders("username")),
            ("KAFKA_PASSWORD", password),
        ];
        daprd(&folder, "production-kafka", "orders", own, &given)
    };
    let admitted = start(orders("password"), &sound);
    let sidecar = Client::new(&format!("http://127.0.0.1:{}", own[0]));
    ready(&sidecar).await;
    assert_eq!(publish(&sidecar, "orders.order").await, StatusCode::NO_CONTENT);
    assert_eq!(publish(&sidecar, "payment").await, StatusCode::FORBIDDEN);
    println!("orders by its user: published; to another's topic: refused");
    drop(admitted);
    assert!(!ended(start(secret(&secrets, "payment-kafka", "password"), &sound)).success(), "another's password");
    println!("another's password: the sidecar does not start");
    assert!(!ended(start(orders("password"), &certificate(&folder, "other"))).success(), "another authority's broker");
    println!("a broker of another authority: the sidecar does not start");
}
