//! What is told of a delivery: a span where spans are collected, and a count.

use crate::app::Consumer;
use crate::event::Incoming;
use crate::metrics::Delivery;
use crate::service::Service;
use crate::store::Feed;
use crate::trace::{Traced, event_span, is_on};

impl Service {
    pub(super) fn process_span(&self, consumer: &Consumer, incoming: &Incoming, feed: &Feed) -> Traced {
        // What nobody here reacts to would be most of a trace.
        if !is_on() || !consumer.handlers.contains_key(incoming.name.as_str()) {
            return Traced::none();
        }
        let Feed { topic, partition, .. } = feed;
        event_span!(
            incoming,
            self.name(),
            self.clock(),
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
        self.metrics().delivery(delivery, 1);
        span.outcome(delivery.name());
    }
}
