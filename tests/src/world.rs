//! The world as the shop reaches it in a test: the sandbox's own routers, called in process, with time-outs that count.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, Response};
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use millrace::clock::Clock;
use millrace::outside::{Mail, Outside, OutsideError};
use sandbox::carrier::{self, Carrier};
use sandbox::mailbox::Mailbox;
use sandbox::provider::{self, Provider};
use sandbox::{Callbacks, Environment, SECRET};
use tokio::runtime::Handle;
use tower::ServiceExt;

/// Longest body read in a test.
pub const BODY: usize = 1 << 22;

/// Everybody the shop deals with, each with books the judge reads.
pub struct Partners {
    pub sandpay: Provider,
    pub harborpay: Provider,
    pub carrier: Carrier,
    pub mailbox: Mailbox,
    /// What the partners still do of themselves: a charge that takes its time, a callback nobody has taken yet.
    busy: Arc<AtomicUsize>,
}

impl Partners {
    /// Their books in memory; they go on in the present runtime, whoever calls them from where.
    pub fn open(clock: &Clock, callbacks: Arc<dyn Callbacks>, delivery_delay: Duration) -> Self {
        let runtime = Handle::current();
        let busy = Arc::<AtomicUsize>::default();
        let counted = busy.clone();
        let spawn: sandbox::Spawn = Arc::new(move |task| {
            let counted = counted.clone();
            counted.fetch_add(1, SeqCst);
            runtime.spawn(task.map(move |()| counted.fetch_sub(1, SeqCst)));
        });
        let environment = Environment { clock: clock.clone(), callbacks, spawn };
        let key = || SECRET.parse().expect("the sandbox's secret is one");
        let open = |name| Provider::open(name, key(), None, environment.clone()).expect("memory opens");
        let carrier = Carrier::open("carrier", key(), delivery_delay, None, environment.clone());
        Self {
            sandpay: open("sandpay"),
            harborpay: open("harborpay"),
            carrier: carrier.expect("memory opens"),
            mailbox: Mailbox::open(None, clock.clone()).expect("memory opens"),
            busy,
        }
    }

    /// Whether a partner still books or tells; before that no judge may come.
    pub fn are_busy(&self) -> bool {
        self.busy.load(SeqCst) > 0
    }

    pub fn world(&self) -> World {
        let partners = vec![
            ("sandpay", provider::router(self.sandpay.clone())),
            ("harborpay", provider::router(self.harborpay.clone())),
            ("carrier", carrier::router(self.carrier.clone())),
        ];
        World { partners, mailbox: self.mailbox.clone() }
    }
}

/// Partners by the authority of their URL.
pub struct World {
    pub partners: Vec<(&'static str, Router)>,
    pub mailbox: Mailbox,
}

impl Outside for World {
    fn http(&self, request: Request<Bytes>, timeout: Duration) -> BoxFuture<'_, Result<Response<Bytes>, OutsideError>> {
        let authority = request.uri().authority().map(|authority| authority.as_str().to_owned()).unwrap_or_default();
        let router = self.partners.iter().find(|(name, _)| *name == authority).map(|(_, router)| router.clone());
        async move {
            let router = router.ok_or_else(|| OutsideError::Unreachable(format!("nobody is {authority}")))?;
            tokio::time::timeout(timeout, call(router, request.map(Body::from)))
                .await
                .map_err(|_| OutsideError::Timeout)
        }
        .boxed()
    }

    fn mail(&self, mail: Mail) -> BoxFuture<'_, Result<(), OutsideError>> {
        async move {
            let Mail { message_id, to, subject, body } = mail;
            let text =
                format!("Message-ID: {message_id}\r\nFrom: shop\r\nTo: {to}\r\nSubject: {subject}\r\n\r\n{body}");
            self.mailbox.receive(text.as_bytes()).await.map_err(|error| OutsideError::Unreachable(error.to_string()))
        }
        .boxed()
    }
}

/// One call of a router, the whole answer.
pub async fn call(router: Router, request: Request<Body>) -> Response<Bytes> {
    let Ok(response) = router.oneshot(request).await;
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, BODY).await.unwrap_or_default();
    Response::from_parts(parts, body)
}

/// The shop's public door, which closes while the gateway is down.
#[derive(Clone, Default)]
pub struct Door(Arc<Mutex<Gateways>>);

/// By replica; whose turn it is.
#[derive(Default)]
struct Gateways(BTreeMap<usize, Router>, usize);

impl Door {
    pub fn open(&self, replica: usize, router: Router) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0.insert(replica, router);
    }

    pub fn close(&self, replica: usize) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0.remove(&replica);
    }

    /// The next replica's, in turn.
    fn next(&self) -> Option<Router> {
        let mut gateways = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        gateways.1 += 1;
        let turn = gateways.1 % gateways.0.len().max(1);
        gateways.0.values().nth(turn).cloned()
    }

    /// `None` when nobody answers.
    pub async fn call(&self, request: Request<Body>) -> Option<Response<Bytes>> {
        Some(call(self.next()?, request).await)
    }
}

impl Callbacks for Door {
    fn post(&self, path: &str, headers: HeaderMap, body: Bytes) -> BoxFuture<'static, Result<u16, ()>> {
        let (door, path) = (self.clone(), path.to_owned());
        async move {
            let mut request = Request::post(path).body(Body::from(body)).map_err(drop)?;
            *request.headers_mut() = headers;
            door.call(request).await.map(|response| response.status().as_u16()).ok_or(())
        }
        .boxed()
    }
}
