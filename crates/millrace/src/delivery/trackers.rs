//! What the service's consumers have settled, as this process knows it, and how it follows the store's word and the
//! producers'.

mod start;
mod voids;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::delivery::{Consumer, Instead, Lanes, Progress, instead_key};
use crate::store::{Answer, Feed, Position, Query};

/// Progress of every consumer and feed met so far.
#[derive(Default)]
struct Met {
    by_feed: HashMap<Arc<Feed>, Vec<Arc<Progress>>>,
    /// The same in a fixed order, until another is met.
    sorted: Option<Arc<[Arc<Progress>]>>,
}

pub(crate) struct Trackers {
    lanes: Arc<Lanes>,
    consumers: BTreeMap<&'static str, Vec<Arc<Consumer>>>,
    progress: Mutex<Met>,
}

impl Trackers {
    pub fn new(lanes: Arc<Lanes>, consumers: BTreeMap<&'static str, Vec<Consumer>>) -> Self {
        let share = |(topic, consumers): (_, Vec<Consumer>)| (topic, consumers.into_iter().map(Arc::new).collect());
        Self { lanes, consumers: consumers.into_iter().map(share).collect(), progress: Mutex::default() }
    }

    /// Who hears a topic.
    pub fn consumers(&self, topic: &str) -> &[Arc<Consumer>] {
        self.consumers.get(topic).map_or(&[], Vec::as_slice)
    }

    pub fn all(&self) -> impl Iterator<Item = (&'static str, &Arc<Consumer>)> {
        self.consumers.iter().flat_map(|(topic, consumers)| consumers.iter().map(move |consumer| (*topic, consumer)))
    }

    /// A consumer's progress on a feed, shared by all that drive its entries.
    pub fn progress(&self, consumer: &str, feed: &Arc<Feed>) -> Arc<Progress> {
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        let Met { by_feed, sorted } = &mut *progress;
        let of_feed = by_feed.entry(feed.clone()).or_default();
        if let Some(known) = of_feed.iter().find(|known| known.consumer() == consumer) {
            return known.clone();
        }
        let new = Arc::new(Progress::new(consumer, feed.clone()));
        of_feed.push(new.clone());
        *sorted = None;
        new
    }

    /// Progress of every consumer and feed met so far, in a fixed order.
    pub fn all_progress(&self) -> Arc<[Arc<Progress>]> {
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        let Met { by_feed, sorted } = &mut *progress;
        let sort = || {
            let mut all: Vec<_> = by_feed.values().flatten().cloned().collect();
            all.sort_by(|a, b| (a.consumer(), a.feed()).cmp(&(b.consumer(), b.feed())));
            all.into()
        };
        sorted.get_or_insert_with(sort).clone()
    }

    /// Reads the tracker if this process has none of the present life. False when the store can't be reached.
    pub async fn refresh(&self, progress: &Progress) -> bool {
        self.read_tracker(progress).await && self.has_its_start(progress)
    }

    pub async fn read_tracker(&self, progress: &Progress) -> bool {
        let partition = progress.feed().partition;
        let life = self.lanes.life();
        if progress.is_current(life) {
            return true;
        }
        let (consumer, feed) = (progress.consumer().to_owned(), progress.feed_name().to_owned());
        let key = instead_key(&consumer, &feed);
        let (after, limit) = (String::new(), usize::MAX >> 1);
        let queries =
            [Query::Tracker { consumer, feed }, Query::Rows { view: Instead::VIEW.to_owned(), key, after, limit }];
        let Ok(answers) = self.lanes.read(partition, &queries).await else { return false };
        let Ok([Answer::Tracker(tracker), Answer::Rows(rows)]) = <[Answer; 2]>::try_from(answers) else { return false };
        let instead = rows.iter().map(|(row, value)| Some((row.parse().ok()?, serde_json::from_slice(value).ok()?)));
        let Some(instead) = instead.collect() else {
            let key = instead_key(progress.consumer(), progress.feed_name());
            tracing::error!(service = self.lanes.name, key, "an edited payload can't be read");
            return false;
        };
        progress.replace(tracker, instead, life);
        true
    }

    /// At most `limit` positions that have been gaps for so long, by the store's word: the copy says when to ask, and is
    /// behind wherever another replica has settled.
    ///
    /// What [`Self::may_be_overdue`] rules out has none.
    pub async fn overdue(&self, progress: &Progress, since: Duration, limit: usize) -> Vec<Position> {
        let overdue = || progress.overdue(self.lanes.clock.now_us(), since.as_micros() as i64, limit);
        if !self.refresh(progress).await || overdue().is_empty() {
            return Vec::new();
        }
        progress.forget();
        if self.refresh(progress).await { overdue() } else { Vec::new() }
    }

    /// By the copy alone, without a task or a read: almost always nothing is.
    pub fn may_be_overdue(&self, progress: &Progress, since: Duration) -> bool {
        let now = self.lanes.clock.now_us();
        !progress.is_current(self.lanes.life()) || !progress.overdue(now, since.as_micros() as i64, 1).is_empty()
    }

    pub fn consumer_of(&self, progress: &Progress) -> Option<Arc<Consumer>> {
        self.consumer(&progress.feed().topic, progress.consumer())
    }

    pub fn consumer(&self, topic: &str, name: &str) -> Option<Arc<Consumer>> {
        self.consumers(topic).iter().find(|consumer| consumer.name == name).cloned()
    }

    /// Read anew; false when the store can't be reached.
    pub async fn reread(&self, progress: &Progress) -> bool {
        progress.forget();
        self.refresh(progress).await
    }
}
