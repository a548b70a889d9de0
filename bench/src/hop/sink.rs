//! Takes each event exactly once: a row a hop. When, is seen by a store that looks at what is committed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use futures::FutureExt;
use futures::future::BoxFuture;
use hdrhistogram::Histogram;
use millrace::clock::Clock;
use millrace::store::{Epoch, Layer, Partition, Store, StoreError, Unit, Verdict};
use millrace::{App, Event, Projects, RowKey, View};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::HopMade;

pub fn app(taken: Taken) -> App {
    App::new("hop-sink").view::<Hops, HopMade>().routes(taken.routes())
}

#[derive(Debug, Default, Clone, Serialize, Deserialize)]
struct Hops;

impl View for Hops {
    const NAME: &'static str = "hops";
}

impl Projects<HopMade> for Hops {
    /// In the partition of its batch, which is that of its feed: progress is then part of the same commit.
    fn key(event: &Event<HopMade>) -> Option<RowKey> {
        let batch = event.subject.split('.').next().unwrap_or_default();
        Some(RowKey { key: batch.to_owned(), row: event.subject.clone() })
    }

    fn apply(&mut self, _: &Event<HopMade>) {}
}

/// What is committed of it.
#[derive(Clone, Default)]
pub struct Taken(Arc<Mutex<Counts>>);

struct Counts {
    /// Microseconds from publish to commit.
    latency: Histogram<u64>,
    first_us: i64,
    last_us: i64,
}

impl Default for Counts {
    fn default() -> Self {
        // A minute, of which three digits count.
        let latency = Histogram::new_with_max(60_000_000, 3).expect("a minute is a range");
        Self { latency, first_us: 0, last_us: 0 }
    }
}

impl Counts {
    fn add(&mut self, published_us: i64, now_us: i64) {
        self.latency.saturating_record((now_us - published_us).max(0) as u64);
        if self.first_us == 0 {
            self.first_us = now_us;
        }
        self.last_us = now_us;
    }

    fn told(&self) -> Json<Value> {
        let quantile = |quantile| self.latency.value_at_quantile(quantile);
        Json(json!({
            "distinct": self.latency.len(),
            "p50_us": quantile(0.5),
            "p95_us": quantile(0.95),
            "p99_us": quantile(0.99),
            "first_ns": self.first_us * 1000,
            "last_ns": self.last_us * 1000,
        }))
    }
}

impl Taken {
    /// Tells what is taken, and forgets it.
    pub fn routes<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        let (taken, forgotten) = (self.clone(), self.clone());
        let forget = async move || {
            *forgotten.counts() = Counts::default();
            StatusCode::NO_CONTENT
        };
        let tell = async move || taken.counts().told();
        Router::new().route("/hop", get(tell).delete(forget))
    }

    pub fn add(&self, published_us: i64, now_us: i64) {
        self.counts().add(published_us, now_us);
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, group: &[Unit], verdicts: &[Verdict], now_us: i64) {
        let mut counts = self.counts();
        for (unit, verdict) in group.iter().zip(verdicts) {
            for row in unit.rows.iter().filter(|row| row.view == Hops::NAME) {
                let published = row.row.rsplit('.').next().and_then(|us| us.parse::<i64>().ok());
                if let (Verdict::Ok { .. }, Some(published_us)) = (verdict, published) {
                    counts.add(published_us, now_us);
                }
            }
        }
    }
}

/// The store of a process with the sink in it.
pub struct Watched {
    pub store: Arc<dyn Store>,
    pub taken: Taken,
    pub clock: Clock,
}

impl Layer for Watched {
    fn inner(&self) -> &dyn Store {
        &*self.store
    }

    fn layered_commit<'a>(
        &'a self,
        partition: &'a Partition,
        epoch: &'a Epoch,
        group: &'a [Unit],
    ) -> BoxFuture<'a, Result<Vec<Verdict>, StoreError>> {
        async move {
            let verdicts = self.store.commit(partition, epoch, group).await?;
            self.taken.note(group, &verdicts, self.clock.now_us());
            Ok(verdicts)
        }
        .boxed()
    }
}
