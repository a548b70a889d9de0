//! The sidecar seam in one process: the contract of Dapr's bulk subscribe (batches, at least once, per-entry statuses,
//! retry policy, dead-letter topic, one group an app id) on queues in memory. It keeps nothing: the feeds are durable, and
//! whatever a restart takes from the queues is healed from them. Faults can be set, so that the same code is tried on a
//! bus that loses, doubles, delays and reorders.

mod faults;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::Notify;
use tower::ServiceExt;

pub use self::faults::Faults;
use super::{Sidecar, SidecarError, Status, dead_letters};
use crate::clock::Clock;
use crate::seams::Tasks;

/// Entries of one delivery.
const BATCH: usize = 100;
/// Entries a subscription keeps; what comes beyond it is left to healing.
const QUEUE: usize = 100_000;
/// The inbound retry policy of `components/`: doubling from the first pause to the last, so many times.
const RETRIES: u32 = 10;
const RETRY_PAUSE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(2));
/// Longest answer of an invoked service.
const ANSWER_BYTES: usize = 64 << 20;

#[derive(Clone)]
pub struct Bus(Arc<Inner>);

struct Inner {
    clock: Clock,
    tasks: Tasks,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    faults: Faults,
    hits: Faults,
    /// By app id, then replica.
    apps: BTreeMap<&'static str, BTreeMap<usize, Attached>>,
    /// By topic, then app id; outlives the app, as a consumer group does.
    subscriptions: BTreeMap<String, BTreeMap<&'static str, Arc<Subscription>>>,
    /// (topic, app id, replica) that have a task which delivers.
    delivering: BTreeSet<(String, &'static str, usize)>,
}

/// The app beside a sidecar.
pub trait Receiver: Send + Sync + 'static {
    /// Its app id.
    fn name(&self) -> &'static str;

    fn topics(&self) -> Vec<&'static str>;

    /// What others invoke.
    fn router(&self) -> Router;

    /// One status an entry.
    fn deliver(&self, topic: &str, batch: Vec<Bytes>) -> BoxFuture<'_, Vec<Status>>;
}

#[derive(Clone)]
struct Attached {
    app: Arc<dyn Receiver>,
    router: Router,
}

#[derive(Default)]
struct Subscription {
    queue: Mutex<VecDeque<Bytes>>,
    ready: Notify,
}

impl Bus {
    pub fn new(clock: Clock) -> Self {
        Self(Arc::new(Inner { clock, tasks: Tasks::default(), state: Mutex::default() }))
    }

    pub fn set_faults(&self, faults: Faults) {
        self.state().faults = faults;
    }

    /// How many entries each fault has met.
    pub fn hits(&self) -> Faults {
        self.state().hits
    }

    /// Connects an app: its subscriptions start (or go on) and others can invoke it.
    pub fn attach(&self, app: &(impl Receiver + Clone)) {
        self.attach_replica(app, 0);
    }

    /// As [`Bus::attach`], for one of several replicas of an app id: each entry goes to one of them, so does a call.
    pub fn attach_replica(&self, app: &(impl Receiver + Clone), replica: usize) {
        let name = app.name();
        let attached = Attached { app: Arc::new(app.clone()), router: app.router() };
        self.state().apps.entry(name).or_default().insert(replica, attached);
        for topic in app.topics() {
            self.subscribe(topic, name, replica);
            self.subscribe(&dead_letters(topic, name), name, replica);
        }
    }

    /// As if the app's process had ended: entries wait, invocations fail.
    pub fn detach(&self, name: &str) {
        self.detach_replica(name, 0);
    }

    /// As [`Bus::detach`]; the other replicas go on.
    pub fn detach_replica(&self, name: &str, replica: usize) {
        if let Some(replicas) = self.state().apps.get_mut(name) {
            replicas.remove(&replica);
        }
    }

    /// Entries that wait for delivery.
    pub fn backlog(&self) -> usize {
        let state = self.state();
        state.subscriptions.values().flat_map(BTreeMap::values).map(|subscription| subscription.queue().len()).sum()
    }

    /// Drops every entry that waits for delivery, as a wiped broker does.
    pub fn wipe(&self) {
        self.state()
            .subscriptions
            .values()
            .flat_map(BTreeMap::values)
            .for_each(|subscription| subscription.queue().clear());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn subscribe(&self, topic: &str, name: &'static str, replica: usize) {
        let mut state = self.state();
        let subscription = state.subscriptions.entry(topic.to_owned()).or_default().entry(name).or_default().clone();
        let is_new = state.delivering.insert((topic.to_owned(), name, replica));
        drop(state);
        if is_new {
            self.0.tasks.spawn(self.clone().deliver(topic.to_owned(), name, replica, subscription));
        } else {
            subscription.ready.notify_waiters();
        }
    }

    fn enqueue(&self, topic: &str, event: &Bytes) {
        for subscription in self.state().subscriptions.get(topic).into_iter().flat_map(BTreeMap::values) {
            subscription.push(event.clone());
        }
    }

    /// One delivery in flight a subscription and replica.
    async fn deliver(self, topic: String, name: &'static str, replica: usize, subscription: Arc<Subscription>) {
        loop {
            let ready = subscription.ready.notified();
            let attached = self.replicas(name).contains_key(&replica);
            let mut batch = if attached { subscription.take() } else { Vec::new() };
            if batch.is_empty() {
                ready.await;
                continue;
            }
            let dead_letters = dead_letters(&topic, name);
            let mut pause = RETRY_PAUSE.0;
            for attempt in 0..=RETRIES {
                // Whoever is there now: the app may have ended and come back during the retries, or left a replica.
                let mut replicas = self.replicas(name);
                let statuses = match replicas.remove(&replica).or_else(|| replicas.into_values().next()) {
                    Some(Attached { app, .. }) => self.deliver_once(app, &topic, &batch).await,
                    None => vec![Status::Retry; batch.len()],
                };
                let with = |status| batch.iter().zip(&statuses).filter(move |(_, given)| **given == status);
                with(Status::Drop).for_each(|(event, _)| self.enqueue(&dead_letters, event));
                batch = with(Status::Retry).map(|(event, _)| event.clone()).collect();
                if batch.is_empty() {
                    break;
                }
                if attempt == RETRIES {
                    batch.iter().for_each(|event| self.enqueue(&dead_letters, event));
                    break;
                }
                self.0.clock.sleep(pause).await;
                pause = (pause * 2).min(RETRY_PAUSE.1);
            }
        }
    }

    fn replicas(&self, name: &str) -> BTreeMap<usize, Attached> {
        self.state().apps.get(name).cloned().unwrap_or_default()
    }

    async fn deliver_once(&self, app: Arc<dyn Receiver>, topic: &str, batch: &[Bytes]) -> Vec<Status> {
        if self.hit(|faults| &mut faults.deliver_twice, batch.len()) {
            let copy = app.deliver(topic, batch.to_vec());
            return futures::join!(app.deliver(topic, batch.to_vec()), copy).0;
        }
        app.deliver(topic, batch.to_vec()).await
    }

    fn hit(&self, fault: impl Fn(&mut Faults) -> &mut u64, entries: usize) -> bool {
        let mut state = self.state();
        let share = *fault(&mut state.faults);
        let is_hit = share > 0 && self.0.clock.random() % 1000 < share;
        *fault(&mut state.hits) += if is_hit { entries as u64 } else { 0 };
        is_hit
    }
}

impl Subscription {
    fn queue(&self) -> MutexGuard<'_, VecDeque<Bytes>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, event: Bytes) {
        let mut queue = self.queue();
        if queue.len() < QUEUE {
            queue.push_back(event);
        }
        drop(queue);
        self.ready.notify_waiters();
    }

    fn take(&self) -> Vec<Bytes> {
        let mut queue = self.queue();
        let count = queue.len().min(BATCH);
        queue.drain(..count).collect()
    }
}

impl Sidecar for Bus {
    fn publish(&self, topic: &str, event: Bytes) -> BoxFuture<'_, Result<(), SidecarError>> {
        if !self.hit(|faults| &mut faults.drop, 1) {
            if self.hit(|faults| &mut faults.duplicate, 1) {
                self.enqueue(topic, &event);
            }
            if self.hit(|faults| &mut faults.delay, 1) {
                let longest = self.state().faults.max_delay.as_micros().max(1) as u64;
                let delay = Duration::from_micros(self.0.clock.random() % longest);
                let (bus, topic) = (self.clone(), topic.to_owned());
                self.0.tasks.spawn(async move {
                    bus.0.clock.sleep(delay).await;
                    bus.enqueue(&topic, &event);
                });
            } else {
                self.enqueue(topic, &event);
            }
        }
        futures::future::ready(Ok(())).boxed()
    }

    fn invoke(&self, service: &str, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, SidecarError>> {
        let replicas = self.replicas(service);
        let chosen = if replicas.len() > 1 { self.0.clock.random() as usize % replicas.len() } else { 0 };
        let attached = replicas.into_values().nth(chosen);
        let missing = format!("{service} is not here");
        async move {
            let router = attached.ok_or(SidecarError(missing))?.router;
            let Ok(response) = router.oneshot(request.map(Body::from)).await;
            let (parts, body) = response.into_parts();
            let body =
                axum::body::to_bytes(body, ANSWER_BYTES).await.map_err(|error| SidecarError(error.to_string()))?;
            Ok(Response::from_parts(parts, body))
        }
        .boxed()
    }
}
