//! A running service: an [`App`] on its seams. Owns the lanes, the inbox, the relay, the executor of work and the
//! background rounds (upkeep, healing); everything a route or an effect may use is reached from here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::sync::mpsc;

use crate::app::{App, Topology, WorkWiring};
use crate::clock::Clock;
use crate::event::Context;
use crate::inbox::Inbox;
use crate::lane::{Job, Lane, Opener, Outlets};
use crate::metrics::Metrics;
use crate::outside::Outside;
use crate::partner::Partner;
use crate::problem::Problem;
use crate::relay::{Relay, handover};
use crate::sabotage::{Fault, is_off};
use crate::sidecar::Sidecar;
use crate::store::{Answer, Epoch, Leaving, Mark, PARTITIONS, Partition, Position, Query, Store, StoreError, Synced};
use crate::tasks::Tasks;
use crate::work::Executor;

/// Started work that may wait for the executor.
const HANDED_ON: usize = 8192;

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
    /// Positions a floor may be behind its tracker: it bounds the marks kept and the replay after a rewind; raising it costs a
    /// write in each of the partitions.
    pub floor_behind: Position,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            sweep: Duration::from_secs(1),
            heads: Duration::from_secs(5),
            heal_after: Duration::from_millis(500),
            floors: Duration::from_secs(5),
            floor_behind: 64,
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
    partners: Arc<BTreeMap<String, Partner>>,
    topics: Vec<&'static str>,
    single: BTreeSet<&'static str>,
    routes: Router<Service>,
    opener: Arc<Opener>,
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
        let (relay, committed, behind) = handover();
        let (work, started) = mpsc::channel(HANDED_ON);
        let opener = Arc::new(Opener::new(self.name, env.store.clone(), env.clock.clone()));
        let outlets = Outlets {
            service: self.name,
            store: env.store.clone(),
            opener: opener.clone(),
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
            partners: Arc::new(self.partners),
            topics,
            single: self.single,
            routes: self.routes,
            opener,
            lanes,
            inbox: Inbox::new(self.consumers),
            relay: Relay::new(behind),
            executor: Executor::new(),
        }));
        service.tasks().spawn(service.clone().relay_committed(committed));
        service.tasks().spawn(service.clone().move_cursors());
        service.tasks().spawn(service.clone().perform_started(started));
        service.tasks().spawn(service.clone().upkeep());
        service.tasks().spawn(service.clone().watch_heads());
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

    pub(crate) fn hears_singly(&self, topic: &str) -> bool {
        self.0.single.contains(topic)
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

    pub(crate) fn partners(&self) -> &Arc<BTreeMap<String, Partner>> {
        &self.0.partners
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

    /// Counts the openings of partitions by this process. What was read of trackers at another count may be taken back.
    pub(crate) fn life(&self) -> u64 {
        self.0.opener.openings()
    }

    /// Returns when what was committed to the partition under `epoch` may leave.
    pub(crate) async fn durable(&self, number: u8, epoch: &Epoch, leaving: Leaving) -> Result<(), StoreError> {
        self.all_durable([(number, epoch)], leaving).await
    }

    /// As [`Service::durable`], of several partitions with one sync.
    pub(crate) async fn all_durable<'a>(
        &self,
        of: impl IntoIterator<Item = (u8, &'a Epoch)>,
        leaving: Leaving,
    ) -> Result<(), StoreError> {
        let synced = self.store().sync(leaving).await;
        if leaving == Leaving::Answer && is_off(Fault::SyncAnswer)
            || leaving == Leaving::Effect && is_off(Fault::SyncEffect)
            || leaving == Leaving::Event && is_off(Fault::SyncEvent)
        {
            return Ok(());
        }
        let mut there = Ok(());
        if synced? == Synced::Now && !is_off(Fault::StillThere) {
            for (number, epoch) in of {
                match self.store().commit(&self.partition(number), epoch, &[]).await {
                    Err(StoreError::Epoch) => {
                        self.knock(number).await;
                        there = Err(StoreError::Epoch);
                    }
                    other => drop(other?),
                }
            }
        }
        there
    }

    /// An empty commit: has the lane find out whether its partition is closed, and takes along whatever rides.
    pub(crate) async fn knock(&self, number: u8) {
        let _ = self.lane(number).submit(Job::new(Mark::None, Context::default())).await;
    }

    pub(crate) fn partition(&self, number: u8) -> Partition {
        Partition { service: self.0.name, number }
    }

    pub(crate) fn wiring(&self, handler: &str) -> Option<&WorkWiring> {
        self.0.wiring.iter().find(|wiring| wiring.name == handler)
    }

    pub(crate) async fn read(&self, number: u8, queries: &[Query]) -> Result<Vec<Answer>, StoreError> {
        let answers = self.store().read(&self.partition(number), queries).await;
        self.metrics().store_answers(!matches!(answers, Err(StoreError::Unavailable(_))));
        answers
    }

    pub(crate) async fn read_one(&self, number: u8, query: Query) -> Result<Answer, Problem> {
        let answers = self.read(number, &[query]).await.map_err(|error| Problem::Unavailable(error.to_string()))?;
        answers.into_iter().next().ok_or_else(|| Problem::Internal("the store gave no answer".to_owned()))
    }

    async fn perform_started(self, mut started: mpsc::Receiver<(Epoch, crate::work::StartedWork)>) {
        while let Some((epoch, work)) = started.recv().await {
            self.start_work(epoch, work);
        }
    }
}
