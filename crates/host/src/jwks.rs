//! Where the keys of the issuer of tokens come from: a file, or the address at which it publishes them. Whoever answers
//! there could let anybody in, so it is asked over TLS; and strangers, who can name keys that nobody has, must not decide
//! how often.

use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, ensure};
use axum::http::{Request, Uri};
use bytes::Bytes;
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use millrace::outside::exchange;
use tokio::time::Instant;

use crate::secrets::read_file;

/// When nobody has shown a token of a key that is not known: how long a key that was withdrawn is still good.
const EVERY: Duration = Duration::from_secs(5 * 60);
const TIMEOUT: Duration = Duration::from_secs(3);

#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    File(PathBuf),
    Url(Uri),
}

impl FromStr for Source {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if !["http://", "https://"].iter().any(|scheme| text.starts_with(scheme)) {
            return Ok(Self::File(text.into()));
        }
        let url: Uri = text.parse().map_err(|error| format!("no URL: {error}"))?;
        let host = url.host().unwrap_or_default().trim_matches(['[', ']']);
        let is_local = host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
        if url.scheme_str() == Some("http") && !is_local {
            return Err("keys that come without TLS could be anybody's: use https".to_owned());
        }
        Ok(Self::Url(url))
    }
}

/// As a setting: a file is read, to see that there is something in it.
pub fn source(text: &str) -> Result<Source, String> {
    let source: Source = text.parse()?;
    if let Source::File(path) = &source {
        read_file(path)?;
    }
    Ok(source)
}

/// Who publishes its keys.
pub struct Issuer {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    url: Uri,
    asked: Option<Instant>,
}

impl Issuer {
    pub fn at(url: &Uri) -> anyhow::Result<Self> {
        let roots = "the system trusts no CA: install its certificates, or name a file of them by SSL_CERT_FILE";
        let connector = HttpsConnectorBuilder::new().with_native_roots().context(roots)?;
        let client = Client::builder(TokioExecutor::new()).build(connector.https_or_http().enable_http1().build());
        Ok(Self { client, url: url.clone(), asked: None })
    }

    /// What it says now, when it is time to look: `wanted`, or not done for long. A redirect is not followed.
    pub async fn keys_when_due(&mut self, wanted: bool) -> anyhow::Result<Option<String>> {
        if !wanted && self.asked.is_some_and(|asked| asked.elapsed() < EVERY) {
            return Ok(None);
        }
        self.asked = Some(Instant::now());
        let request = Request::get(self.url.clone()).body(Bytes::new())?;
        let answer = exchange(&self.client, request, TIMEOUT).await.with_context(|| self.url.to_string())?;
        ensure!(answer.status() == 200, "{} answers {}", self.url, answer.status());
        Ok(Some(String::from_utf8(answer.into_body().into()).with_context(|| self.url.to_string())?))
    }
}
