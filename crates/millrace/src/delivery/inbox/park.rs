//! Setting aside what can't be processed. A copy of what is set aside already changes nothing and is not counted.

use bytes::Bytes;

use super::Inbox;
use super::drive::{Entry, Round, Way};
use crate::delivery::{Admitted, Consumer, Delivery, Done, Job, Parked};
use crate::model::{Context, Incoming, Violation, sha256_hex, story};
use crate::seams::{Fault, is_off};
use crate::store::{Mark, Outcome, Park, partition_of};

impl Inbox {
    pub(super) async fn park(&self, entry: &Entry<'_>, admitted: Admitted, record: Parked) -> Round {
        if is_off(Fault::Park) {
            return self.settle(entry, admitted, Outcome::Done, None).await;
        }
        let record = Parked { trace: entry.incoming.context.traceparent.clone(), ..record };
        let none = Park {
            consumer: entry.consumer.name.clone(),
            feed: entry.progress.feed_name().to_owned(),
            entry: entry.placed.position.to_string(),
            record: Bytes::new(),
        };
        let (read, record) = match entry.way {
            Way::Redriven(read) => match Parked::from_json(&read.record) {
                Some(before) => (read, before.again(record)),
                None => (read, record),
            },
            Way::Arrived | Way::Released => (&none, record),
        };
        let parks = vec![Park { record: record.to_json(), ..none.clone() }];
        let job = Job { parks, ..Job::new(Mark::Parked(read.clone()), Context::default()) };
        if let Err(round) = self.settle_by(job, entry, admitted, Outcome::Held).await {
            return round;
        }
        self.delivered(entry.span, Delivery::Held);
        entry.span.failed(&format_args!("{:?}", record.reason));
        self.tell_parked(&entry.consumer.name, &entry.incoming.id, Some(&entry.incoming.context), &record);
        Round::Over
    }

    /// An entry that is no envelope of ours: kept under its hash, nothing waits behind it.
    pub(super) async fn park_unreadable(&self, topic: &str, bytes: &Bytes, violation: &Violation) {
        self.park_by_hash(self.lanes.name, topic, Parked::unreadable(violation, bytes, &self.lanes.clock), bytes).await;
    }

    /// As [`Inbox::park_unreadable`], of an envelope that can be read and has no place in a feed.
    pub(super) async fn park_unplaced(&self, consumer: &Consumer, incoming: &Incoming, record: Parked) {
        let topic = incoming.name.rsplit_once('.').map_or("", |(topic, _)| topic);
        self.park_by_hash(&consumer.name, topic, record, &incoming.bytes).await;
    }

    async fn park_by_hash(&self, consumer: &str, topic: &str, record: Parked, bytes: &Bytes) {
        let hash = sha256_hex(bytes);
        let none = Park {
            consumer: consumer.to_owned(),
            feed: String::new(),
            entry: format!("{topic}|{hash}"),
            record: Bytes::new(),
        };
        let parks = vec![Park { record: record.to_json(), ..none.clone() }];
        let job = Job { parks, ..Job::new(Mark::Parked(none), Context::default()) };
        if let Ok(Done::Committed(_)) = self.lanes.lane(partition_of(&hash)).submit(job).await {
            self.tell_parked(consumer, &hash, None, &record);
        }
    }

    fn tell_parked(&self, consumer: &str, entry: &str, context: Option<&Context>, record: &Parked) {
        let Parked { reason, detail, .. } = record;
        let (correlation, trace) = story(context);
        let service = self.lanes.name;
        tracing::error!(service, consumer, entry, correlation, trace, ?reason, detail, "an entry is parked");
        self.lanes.metrics.parked(*reason);
    }
}
