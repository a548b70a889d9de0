//! Whom to believe that it is Redis behind `rediss://`, and what to show to it.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use millrace::store::redis::addresses;
use redis::{ClientTlsConfig, ConnectionInfo, TlsCertificates};

use crate::secrets;

#[derive(clap::Args, Debug, Clone, Default)]
pub struct RedisTls {
    /// PEM file of the CA whose servers are believed behind rediss:// [default: the system's]
    #[arg(long, env = "MILLRACE_REDIS_CA", global = true, value_name = "FILE", hide_short_help = true)]
    pub redis_ca: Option<PathBuf>,
    /// PEM file of the certificate to show to Redis
    #[arg(long, env = "MILLRACE_REDIS_CERT", global = true, value_name = "FILE", hide_short_help = true)]
    #[arg(requires = "redis_key")]
    pub redis_cert: Option<PathBuf>,
    /// PEM file of that certificate's key
    #[arg(long, env = "MILLRACE_REDIS_KEY", global = true, value_name = "FILE", hide_short_help = true)]
    #[arg(requires = "redis_cert", value_parser = secrets::file())]
    pub redis_key: Option<PathBuf>,
}

impl RedisTls {
    /// The servers of `url`, to be reached by these certificates.
    pub fn servers(&self, url: &str) -> anyhow::Result<Vec<ConnectionInfo>> {
        let root_cert = self.redis_ca.as_deref().map(certificates).transpose()?;
        let pair = self.redis_cert.as_deref().zip(self.redis_key.as_deref());
        let pair = pair.map(|(certificate, key)| {
            anyhow::Ok(ClientTlsConfig { client_cert: certificates(certificate)?, client_key: read(key)? })
        });
        let tls = TlsCertificates { root_cert, client_tls: pair.transpose()? };
        Ok(addresses(url, Some(&tls))?)
    }
}

/// Of a file without any the driver would say nothing, and believe nobody.
fn certificates(path: &Path) -> anyhow::Result<Vec<u8>> {
    let pem = read(path)?;
    ensure!(String::from_utf8_lossy(&pem).contains("BEGIN CERTIFICATE"), "no certificate in {}", path.display());
    Ok(pem)
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}
