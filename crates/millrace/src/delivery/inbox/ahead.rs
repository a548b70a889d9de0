//! An entry far ahead of what its producer is known to have: the producer is asked whether it published that very event.
//! One just ahead is believed unasked, so that what comes as it is published waits for no answer.

use super::Inbox;
use super::drive::{Entry, Round};
use crate::delivery::Parked;
use crate::model::Incoming;

impl Inbox {
    pub(super) async fn ask_for(&self, entry: &Entry<'_>) -> Round {
        match self.is_in_feed(entry.incoming).await {
            // Its producer will tell its head, and healing brings what is real.
            None => Round::Over,
            Some(true) => {
                entry.progress.saw_head(entry.placed.position);
                Round::Again
            }
            Some(false) => {
                let record = Parked::not_in_feed(&entry.incoming.bytes, &self.lanes.clock);
                self.park_unplaced(entry.consumer, entry.incoming, record).await;
                Round::Over
            }
        }
    }

    /// Whether its producer has the event at its position, or had one there that it lost; `None` while nobody can tell.
    pub async fn is_in_feed(&self, incoming: &Incoming) -> Option<bool> {
        let (feed, placed) = incoming.place.as_ref()?;
        let (events, void) = self.producers.page(feed, placed.position - 1, 1).await?;
        for consumer in self.trackers.consumers(&feed.topic) {
            self.trackers.skip_voids(&self.trackers.progress(&consumer.name, feed), &void).await;
        }
        let is_it = |event: &Incoming| event.id == incoming.id && event.place == incoming.place;
        Some(void.contains(placed.position) || events.iter().any(|event| is_it(event)))
    }
}
