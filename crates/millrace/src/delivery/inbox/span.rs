//! What is told of a delivery: a span where spans are collected, and a count.

use super::Inbox;
use crate::delivery::{Consumer, Delivery};
use crate::model::{Incoming, Traced, event_span, is_on};
use crate::store::Feed;

impl Inbox {
    pub(super) fn process_span(&self, consumer: &Consumer, incoming: &Incoming, feed: &Feed) -> Traced {
        // What nobody here reacts to would be most of a trace.
        if !is_on() || !consumer.handlers.contains_key(incoming.name.as_str()) {
            return Traced::none();
        }
        let Feed { topic, partition, .. } = feed;
        event_span!(
            incoming,
            self.lanes.name,
            &self.lanes.clock,
            "consumer",
            "process",
            topic,
            messaging.consumer.group.name = consumer.name.as_str(),
            messaging.destination.partition.id = partition
        )
    }

    /// A link is all that the event's trace gets of it.
    pub(super) fn came_again(&self, span: &Traced) {
        self.delivered(span, Delivery::Duplicate);
        span.detach();
    }

    pub(super) fn delivered(&self, span: &Traced, delivery: Delivery) {
        self.lanes.metrics.delivery(delivery, 1);
        span.outcome(delivery.name());
    }
}
