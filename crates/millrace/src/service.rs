//! A running service: an [`App`] on its seams. Owns the lanes, the inbox, the relay, the executor of work and the
//! background rounds (upkeep, healing); everything a route or an effect may use is reached from here.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::FromRef;
use tokio::sync::mpsc;

use crate::app::{App, Topology, WorkWiring};
use crate::clock::Clock;
use crate::decider::{Aggregate, Command, Commanded, Decision, SlotRef, fold};
use crate::event::{Context, Incoming};
use crate::idempotency::{Accepted, IdempotencyKey, KEPT, PendingResult};
use crate::inbox::Inbox;
use crate::lane::{Done, Job, Lane, Outlets, Refused};
use crate::metrics::Metrics;
use crate::outside::Outside;
use crate::partition::partition_of;
use crate::problem::Problem;
use crate::relay::Relay;
use crate::schema::EventSet;
use crate::sidecar::Sidecar;
use crate::store::{Answer, Mark, PARTITIONS, Partition, Query, Store, StoreError, StreamId};
use crate::tasks::Tasks;
use crate::view::unreadable;
use crate::work::Executor;

/// Committed events that may wait for the relay, and started work for the executor.
const HANDED_ON: usize = 8192;
/// Longest an HTTP caller waits for a commit before it is told to try again.
const PATIENCE: Duration = Duration::from_secs(10);

/// The seams a service runs on.
#[derive(Clone)]
pub struct Env {
    pub store: Arc<dyn Store>,
    pub sidecar: Arc<dyn Sidecar>,
    pub outside: Arc<dyn Outside>,
    pub clock: Clock,
    pub tuning: Tuning,
}

/// Periods of the background rounds; the defaults are delivery's.
#[derive(Debug, Clone)]
pub struct Tuning {
    /// Due work and unpublished events are looked for.
    pub sweep: Duration,
    /// Producers are asked for their heads.
    pub heads: Duration,
    /// How long a position may be missing before it is read from its producer.
    pub heal_after: Duration,
    /// Floors are raised in target partitions.
    pub floors: Duration,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            sweep: Duration::from_secs(1),
            heads: Duration::from_secs(5),
            heal_after: Duration::from_millis(500),
            // A floor bounds the marks kept and the replay after a rewind; raising it costs a write per feed and target.
            floors: Duration::from_secs(5),
        }
    }
}

#[derive(Clone)]
pub struct Service(Arc<Inner>);

struct Inner {
    name: &'static str,
    env: Env,
    tasks: Tasks,
    metrics: Arc<Metrics>,
    wiring: Arc<Vec<WorkWiring>>,
    topology: Topology,
    topics: Vec<&'static str>,
    routes: Router<Service>,
    lanes: Vec<Lane>,
    inbox: Inbox,
    relay: Relay,
    executor: Executor,
}

impl App {
    /// Starts the service's tasks. It hears nothing until its [`Service::router`] or [`Service::deliver`] is given to a bus.
    pub fn start(self, env: Env) -> Service {
        let topology = self.topology();
        let topics = self.topics().collect();
        let (tasks, metrics, wiring) = (Tasks::default(), Arc::new(Metrics::default()), Arc::new(self.work));
        let (relay, relayed) = mpsc::channel(HANDED_ON);
        let (work, started) = mpsc::channel(HANDED_ON);
        let outlets = Outlets {
            service: self.name,
            store: env.store.clone(),
            clock: env.clock.clone(),
            metrics: metrics.clone(),
            tasks: tasks.clone(),
            wiring: wiring.clone(),
            relay,
            work,
        };
        let lanes = (0..PARTITIONS)
            .map(|number| Lane::start(Partition { service: self.name, number }, outlets.clone()))
            .collect();
        let service = Service(Arc::new(Inner {
            name: self.name,
            env,
            tasks,
            metrics,
            wiring,
            topology,
            topics,
            routes: self.routes,
            lanes,
            inbox: Inbox::new(self.consumers),
            relay: Relay::default(),
            executor: Executor::new(),
        }));
        service.tasks().spawn(service.clone().relay_committed(relayed));
        service.tasks().spawn(service.clone().perform_started(started));
        service.tasks().spawn(service.clone().upkeep());
        service.tasks().spawn(service.clone().heal());
        service.tasks().spawn(service.clone().raise_floors());
        service
    }
}

impl Service {
    pub fn name(&self) -> &'static str {
        self.0.name
    }

    pub fn topology(&self) -> &Topology {
        &self.0.topology
    }

    /// Topics the service subscribes to, in order.
    pub fn topics(&self) -> &[&'static str] {
        &self.0.topics
    }

    pub fn clock(&self) -> &Clock {
        &self.0.env.clock
    }

    pub fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    pub fn outside(&self) -> &Arc<dyn Outside> {
        &self.0.env.outside
    }

    pub fn sidecar(&self) -> &Arc<dyn Sidecar> {
        &self.0.env.sidecar
    }

    /// Ends every task of the service at its next await, leaving the store as a crash would.
    pub fn kill(&self) {
        self.0.tasks.abort();
    }

    pub(crate) fn own_routes(&self) -> Router<Service> {
        self.0.routes.clone()
    }

    pub(crate) fn tasks(&self) -> &Tasks {
        &self.0.tasks
    }

    pub(crate) fn store(&self) -> &Arc<dyn Store> {
        &self.0.env.store
    }

    pub(crate) fn tuning(&self) -> &Tuning {
        &self.0.env.tuning
    }

    pub(crate) fn inbox(&self) -> &Inbox {
        &self.0.inbox
    }

    pub(crate) fn relay(&self) -> &Relay {
        &self.0.relay
    }

    pub(crate) fn executor(&self) -> &Executor {
        &self.0.executor
    }

    pub(crate) fn lane(&self, number: u8) -> &Lane {
        &self.0.lanes[usize::from(number)]
    }

    pub(crate) fn partition(&self, number: u8) -> Partition {
        Partition { service: self.0.name, number }
    }

    pub(crate) fn wiring(&self, handler: &str) -> Option<&WorkWiring> {
        self.0.wiring.iter().find(|wiring| wiring.name == handler)
    }

    pub(crate) async fn read(&self, number: u8, queries: &[Query]) -> Result<Vec<Answer>, StoreError> {
        self.store().read(&self.partition(number), queries).await
    }

    pub(crate) async fn read_one(&self, number: u8, query: Query) -> Result<Answer, Problem> {
        let answers = self.read(number, &[query]).await.map_err(|error| Problem::Unavailable(error.to_string()))?;
        answers.into_iter().next().ok_or_else(|| Problem::Internal("the store gave no answer".to_owned()))
    }

    async fn perform_started(self, mut started: mpsc::Receiver<crate::work::StartedWork>) {
        while let Some(work) = started.recv().await {
            self.start_work(work);
        }
    }

    /// Decides `command` once for `key`; a repeated request gets the first answer.
    pub async fn execute<C: Command>(
        &self,
        key: &IdempotencyKey,
        command: C,
        accepted: Accepted,
    ) -> Result<Accepted, Problem> {
        let pending = PendingResult { fingerprint: key.fingerprint().to_owned(), accepted };
        self.request(key.mark(), key.context().clone(), Box::new(Commanded(command)), pending).await
    }

    /// Decides `command` once for a message from outside that names itself (a callback, a webhook): `id` is the sender's.
    pub async fn receive<C: Command>(
        &self,
        sender: &str,
        id: &str,
        context: Context,
        command: C,
    ) -> Result<(), Problem> {
        let pending = PendingResult { fingerprint: String::new(), accepted: Accepted::new(serde_json::Value::Null) };
        let mark = Mark::Request { key: format!("{sender}|{id}"), ttl_ms: KEPT.as_millis() as u64 };
        self.request(mark, context, Box::new(Commanded(command)), pending).await.map(drop)
    }

    async fn request(
        &self,
        mark: Mark,
        mut context: Context,
        decision: Box<dyn Decision>,
        pending: PendingResult,
    ) -> Result<Accepted, Problem> {
        if context.correlation.is_empty() {
            context.correlation = self.clock().uuid().to_string();
        }
        let lane = self.lane(partition_of(&decision.partition_key()));
        let job = Job { request: Some(pending.clone()), ..Job::new(mark, context).decide(vec![decision]) };
        let reply = tokio::time::timeout(PATIENCE, lane.try_submit(job)).await.unwrap_or(Err(Refused::Full));
        let outcome = match reply {
            Ok(Done::Committed(None)) => Ok(pending.accepted),
            Ok(Done::Committed(Some(rejected))) => Err(Problem::Rejected(rejected)),
            Ok(Done::Duplicate(stored)) => pending.replay(&stored),
            Err(Refused::Poison(reason)) => Err(Problem::Internal(reason)),
            Err(refused) => Err(Problem::Unavailable(refused.to_string())),
        };
        self.store().sync().await.map_err(|error| Problem::Unavailable(error.to_string()))?;
        outcome
    }

    /// A stream's present state; `None` when it has no events.
    pub async fn state<A: Aggregate>(&self, partition_key: &str, id: &str) -> Result<Option<A>, Problem> {
        let crate::decider::Slot::Stream(stream) = SlotRef::stream::<A>(id).slot else { return Ok(None) };
        match self.read_one(partition_of(partition_key), Query::Stream(stream)).await? {
            Answer::Stream(stored) if stored.version > 0 => Ok(Some(fold(&stored).map_err(unreadable)?)),
            _ => Ok(None),
        }
    }

    /// A stream's events, oldest first.
    pub async fn history<A: Aggregate>(&self, partition_key: &str, id: &str) -> Result<Vec<Incoming>, Problem> {
        let stream = StreamId { topic: A::Event::TOPIC.to_owned(), id: id.to_owned() };
        let Answer::Events(events) = self
            .read_one(partition_of(partition_key), Query::Events { stream, after: 0, limit: usize::MAX >> 1 })
            .await?
        else {
            return Ok(Vec::new());
        };
        let read = |recorded: crate::store::Recorded| Incoming::recorded(&recorded.record, recorded.placed);
        events.into_iter().map(read).collect::<Result<_, _>>().map_err(|error| Problem::Internal(error.to_string()))
    }

    /// Returns when this process has committed something more in the partition of `key`, or after `patience`.
    pub async fn changed(&self, key: &str, patience: Duration) {
        let mut commits = self.lane(partition_of(key)).commits();
        commits.mark_unchanged();
        let _ = tokio::time::timeout(patience, commits.changed()).await;
    }
}

/// The service's handle for one decider, as a route's state.
pub struct Streams<D> {
    service: Service,
    decider: std::marker::PhantomData<fn() -> D>,
}

impl<D> FromRef<Service> for Streams<D> {
    fn from_ref(service: &Service) -> Self {
        Self { service: service.clone(), decider: std::marker::PhantomData }
    }
}

impl<D> Streams<D> {
    /// Decides `command` once for `key`; 202 with the path's own resource.
    pub async fn execute<C: Command<Decider = D>>(
        &self,
        key: &IdempotencyKey,
        command: C,
        accepted: Accepted,
    ) -> Result<Accepted, Problem>
    where
        D: crate::decider::Decides<C>,
    {
        self.service.execute(key, command, accepted).await
    }
}
