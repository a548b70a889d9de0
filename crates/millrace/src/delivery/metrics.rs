//! What a service counts. Names and labels are OpenMetrics; no ids in labels.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::delivery::{Lag, Progress, Reason};

/// Upper bounds in seconds of the end-to-end latency histogram.
const LATENCY: [f64; 11] = [0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 60.0];

type Labels = Vec<(&'static str, String)>;

/// Why a delivery needed no commit, or what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    Committed,
    Duplicate,
    Held,
    Waiting,
    Ignored,
}

impl Delivery {
    pub fn name(self) -> &'static str {
        match self {
            Self::Committed => "committed",
            Self::Duplicate => "duplicate",
            Self::Held => "held",
            Self::Waiting => "waiting",
            Self::Ignored => "ignored",
        }
    }
}

#[derive(Debug)]
pub struct Metrics {
    registry: Mutex<Registry>,
    deliveries: Family<Labels, Counter>,
    latency: Family<Labels, Histogram, fn() -> Histogram>,
    by_topic: Family<Labels, Counter>,
    by_reason: Family<Labels, Counter>,
    /// Entries, held ones, seconds; of consumers, and of the published cursors.
    lags: [Family<Labels, Gauge>; 3],
    feeds: [Family<Labels, Gauge>; 3],
    events: Counter,
    pub(crate) duplicates: Counter,
    pub(crate) conflicts: Counter,
    pub(crate) published: Counter,
    pub(crate) publish_failures: Counter,
    pub(crate) healed: Counter,
    parked: Counter,
    pub(crate) parked_now: Gauge,
    pub(crate) ghosts: Counter,
    pub(crate) regressed: Counter,
    store_failures: Counter,
    store_up: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("millrace");
        let latency = Family::new_with_constructor((|| Histogram::new(LATENCY)) as fn() -> Histogram);
        registry.register("event_latency_seconds", "From the producer's commit to the consumer's", latency.clone());
        let mut counters = |name: &str, help: &str| {
            let counters = Family::<Labels, Counter>::default();
            registry.register(name, help, counters.clone());
            counters
        };
        let deliveries = counters("deliveries", "Delivered events by what became of them");
        let by_topic = counters("events_committed", "Published events committed to own streams");
        let by_reason = counters("events_parked", "Entries set aside, by reason");
        let mut gauge = |name: &str, help: &str| {
            let gauge = Family::<Labels, Gauge>::default();
            registry.register(name, help, gauge.clone());
            gauge
        };
        let lags = [
            gauge("consumer_lag_events", "Entries known to exist and not settled"),
            gauge("consumer_held_events", "Entries held as parked ones, or behind one"),
            gauge("consumer_lag_seconds", "For how long the oldest of those not settled has been waited for"),
        ];
        let feeds = [
            gauge("feed_head_events", "Numbers given to published events"),
            gauge("feed_unpublished_events", "Events that the published cursor has not passed"),
            gauge("feed_unpublished_seconds", "For how long the oldest of those has been waited for"),
        ];
        let mut counter = |name: &str, help: &str| {
            let counter = Counter::default();
            registry.register(name, help, counter.clone());
            counter
        };
        let metrics = Self {
            events: Counter::default(),
            duplicates: counter("commit_duplicates", "Units refused because their mark was there"),
            conflicts: counter("commit_conflicts", "Units decided again because a version had moved"),
            published: counter("events_published", "Events the bus took"),
            publish_failures: counter("publish_failures", "Publish calls that failed"),
            healed: counter("events_healed", "Events read from their producer because the bus did not bring them"),
            parked: Counter::default(),
            ghosts: counter("ghosts", "Events settled here that their producer has lost"),
            regressed: counter("feed_regressed", "Times a producer named a head below what was settled"),
            store_failures: counter("store_failures", "Calls to the store without an answer"),
            parked_now: Gauge::default(),
            store_up: Gauge::default(),
            deliveries,
            latency,
            by_topic,
            by_reason,
            lags,
            feeds,
            registry: Mutex::new(Registry::default()),
        };
        registry.register("parked", "Entries that are set aside at present", metrics.parked_now.clone());
        registry.register("store_up", "Whether the last call to the store was answered", metrics.store_up.clone());
        metrics.store_up.set(1);
        Self { registry: Mutex::new(registry), ..metrics }
    }
}

impl Metrics {
    /// The OpenMetrics text of everything counted, and how far behind consumers and published cursors are.
    pub(crate) fn text(&self, consumers: &[Arc<Progress>], cursors: &[Arc<Progress>], now_us: i64) -> String {
        for (labels, lag) in lags(consumers, now_us) {
            set(&self.lags, &labels, [lag.entries, lag.held, lag.seconds]);
        }
        for (labels, lag) in lags(cursors, now_us) {
            set(&self.feeds, &labels[1..].to_vec(), [lag.head, lag.entries, lag.seconds]);
        }
        let mut text = String::new();
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        // Writing to a String can't fail.
        let _ = encode(&mut text, &registry);
        text
    }

    pub(crate) fn delivery(&self, delivery: Delivery, count: usize) {
        self.deliveries.get_or_create(&vec![("outcome", delivery.name().to_owned())]).inc_by(count as u64);
    }

    pub(crate) fn latency(&self, by: &Progress, all: impl IntoIterator<Item = i64>) {
        let latency = self.latency.get_or_create(&labels(by));
        all.into_iter().for_each(|us| latency.observe(Duration::from_micros(us.max(0) as u64).as_secs_f64()));
    }

    pub(crate) fn committed<'a>(&self, topics: impl Iterator<Item = &'a String>) {
        self.store_answers(true);
        for topic in topics {
            self.by_topic.get_or_create(&vec![("topic", topic.clone())]).inc();
            self.events.inc();
        }
    }

    pub(crate) fn parked(&self, reason: Reason) {
        let code = serde_json::to_value(reason).unwrap_or_default();
        self.by_reason.get_or_create(&vec![("reason", code.as_str().unwrap_or_default().to_owned())]).inc();
        self.parked.inc();
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
        self.deliveries.get_or_create(&vec![("outcome", outcome.to_owned())]).get()
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

fn labels(of: &Progress) -> Labels {
    vec![("consumer", of.consumer().to_owned()), ("topic", of.feed().topic.clone())]
}

fn lags(all: &[Arc<Progress>], now_us: i64) -> BTreeMap<Labels, Lag> {
    let mut lags = BTreeMap::<Labels, Lag>::new();
    for progress in all {
        lags.entry(labels(progress)).or_default().add(progress.lag(now_us));
    }
    lags
}

fn set(gauges: &[Family<Labels, Gauge>; 3], labels: &Labels, values: [u64; 3]) {
    for (gauge, value) in gauges.iter().zip(values) {
        gauge.get_or_create(labels).set(i64::try_from(value).unwrap_or(i64::MAX));
    }
}
