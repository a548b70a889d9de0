//! The seam to the world: HTTP to partners, mail. Calls happen in effects only.

use std::error::Error;
use std::iter::successors;
use std::time::Duration;

use axum::http::{Request, Response};
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connect, HttpConnector};
use hyper_util::rt::TokioExecutor;

/// Longest answer read from a partner.
const ANSWER_BYTES: usize = 1 << 20;

pub trait Outside: Send + Sync + 'static {
    /// One HTTP exchange with an absolute URI. An error leaves open whether the other side acted.
    fn http(&self, request: Request<Bytes>, timeout: Duration) -> BoxFuture<'_, Result<Response<Bytes>, OutsideError>>;

    /// Hands a mail to the relay. An error leaves open whether it was taken; the Message-ID tells.
    fn mail(&self, mail: Mail) -> BoxFuture<'_, Result<(), OutsideError>>;
}

#[derive(Debug, Clone)]
pub struct Mail {
    pub message_id: String,
    pub to: String,
    pub subject: String,
    pub body: String,
}

#[derive(Debug, Clone, thiserror::Error)]
pub enum OutsideError {
    #[error("no answer in time")]
    Timeout,
    #[error("not reached: {0}")]
    Unreachable(String),
}

/// Plain HTTP/1.1 with keep-alive, and SMTP.
pub struct Network {
    client: Client<HttpConnector, Full<Bytes>>,
    smtp: lettre::AsyncSmtpTransport<lettre::Tokio1Executor>,
    sender: String,
}

impl Network {
    /// `smtp` is `host:port` of a relay on a trusted network; `sender` the address mails come from.
    pub fn new(smtp: &str, sender: &str) -> Self {
        let (host, port) = smtp.rsplit_once(':').unwrap_or((smtp, "25"));
        let relay = lettre::AsyncSmtpTransport::<lettre::Tokio1Executor>::builder_dangerous(host)
            .port(port.parse().unwrap_or(25));
        Self {
            client: http_client(),
            smtp: relay.timeout(Some(Duration::from_secs(5))).build(),
            sender: sender.to_owned(),
        }
    }
}

/// A client for HTTP on this machine or a trusted network.
pub fn http_client() -> Client<HttpConnector, Full<Bytes>> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(Duration::from_secs(2)));
    Client::builder(TokioExecutor::new()).pool_idle_timeout(Duration::from_secs(30)).build(connector)
}

/// Sends and reads the whole answer, at most a mebibyte.
pub async fn exchange<C: Connect + Clone + Send + Sync + 'static>(
    client: &Client<C, Full<Bytes>>,
    request: Request<Bytes>,
    timeout: Duration,
) -> Result<Response<Bytes>, OutsideError> {
    let call = async {
        let response =
            client.request(request.map(Full::new)).await.map_err(|error| OutsideError::Unreachable(reasons(&error)))?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, ANSWER_BYTES)
            .collect()
            .await
            .map_err(|error| OutsideError::Unreachable(error.to_string()))?;
        Ok(Response::from_parts(parts, body.to_bytes()))
    };
    tokio::time::timeout(timeout, call).await.unwrap_or(Err(OutsideError::Timeout))
}

/// The client's own words are only that there is no connection.
fn reasons(error: &(dyn Error + 'static)) -> String {
    let all = successors(Some(error), |error| (*error).source()).map(ToString::to_string);
    all.collect::<Vec<_>>().join(": ")
}

impl Outside for Network {
    fn http(&self, request: Request<Bytes>, timeout: Duration) -> BoxFuture<'_, Result<Response<Bytes>, OutsideError>> {
        exchange(&self.client, request, timeout).boxed()
    }

    fn mail(&self, mail: Mail) -> BoxFuture<'_, Result<(), OutsideError>> {
        async move {
            use lettre::AsyncTransport;
            let unreachable = |error: &dyn std::fmt::Display| OutsideError::Unreachable(error.to_string());
            let message = lettre::Message::builder()
                .message_id(Some(mail.message_id))
                .from(self.sender.parse().map_err(|error| unreachable(&error))?)
                .to(mail.to.parse().map_err(|error| unreachable(&error))?)
                .subject(mail.subject)
                .body(mail.body)
                .map_err(|error| unreachable(&error))?;
            self.smtp.send(message).await.map(drop).map_err(|error| unreachable(&error))
        }
        .boxed()
    }
}
