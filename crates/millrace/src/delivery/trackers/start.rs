//! Where a consumer begins that is to hear only what is new: at the heads its producer has when it is asked for the first
//! time. They are stored for every feed of the topic, those without an event too, before anything is handled.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Progress, Trackers};
use crate::delivery::{Consumer, FeedHead, Job, Start, owner};
use crate::store::{Feed, Leaving, PARTITIONS};

impl Trackers {
    /// Whether the consumer may handle what it hears on `topic`; decides its start if nobody has. `heads` are all that
    /// the topic has: a feed that is not among them has no event yet.
    pub async fn start_consumer(
        &self,
        topic: &str,
        consumer: &Arc<Consumer>,
        heads: Option<&HashMap<u8, FeedHead>>,
    ) -> bool {
        if consumer.is_started() {
            return true;
        }
        let mut feeds = Vec::with_capacity(usize::from(PARTITIONS));
        for partition in 0..PARTITIONS {
            let feed = Arc::new(Feed { source: owner(topic).to_owned(), topic: topic.to_owned(), partition });
            let progress = self.progress(&consumer.name, &feed);
            progress.forget();
            if !self.read_tracker(&progress).await {
                return false;
            }
            feeds.push(progress);
        }
        // Once wired to begin at the beginning: what it has not come to yet is no less its concern.
        let has_begun = feeds.iter().any(|feed| feed.has_begun()) && !feeds.iter().any(|feed| feed.has_start());
        for progress in feeds {
            let head = heads.and_then(|heads| heads.get(&progress.feed().partition)).map_or(0, |head| head.head);
            let Some((settle, life)) = progress.starting(if has_begun { 0 } else { head }) else { continue };
            let lane = self.lanes.lane(progress.feed().partition);
            let stored = lane.submit(Job::settle(vec![settle], Some(life))).await;
            progress.forget();
            if stored.is_err() || !self.read_tracker(&progress).await || !progress.has_start() {
                return false;
            }
        }
        let is_durable = self.lanes.store.sync(Leaving::Answer).await.is_ok();
        consumer.set_started(is_durable);
        is_durable
    }

    /// False for a tracker whose start was lost with its store: its consumer is started again before it handles more.
    pub(super) fn has_its_start(&self, progress: &Progress) -> bool {
        let Some(consumer) = self.consumer_of(progress) else { return true };
        let has_start = consumer.start == Start::Beginning || progress.has_start();
        if !has_start {
            consumer.set_started(false);
            progress.forget();
        }
        has_start
    }
}
