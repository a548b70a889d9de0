//! A Redis' port for TLS, with a CA of its own that nobody else trusts.

use std::path::PathBuf;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use redis::TlsCertificates;

use super::machine::{Folder, free_port};

pub struct Tls {
    pub port: u16,
    folder: Folder,
}

impl Tls {
    pub fn made() -> Self {
        let (port, mut params) = (free_port(), CertificateParams::default());
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "a test's CA");
        let new_key = || KeyPair::generate().expect("a key");
        let (ca, key) = (CertifiedIssuer::self_signed(params, new_key()).expect("a CA"), new_key());
        let certificate = CertificateParams::new(["127.0.0.1".to_owned()]).expect("a name").signed_by(&key, &ca);
        let tls = Self { port, folder: Folder::new(&format!("tls-{port}")) };
        let certificate = certificate.expect("a certificate").pem();
        for (name, text) in [("ca-cert", ca.pem()), ("cert", certificate), ("key", key.serialize_pem())] {
            std::fs::write(tls.file(name), text).expect("a writable folder");
        }
        tls
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn ca(&self) -> PathBuf {
        self.file("ca-cert")
    }

    /// As on redis-server's command line.
    pub fn settings(&self) -> String {
        let file = |name| format!(" --tls-{name}-file {}", self.file(name).display());
        format!("--tls-auth-clients no --tls-port {}{}", self.port, ["ca-cert", "cert", "key"].map(file).concat())
    }

    pub fn trusted(&self) -> TlsCertificates {
        TlsCertificates { client_tls: None, root_cert: Some(std::fs::read(self.ca()).expect("it is there")) }
    }
}
