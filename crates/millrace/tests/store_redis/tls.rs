//! Redis behind TLS: who is believed to be it, and what is told where the two ends do not agree.

use std::path::PathBuf;
use std::sync::Arc;

use ::redis::{ClientTlsConfig, TlsCertificates};
use millrace::store::redis::{Durability, RedisStore, addresses};
use millrace::store::*;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use super::cluster::eventually;
use super::server::{Server, next_port};
use super::suite::{Subject, open};
use super::{everything, partition, placed};

fn key() -> KeyPair {
    KeyPair::generate().expect("a key")
}

/// A CA of one test's own.
struct Ca(CertifiedIssuer<'static, KeyPair>);

impl Ca {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "a test's CA");
        Self(CertifiedIssuer::self_signed(params, key()).expect("a CA"))
    }

    /// Certificate and key for `name`, a host's or an address.
    fn signed(&self, name: &str) -> (String, String) {
        let (params, key) = (CertificateParams::new([name.to_owned()]).expect("a name"), key());
        (params.signed_by(&key, &self.0).expect("a certificate").pem(), key.serialize_pem())
    }

    fn trusted(&self) -> TlsCertificates {
        TlsCertificates { client_tls: None, root_cert: Some(self.0.pem().into()) }
    }
}

/// A server that has a second port, for TLS.
struct Guarded {
    server: Server,
    ca: Ca,
    port: u16,
    folder: PathBuf,
}

impl Guarded {
    fn start(settings: &str) -> Self {
        let is_free = |port: &u16| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok();
        let port = std::iter::repeat_with(next_port).find(is_free).expect("one is free");
        let folder = std::env::temp_dir().join(format!("millrace-tls-{}-{port}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("the temporary directory is writable");
        let ca = Ca::new();
        let (certificate, key) = ca.signed("127.0.0.1");
        let mut settings = format!("{settings} --tls-port {port} --tls-auth-clients no");
        for (name, text) in [("ca-cert", &ca.0.pem()), ("cert", &certificate), ("key", &key)] {
            let path = folder.join(name);
            std::fs::write(&path, text).expect("the directory is writable");
            settings += &format!(" --tls-{name}-file {}", path.display());
        }
        Self { server: Server::start(&settings), ca, port, folder }
    }

    async fn store(&self, host: &str, tls: &TlsCertificates) -> Result<RedisStore, StoreError> {
        let servers = addresses(&format!("rediss://{host}:{}", self.port), Some(tls))?;
        RedisStore::at(servers, "test", Durability::Standard).await
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        _ = std::fs::remove_dir_all(&self.folder);
    }
}

async fn real() -> Subject {
    let guarded = Guarded::start("");
    let store = guarded.store("127.0.0.1", &guarded.ca.trusted()).await.expect("it is trusted");
    Subject::new(Arc::new(store), partition(), None, guarded).await
}

mod by_tls {
    contract!(super::real);
}

async fn works(store: RedisStore) {
    let epoch = open(&store, &partition()).await;
    store.commit(&partition(), &epoch, &[placed(1, 0)]).await.expect("commits");
    assert!(matches!(&everything(&store).await[0], Answer::Heads(heads) if heads.len() == 1));
}

fn refusal(connected: Result<RedisStore, StoreError>) -> String {
    connected.map(|_| ()).expect_err("it must be refused").to_string()
}

#[tokio::test]
async fn a_server_is_believed_by_its_ca_and_its_name_alone() {
    let guarded = Guarded::start("");
    works(guarded.store("127.0.0.1", &guarded.ca.trusted()).await.expect("it is trusted")).await;
    let system = TlsCertificates { client_tls: None, root_cert: None };
    for (host, tls) in
        [("127.0.0.1", &Ca::new().trusted()), ("127.0.0.1", &system), ("localhost", &guarded.ca.trusted())]
    {
        let told = refusal(guarded.store(host, tls).await);
        assert!(told.contains("its certificate is not trusted: name the CA"), "{host}: {told}");
    }
}

#[tokio::test]
async fn two_ends_of_which_one_speaks_tls_are_told_so() {
    let guarded = Guarded::start("");
    let to = async |url: String| {
        let servers = addresses(&url, Some(&guarded.ca.trusted())).expect("an address");
        refusal(RedisStore::at(servers, "test", Durability::Standard).await)
    };
    let told = to(format!("redis://127.0.0.1:{}", guarded.port)).await;
    assert!(told.contains("if that is its TLS port, use rediss://"), "{told}");
    let told = to(format!("rediss://127.0.0.1:{}", guarded.server.port())).await;
    assert!(told.contains("is it its TLS port? Without TLS use redis://"), "{told}");
}

#[tokio::test]
async fn a_server_that_asks_for_a_certificate_gets_it() {
    let guarded = Guarded::start("");
    guarded.server.command(&["CONFIG", "SET", "tls-auth-clients", "yes"]);
    let mut tls = guarded.ca.trusted();
    let told = refusal(guarded.store("127.0.0.1", &tls).await);
    assert!(told.contains("give it a client certificate that it trusts"), "{told}");
    let (certificate, key) = guarded.ca.signed("orders");
    tls.client_tls = Some(ClientTlsConfig { client_cert: certificate.into(), client_key: key.into() });
    works(guarded.store("127.0.0.1", &tls).await.expect("it knows us")).await;
}

#[tokio::test]
async fn a_clusters_nodes_are_reached_by_tls_where_the_first_is() {
    let guarded = Guarded::start("--cluster-enabled yes --tls-cluster yes");
    guarded.server.command(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
    let ready = || guarded.server.ask::<String>(&["CLUSTER", "INFO"]).contains("cluster_state:ok");
    eventually("it serves all slots", ready).await;
    guarded.server.command(&["CONFIG", "SET", "port", "0"]);
    works(guarded.store("127.0.0.1", &guarded.ca.trusted()).await.expect("there is no other way to it")).await;
}
