//! What lies between the services, and between them and the world, with everything that may go wrong there: a sidecar for
//! each replica that loses, doubles, delays and reorders, and partners that are away.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderMap, Method, Request, Response};
use bytes::Bytes;
use futures::future::{BoxFuture, join_all, pending};
use futures::{FutureExt, join};
use millrace::Service;
use millrace::outside::{Mail, Outside, OutsideError};
use millrace::sidecar::embedded::Receiver;
use millrace::sidecar::{Sidecar, SidecarError, Status};
use sandbox::Callbacks;

use crate::chaos::{Chaos, Point, Rate, Trouble};
use crate::forged::Forged;
use crate::world::{Door, World};

/// Longest delay of a delivery, and of a publish's answer.
const DELAY: Duration = Duration::from_secs(5);
/// How often whoever waits for a spell to end looks again.
const LOOK: Duration = Duration::from_millis(100);
/// Entries of a delivery when a topic is replayed as a whole.
const REPLAYED: usize = 100;

/// The sidecar of one replica.
pub struct FaultySidecar {
    pub bus: Arc<dyn Sidecar>,
    pub chaos: Arc<Chaos>,
    pub forged: Arc<Forged>,
    pub service: &'static str,
    pub replica: usize,
}

impl FaultySidecar {
    async fn hand_over(&self, topic: &str, event: Bytes) -> Result<(), SidecarError> {
        let error = |why: &str| Err(SidecarError(why.to_owned()));
        let (chaos, who) = (&self.chaos, self.service);
        let publishing = chaos.watch.publishes(self.replica, &event);
        let taken = || publishing.iter().for_each(|publishing| publishing.taken());
        if chaos.hits(Rate::PublishSlow) {
            chaos.clock.sleep(chaos.some_time(DELAY)).await;
        }
        if chaos.suffers(Trouble::SidecarDown, who) || chaos.hits(Rate::PublishFails) {
            chaos.tell(who, format_args!("can't publish to {topic}"));
            return error("connection refused");
        }
        taken();
        if chaos.suffers(Trouble::PublishSwallowed, who) {
            chaos.tell(who, format_args!("publishes to {topic}, and the broker forgets it"));
            return Ok(());
        }
        chaos.tell(who, format_args!("publishes to {topic}"));
        chaos.remember(topic, &event);
        self.bus.publish(topic, event).await?;
        if chaos.suffers(Trouble::PublishTimesOut, who) || chaos.hits(Rate::PublishTimesOut) {
            return error("deadline exceeded");
        }
        Ok(())
    }
}

impl Sidecar for FaultySidecar {
    fn publish(&self, topic: &str, event: Bytes) -> BoxFuture<'_, Result<(), SidecarError>> {
        let topic = topic.to_owned();
        async move { self.hand_over(&topic, event).await }.boxed()
    }

    fn invoke(&self, service: &str, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, SidecarError>> {
        let callee = crate::shop::SERVICES.iter().copied().find(|name| *name == service).unwrap_or_default();
        let is_down = [self.service, callee].iter().any(|who| self.chaos.suffers(Trouble::SidecarDown, who));
        if is_down || self.chaos.hits(Rate::InvokeFails) {
            return futures::future::ready(Err(SidecarError("connection refused".to_owned()))).boxed();
        }
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned();
        let answer = self.bus.invoke(service, request);
        async move { self.forged.answer(&path, answer.await?) }.boxed()
    }
}

/// A replica as its sidecar delivers to it.
#[derive(Clone)]
pub struct Heard {
    pub service: Service,
    pub chaos: Arc<Chaos>,
}

impl Receiver for Heard {
    fn name(&self) -> &'static str {
        self.service.name()
    }

    fn topics(&self) -> Vec<&'static str> {
        self.service.topics().to_vec()
    }

    fn router(&self) -> Router {
        self.service.router(None)
    }

    fn deliver(&self, topic: &str, batch: Vec<Bytes>) -> BoxFuture<'_, Vec<Status>> {
        let topic = topic.to_owned();
        async move { self.bring(&topic, batch).await }.boxed()
    }
}

impl Heard {
    async fn bring(&self, topic: &str, batch: Vec<Bytes>) -> Vec<Status> {
        let (chaos, count) = (&self.chaos, batch.len());
        while chaos.suffers(Trouble::SidecarDown, self.name()) {
            chaos.clock.sleep(LOOK).await;
        }
        chaos.tell(self.name(), format_args!("is brought {count} of {topic}"));
        if chaos.hits(Rate::DelayBatch) {
            self.bring_later(topic, batch);
            return vec![Status::Success; count];
        }
        let mut entries = Vec::with_capacity(count);
        for entry in batch {
            if chaos.hits(Rate::Duplicate) {
                let copies = 1 + chaos.clock.random() as usize % 5;
                entries.extend(std::iter::repeat_n(entry.clone(), copies));
            }
            if chaos.hits(Rate::Delay) {
                self.bring_later(topic, vec![entry]);
            } else if !chaos.hits(Rate::Drop) {
                entries.push(entry);
            }
        }
        if entries.len() > 1 && chaos.hits(Rate::Shuffle) {
            for n in (1..entries.len()).rev() {
                entries.swap(n, chaos.clock.random() as usize % (n + 1));
            }
        }
        let statuses = if chaos.hits(Rate::Twice) {
            join!(self.service.deliver(topic, entries.clone()), self.service.deliver(topic, entries)).0
        } else {
            self.service.deliver(topic, entries).await
        };
        // One answer for all: an entry asked for again brings its batch with it, which harms nobody.
        let again = statuses.iter().any(|status| *status != Status::Success);
        vec![if again { Status::Retry } else { Status::Success }; count]
    }

    fn bring_later(&self, topic: &str, entries: Vec<Bytes>) {
        let (heard, topic) = (self.clone(), topic.to_owned());
        tokio::spawn(async move {
            heard.chaos.clock.sleep(heard.chaos.some_time(DELAY)).await;
            heard.service.deliver(&topic, entries).await;
        });
    }

    /// As to a consumer group that is new to the broker: every topic from its beginning.
    pub async fn bring_all_again(&self) {
        join_all(self.service.topics().iter().map(|topic| async move {
            for batch in self.chaos.published(topic).chunks(REPLAYED) {
                self.service.deliver(topic, batch.to_vec()).await;
            }
        }))
        .await;
    }
}

/// Until a call that found nobody is made again. Providers call for days: the sandbox's calls end sooner than a shop may be
/// closed here, and what was declined first and captured later is told by nothing else.
const CALL_AGAIN: Duration = Duration::from_secs(5);

/// The partners' way to the shop's door.
pub struct FaultyCallbacks {
    pub door: Door,
    pub chaos: Arc<Chaos>,
}

impl Callbacks for FaultyCallbacks {
    fn post(&self, path: &str, headers: HeaderMap, body: Bytes) -> BoxFuture<'static, Result<u16, ()>> {
        let (door, chaos, path) = (self.door.clone(), self.chaos.clone(), path.to_owned());
        async move {
            loop {
                let answer = door.post(&path, headers.clone(), body.clone()).await;
                chaos.tell("partner", format_args!("calls {path} and is answered {answer:?}"));
                if answer == Ok(503) {
                    chaos.seen.count("callback asked for again");
                }
                if answer.is_ok() {
                    return answer;
                }
                chaos.clock.sleep(CALL_AGAIN).await;
            }
        }
        .boxed()
    }
}

/// The world as one service reaches it.
pub struct FaultyWorld {
    pub world: Arc<World>,
    pub chaos: Arc<Chaos>,
    pub service: &'static str,
    pub replica: usize,
}

impl FaultyWorld {
    fn is_away(&self, partner: &str) -> bool {
        let partner = PARTNERS.into_iter().find(|name| *name == partner);
        partner.is_some_and(|partner| self.chaos.suffers(Trouble::PartnerDown, partner))
    }

    fn crashes(&self) -> bool {
        self.chaos.crashes(Point::InCall, self.service, self.replica)
    }
}

/// Everybody who may be away.
pub const PARTNERS: [&str; 4] = ["sandpay", "harborpay", "carrier", "mailbox"];

impl Outside for FaultyWorld {
    fn http(&self, request: Request<Bytes>, timeout: Duration) -> BoxFuture<'_, Result<Response<Bytes>, OutsideError>> {
        async move {
            let partner = request.uri().authority().map(|authority| authority.as_str().to_owned()).unwrap_or_default();
            let acts = request.method() == Method::POST;
            let reference = match request.headers().get("idempotency-key") {
                Some(key) if acts => key.to_str().unwrap_or_default().to_owned(),
                _ => request
                    .uri()
                    .query()
                    .and_then(|query| query.strip_prefix("reference="))
                    .unwrap_or_default()
                    .to_owned(),
            };
            if acts {
                self.chaos.watch.calls(&reference, false);
            }
            let verb = if acts { "asks for" } else { "asks after" };
            self.chaos.tell(self.service, format_args!("{verb} {reference} at {partner}"));
            if self.is_away(&partner) {
                self.chaos.clock.sleep(timeout).await;
                return Err(OutsideError::Timeout);
            }
            let answer = self.world.http(request, timeout).await;
            if !acts && answer.as_ref().is_ok_and(|answer| answer.status().is_success()) {
                self.chaos.watch.calls(&reference, true);
            }
            if self.crashes() { pending().await } else { answer }
        }
        .boxed()
    }

    fn mail(&self, mail: Mail) -> BoxFuture<'_, Result<(), OutsideError>> {
        async move {
            self.chaos.tell(self.service, format_args!("mails {}", mail.message_id));
            self.chaos.watch.leaves(&mail.message_id);
            if self.is_away("mailbox") {
                return Err(OutsideError::Unreachable("nobody answers".to_owned()));
            }
            let outcome = self.world.mail(mail).await;
            if self.crashes() { pending().await } else { outcome }
        }
        .boxed()
    }
}
