//! The background rounds of a service: upkeep (due work, unpublished events), healing (what the bus did not bring) and
//! floors. Each round finds what a crash or a loss left behind; none is needed while nothing fails.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use axum::http::Request;
use bytes::Bytes;
use futures::future::try_join_all;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::app::Consumer;
use crate::event::{Context, Incoming, splice};
use crate::inbox::Progress;
use crate::lane::Job;
use crate::problem::Problem;
use crate::sabotage::{Fault, is_off};
use crate::service::Service;
use crate::store::{
    Answer, Feed, Floor, Gate, Head, Leaving, Mark, PARTITIONS, Position, Query, Ranges, Recorded, StoreError,
};

/// Entries read from a producer at a time.
pub(crate) const PAGE: usize = 500;
/// How often gaps are looked for in what is known of the heads.
pub(crate) const LOOK: Duration = Duration::from_millis(250);
/// Openings that one question about a partition may meet.
const EPOCHS: u32 = 2;
/// Due records taken up of one partition in one sweep.
const DUE: usize = 256;
/// Sweeps between two looks at a partition where this process knows of nothing to do: there may be what others have left.
const QUIET: u8 = 8;

/// How far a service's feeds have come: topic → partition → head.
pub(crate) type Heads = HashMap<String, HashMap<u8, FeedHead>>;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FeedHead {
    pub head: Position,
    /// Numbers up to there that are no events.
    #[serde(default)]
    pub void: Ranges,
}

/// A page of a feed: envelopes as they are published, and what is no event anywhere in the feed.
#[derive(Deserialize)]
struct FeedPage<'a> {
    #[serde(borrow)]
    events: Vec<&'a RawValue>,
    #[serde(default)]
    void: Ranges,
}

/// A [`FeedPage`] of what is JSON already.
pub(crate) fn feed_page(entries: &[Recorded], void: &Ranges) -> Result<Vec<u8>, serde_json::Error> {
    let mut page = br#"{"void":"#.to_vec();
    serde_json::to_writer(&mut page, void)?;
    page.extend_from_slice(br#","events":["#);
    for (number, entry) in entries.iter().enumerate() {
        page.extend((number > 0).then_some(b','));
        let event = entry.placed.map_or_else(|| entry.record.clone(), |placed| splice(&entry.record, placed));
        page.extend_from_slice(&event);
    }
    page.extend_from_slice(b"]}");
    Ok(page)
}

/// The service that owns a topic: events are named `{service}.{domain}.{action}`.
pub fn owner(topic: &str) -> &str {
    topic.split('.').next().unwrap_or(topic)
}

impl Service {
    pub(crate) async fn upkeep(self) {
        let mut life = 0;
        for turn in (0..PARTITIONS).cycle() {
            let is_opened = std::mem::replace(&mut life, self.life()) != life;
            for number in 0..PARTITIONS {
                // All are asked: who looks expects nothing any more.
                let is_due = self.lane(number).takes_due(self.clock().now_us());
                if is_due || is_opened || number % QUIET == turn % QUIET {
                    self.look(number).await;
                }
            }
            for cursor in self.relay().cursors() {
                self.publish_overdue(&cursor).await;
            }
            // One at a time: those of one server close together, and one closed partition opens all.
            if let Ok(Gate::Closed { .. }) = self.store().open(&self.partition(turn)).await {
                self.knock(turn).await;
            }
            self.clock().sleep(self.tuning().sweep).await;
        }
    }

    /// Takes up what is due in a partition, and learns of what others have committed to its feeds.
    async fn look(&self, number: u8) {
        let queries = [Query::Due { limit: DUE }, Query::Work { limit: 1 }, Query::Heads];
        let answers = self.read(number, &queries).await.unwrap_or_default();
        let Ok([Answer::Work(mut due), Answer::Work(next), Answer::Heads(heads)]) = <[Answer; 3]>::try_from(answers)
        else {
            return self.lane(number).expect_due(i64::MIN);
        };
        next.iter().for_each(|record| self.lane(number).expect_due(record.due_ms as i64 * 1_000));
        due.retain(|record| record.tries == 0 || !is_off(Fault::Due));
        due.into_iter().for_each(|record| self.resume_work(number, record));
        for head in heads {
            self.heard_head(&self.cursor(&head.topic, number), head.position, &head.void, 0).await;
        }
    }

    /// The heads of all own feeds; all or an error, because who starts now takes what is absent for empty.
    pub(crate) async fn heads(&self) -> Result<Heads, Problem> {
        let mut heads = Heads::new();
        for (number, answers) in (0..PARTITIONS).zip(self.read_to_tell(0..PARTITIONS, &[Query::Heads]).await?) {
            for answer in answers {
                let Answer::Heads(own) = answer else { continue };
                for Head { topic, position, void } in own {
                    heads.entry(topic).or_default().insert(number, FeedHead { head: position, void });
                }
            }
        }
        Ok(heads)
    }

    /// Reads what a consumer will rely on, which must not be lost after it was told; of each partition.
    pub(crate) async fn read_to_tell(&self, of: Range<u8>, queries: &[Query]) -> Result<Vec<Vec<Answer>>, Problem> {
        let unavailable = |error: StoreError| Problem::Unavailable(error.to_string());
        let mut tries = 0;
        loop {
            let asked = of.clone().map(|number| async move {
                let epoch = self.lane(number).epoch().await;
                let epoch = epoch.map_err(|error| Problem::Unavailable(error.to_string()))?;
                Ok::<_, Problem>((epoch, self.read(number, queries).await.map_err(unavailable)?))
            });
            let (epochs, answers): (Vec<_>, Vec<_>) = try_join_all(asked).await?.into_iter().unzip();
            match self.all_durable(of.clone().zip(&epochs), Leaving::Event).await {
                // A lane without commits learns only now that its partition was opened again.
                Err(StoreError::Epoch) if tries < EPOCHS => tries += 1,
                told => return told.map(|()| answers).map_err(unavailable),
            }
        }
    }

    pub(crate) async fn watch_heads(self) {
        let mut asked: Option<i64> = None;
        loop {
            let now = self.clock().now_us();
            let waits = self.inbox().all().any(|(_, consumer)| !consumer.is_started());
            if waits || asked.is_none_or(|asked| now - asked >= self.tuning().heads.as_micros() as i64) {
                asked = Some(now);
                self.ask_heads().await;
                self.release_all().await;
            }
            self.clock().sleep(LOOK.min(self.tuning().heal_after)).await;
        }
    }

    /// One request a producer; how many did not answer.
    pub(crate) async fn ask_heads(&self) -> u64 {
        let mut sources: Vec<&str> = self.topics().iter().map(|topic| owner(topic)).collect();
        sources.dedup();
        let mut silent = 0;
        for source in sources {
            // Before asking: the answer may be older than what is settled when it comes.
            let reached: HashMap<_, _> =
                self.inbox().all_progress().into_iter().map(|it| (it.key(), it.reached())).collect();
            let heads = self.ask(source, "/feeds").await;
            let heads = heads.and_then(|heads| serde_json::from_slice::<Heads>(&heads).ok());
            silent += u64::from(heads.is_none());
            let Some(heads) = heads.filter(|_| !is_off(Fault::Heads)) else { continue };
            for (topic, consumer) in self.inbox().all().filter(|(topic, _)| owner(topic) == source) {
                if !self.start_consumer(topic, consumer, heads.get(topic)).await {
                    continue;
                }
                let lost = FeedHead { head: 0, void: Ranges::default() };
                let mut told = BTreeMap::<u8, &FeedHead>::new();
                // A feed that its producer does not name has lost all it had.
                let mut known = self.inbox().all_progress();
                known.retain(|it| it.consumer() == consumer.name && it.feed().topic == *topic);
                told.extend(known.iter().map(|it| (it.feed().partition, &lost)));
                told.extend(heads.get(topic).into_iter().flatten().map(|(partition, head)| (*partition, head)));
                for (partition, head) in told {
                    let feed = Arc::new(Feed { source: source.to_owned(), topic: topic.to_owned(), partition });
                    let progress = self.inbox().progress(&consumer.name, &feed);
                    let reached = reached.get(&progress.key()).copied().unwrap_or(0);
                    progress.told_head(head.head);
                    self.heard_head(&progress, head.head, &head.void, reached).await;
                }
            }
        }
        silent
    }

    /// At most `limit` positions that have been gaps for so long, by the store's word: the copy says when to ask, and is
    /// behind wherever another replica has settled.
    pub(crate) async fn overdue(&self, progress: &Progress, since: Duration, limit: usize) -> Vec<Position> {
        let overdue = || progress.overdue(self.clock().now_us(), since.as_micros() as i64, limit);
        if !self.refresh(progress).await || overdue().is_empty() {
            return Vec::new();
        }
        progress.forget();
        if self.refresh(progress).await { overdue() } else { Vec::new() }
    }

    pub(crate) fn consumer_of(&self, progress: &Progress) -> Option<Arc<Consumer>> {
        self.inbox()
            .consumers(&progress.feed().topic)
            .iter()
            .find(|consumer| consumer.name == progress.consumer())
            .cloned()
    }

    pub(crate) async fn fetch(&self, feed: &Feed, after: Position, limit: usize) -> Vec<Arc<Incoming>> {
        self.page(feed, after, limit).await.unwrap_or_default().0
    }

    /// Events of a feed in order, and what of its numbers are none; `None` when its producer does not answer.
    pub(crate) async fn page(
        &self,
        feed: &Feed,
        after: Position,
        limit: usize,
    ) -> Option<(Vec<Arc<Incoming>>, Ranges)> {
        let path = format!("/feeds/{}/{}?after={after}&limit={limit}", feed.topic, feed.partition);
        let body = self.ask(&feed.source, &path).await?;
        let page: FeedPage<'_> = serde_json::from_slice(&body).ok()?;
        let parse = |event: &RawValue| Incoming::parse(&body.slice_ref(event.get().as_bytes())).ok().map(Arc::new);
        Some((page.events.into_iter().filter_map(parse).collect(), page.void))
    }

    async fn ask(&self, source: &str, path: &str) -> Option<Bytes> {
        let request = Request::get(path).body(Bytes::new()).ok()?;
        match self.sidecar().invoke(source, request).await {
            Ok(response) if response.status().is_success() => Some(response.into_body()),
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
                tracing::warn!(service = self.name(), source, %error, "a producer does not answer");
                None
            }
        }
    }

    /// Carries every feed whose low has moved far enough to every partition, marks there or not: a floor left at 0 would make
    /// a rewind start at 0.
    pub(crate) async fn raise_floors(self) {
        loop {
            self.clock().sleep(self.tuning().floors).await;
            let life = self.life();
            let mut floors = Vec::new();
            for progress in self.inbox().all_progress() {
                let Some((low, holes)) = progress.next_floor(life, self.tuning().floor_behind) else { continue };
                let (consumer, feed) = (progress.consumer().to_owned(), progress.feed_name().to_owned());
                floors.push(Floor { consumer, feed, low, holes });
            }
            if floors.is_empty() {
                continue;
            }
            for number in 0..PARTITIONS {
                let job = Job { floors: floors.clone(), life: Some(life), ..Job::new(Mark::None, Context::default()) };
                // A refused floor only leaves marks for longer.
                let _ = self.lane(number).submit(job).await;
            }
        }
    }
}
