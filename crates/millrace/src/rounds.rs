//! The background rounds of a service: upkeep (due work, unpublished events), healing (what the bus did not bring) and
//! floors. Each round finds what a crash or a loss left behind; none is needed while nothing fails.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::http::Request;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::app::Consumer;
use crate::event::{Context, Incoming};
use crate::inbox::Progress;
use crate::lane::Job;
use crate::problem::Problem;
use crate::sabotage::{Fault, is_off};
use crate::service::Service;
use crate::store::{Answer, Feed, Floor, Mark, PARTITIONS, Position, Query};

/// Entries read from a producer at a time.
pub(crate) const PAGE: usize = 500;
/// How often gaps are looked for in what is known of the heads.
pub(crate) const LOOK: Duration = Duration::from_millis(250);
/// Due records taken up of one partition in one sweep.
const DUE: usize = 256;

/// Head positions of a service's feeds: topic → partition → position.
pub(crate) type Heads = HashMap<String, HashMap<u8, Position>>;

/// A page of a feed: envelopes as they are published.
#[derive(Serialize, Deserialize)]
pub(crate) struct FeedPage {
    pub events: Vec<Box<RawValue>>,
}

/// The service that owns a topic: events are named `{service}.{domain}.{action}`.
pub fn owner(topic: &str) -> &str {
    topic.split('.').next().unwrap_or(topic)
}

impl Service {
    pub(crate) async fn upkeep(self) {
        loop {
            for number in 0..PARTITIONS {
                if let Ok(answers) = self.read(number, &[Query::Due { limit: DUE }, Query::Heads]).await {
                    self.sweep(number, answers).await;
                }
            }
            self.clock().sleep(self.tuning().sweep).await;
        }
    }

    async fn sweep(&self, number: u8, answers: Vec<Answer>) {
        for answer in answers {
            match answer {
                Answer::Work(_) if is_off(Fault::Due) => {}
                Answer::Work(due) => due.into_iter().for_each(|record| self.resume_work(number, record)),
                Answer::Heads(heads) => {
                    for (topic, head) in heads {
                        self.sweep_feed(&topic, number, head).await;
                    }
                }
                _ => {}
            }
        }
    }

    /// The heads of all own feeds; all or an error, because who starts now takes what is absent for empty.
    pub(crate) async fn heads(&self) -> Result<Heads, Problem> {
        let mut heads = Heads::new();
        for number in 0..PARTITIONS {
            let Answer::Heads(own) = self.read_one(number, Query::Heads).await? else { continue };
            for (topic, head) in own {
                heads.entry(topic).or_default().insert(number, head);
            }
        }
        Ok(heads)
    }

    pub(crate) async fn watch_heads(self) {
        let mut asked: Option<i64> = None;
        loop {
            let now = self.clock().now_us();
            let waits = self.inbox().all().any(|(_, consumer)| !consumer.is_started());
            if waits || asked.is_none_or(|asked| now - asked >= self.tuning().heads.as_micros() as i64) {
                asked = Some(now);
                self.ask_heads().await;
                self.release_held().await;
            }
            self.clock().sleep(LOOK.min(self.tuning().heal_after)).await;
        }
    }

    /// One request a producer.
    pub(crate) async fn ask_heads(&self) {
        let mut sources: Vec<&str> = self.topics().iter().map(|topic| owner(topic)).collect();
        sources.dedup();
        for source in sources {
            let Some(heads) = self.ask::<Heads>(source, "/feeds").await else { continue };
            for (topic, consumer) in self.inbox().all().filter(|(topic, _)| owner(topic) == source) {
                if !self.start_consumer(topic, consumer, heads.get(topic)).await {
                    continue;
                }
                let mut positions: Vec<_> = heads.get(topic).into_iter().flatten().collect();
                positions.sort_unstable();
                for (&partition, &head) in positions {
                    let feed = Arc::new(Feed { source: source.to_owned(), topic: topic.to_owned(), partition });
                    self.inbox().progress(&consumer.name, &feed).saw_head(head);
                }
            }
        }
    }

    /// Drives again what is held but neither parked nor behind a parked entry any more.
    async fn release_held(&self) {
        for progress in self.inbox().all_progress() {
            let held = progress.held();
            let Some(consumer) = self.consumer_of(&progress).filter(|_| !held.is_empty()) else { continue };
            let Ok(Answer::Parked(parked)) =
                self.read_one(progress.feed().partition, Query::Parked { limit: usize::MAX >> 1 }).await
            else {
                continue;
            };
            let is_parked = |position: &Position| {
                let entry = position.to_string();
                parked.iter().any(|park| {
                    park.consumer == progress.consumer() && park.feed == progress.feed_name() && park.entry == entry
                })
            };
            for position in held.into_iter().filter(|position| !is_parked(position)) {
                for event in self.fetch(progress.feed(), position - 1, 1).await {
                    self.drive_event(&consumer, event, true).await;
                }
            }
        }
    }

    pub(crate) fn consumer_of(&self, progress: &Progress) -> Option<Arc<Consumer>> {
        self.inbox()
            .consumers(&progress.feed().topic)
            .iter()
            .find(|consumer| consumer.name == progress.consumer())
            .cloned()
    }

    pub(crate) async fn fetch(&self, feed: &Feed, after: Position, limit: usize) -> Vec<Arc<Incoming>> {
        let path = format!("/feeds/{}/{}?after={after}&limit={limit}", feed.topic, feed.partition);
        let Some(page) = self.ask::<FeedPage>(&feed.source, &path).await else { return Vec::new() };
        page.events
            .into_iter()
            .filter_map(|event| Incoming::parse(&Bytes::from(event.get().to_owned())).ok().map(Arc::new))
            .collect()
    }

    async fn ask<T: serde::de::DeserializeOwned>(&self, source: &str, path: &str) -> Option<T> {
        let request = Request::get(path).body(Bytes::new()).ok()?;
        match self.sidecar().invoke(source, request).await {
            Ok(response) if response.status().is_success() => serde_json::from_slice(response.body()).ok(),
            Ok(response) => {
                tracing::warn!(
                    service = self.name(),
                    source,
                    path,
                    status = response.status().as_u16(),
                    "a producer refused its feed"
                );
                None
            }
            Err(error) => {
                tracing::debug!(service = self.name(), source, %error, "a producer does not answer");
                None
            }
        }
    }

    /// Carries every feed whose low has moved to every partition, marks there or not: a floor left at 0 would make a
    /// rewind start at 0.
    pub(crate) async fn raise_floors(self) {
        loop {
            self.clock().sleep(self.tuning().floors).await;
            let lives: Vec<u64> = (0..PARTITIONS).map(|number| self.lane(number).life()).collect();
            let mut floors = Vec::new();
            for progress in self.inbox().all_progress() {
                let Some((low, holes, life)) = progress.next_floor() else { continue };
                if lives[usize::from(progress.feed().partition)] == life {
                    floors.push(Floor {
                        consumer: progress.consumer().to_owned(),
                        feed: progress.feed_name().to_owned(),
                        low,
                        holes,
                    });
                }
            }
            if floors.is_empty() {
                continue;
            }
            for number in 0..PARTITIONS {
                let life = Some(lives[usize::from(number)]).filter(|life| *life > 0);
                let job = Job { floors: floors.clone(), life, ..Job::new(Mark::None, Context::default()) };
                // A refused floor only leaves marks for longer.
                let _ = self.lane(number).submit(job).await;
            }
        }
    }
}
