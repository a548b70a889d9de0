//! What a service counts. Names and labels are OpenMetrics; no ids in labels.

use std::sync::Mutex;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// Upper bounds in seconds of the end-to-end latency histogram.
const LATENCY: [f64; 11] = [0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 60.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByOutcome {
    outcome: &'static str,
}

/// Why a delivery needed no commit, or what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    Committed,
    Duplicate,
    Held,
    Waiting,
    Ignored,
}

#[derive(Debug)]
pub struct Metrics {
    registry: Mutex<Registry>,
    deliveries: Family<ByOutcome, Counter>,
    latency: Histogram,
    events: Counter,
    duplicates: Counter,
    conflicts: Counter,
    published: Counter,
    publish_failures: Counter,
    healed: Counter,
    parked: Counter,
    parked_now: Gauge,
    ghosts: Counter,
    regressed: Counter,
    store_failures: Counter,
    store_up: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("millrace");
        let deliveries = Family::<ByOutcome, Counter>::default();
        let latency = Histogram::new(LATENCY);
        registry.register("deliveries", "Delivered events by what became of them", deliveries.clone());
        registry.register("event_latency_seconds", "From the producer's commit to the consumer's", latency.clone());
        let mut counter = |name: &str, help: &str| {
            let counter = Counter::default();
            registry.register(name, help, counter.clone());
            counter
        };
        let metrics = Self {
            events: counter("events_committed", "Published events committed to own streams"),
            duplicates: counter("commit_duplicates", "Units refused because their mark was there"),
            conflicts: counter("commit_conflicts", "Units decided again because a version had moved"),
            published: counter("events_published", "Events the bus took"),
            publish_failures: counter("publish_failures", "Publish calls that failed"),
            healed: counter("events_healed", "Events read from their producer because the bus did not bring them"),
            parked: counter("events_parked", "Entries set aside with a reason"),
            ghosts: counter("ghosts", "Events settled here that their producer has lost"),
            regressed: counter("feed_regressed", "Times a producer named a head below what was settled"),
            store_failures: counter("store_failures", "Calls to the store without an answer"),
            parked_now: Gauge::default(),
            store_up: Gauge::default(),
            deliveries,
            latency,
            registry: Mutex::new(Registry::default()),
        };
        registry.register("parked", "Entries that are set aside at present", metrics.parked_now.clone());
        registry.register("store_up", "Whether the last call to the store was answered", metrics.store_up.clone());
        metrics.store_up.set(1);
        Self { registry: Mutex::new(registry), ..metrics }
    }
}

impl Metrics {
    /// The OpenMetrics text of everything counted.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let registry = self.registry.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // Writing to a String can't fail.
        let _ = encode(&mut text, &registry);
        text
    }

    pub(crate) fn delivery(&self, delivery: Delivery) {
        let outcome = match delivery {
            Delivery::Committed => "committed",
            Delivery::Duplicate => "duplicate",
            Delivery::Held => "held",
            Delivery::Waiting => "waiting",
            Delivery::Ignored => "ignored",
        };
        self.deliveries.get_or_create(&ByOutcome { outcome }).inc();
    }

    pub(crate) fn latency(&self, since_us: i64) {
        self.latency.observe(Duration::from_micros(since_us.max(0) as u64).as_secs_f64());
    }

    pub(crate) fn committed(&self, events: u64) {
        self.store_answers(true);
        self.events.inc_by(events);
    }

    pub(crate) fn duplicate(&self) {
        self.duplicates.inc();
    }

    pub(crate) fn conflict(&self) {
        self.conflicts.inc();
    }

    pub(crate) fn published(&self) {
        self.published.inc();
    }

    pub(crate) fn publish_failed(&self) {
        self.publish_failures.inc();
    }

    pub(crate) fn healed(&self) {
        self.healed.inc();
    }

    pub(crate) fn parked(&self) {
        self.parked.inc();
    }

    pub(crate) fn parked_now(&self, count: usize) {
        self.parked_now.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    pub(crate) fn ghosts(&self, events: u64) {
        self.ghosts.inc_by(events);
    }

    pub(crate) fn feed_regressed(&self) {
        self.regressed.inc();
    }

    pub(crate) fn store_answers(&self, answers: bool) {
        self.store_up.set(answers.into());
        self.store_failures.inc_by(u64::from(!answers));
    }

    pub(crate) fn store_is_up(&self) -> bool {
        self.store_up.get() == 1
    }

    /// Deliveries so far with this outcome (`committed`, `duplicate`, `held`, `waiting`, `ignored`).
    pub fn deliveries(&self, outcome: &'static str) -> u64 {
        self.deliveries.get_or_create(&ByOutcome { outcome }).get()
    }

    /// Published events committed so far.
    pub fn events(&self) -> u64 {
        self.events.get()
    }

    pub fn published_total(&self) -> u64 {
        self.published.get()
    }

    /// Units refused because their mark was there.
    pub fn duplicates(&self) -> u64 {
        self.duplicates.get()
    }

    /// Units decided again because a version had moved.
    pub fn conflicts(&self) -> u64 {
        self.conflicts.get()
    }

    pub fn parked_total(&self) -> u64 {
        self.parked.get()
    }

    /// Events settled here that their producer has lost.
    pub fn ghosts_total(&self) -> u64 {
        self.ghosts.get()
    }

    /// Times a producer named a head below what was settled here.
    pub fn feed_regressed_total(&self) -> u64 {
        self.regressed.get()
    }

    pub fn healed_total(&self) -> u64 {
        self.healed.get()
    }
}
