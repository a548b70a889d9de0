//! What routes do with a service: decide a command once for a key, and read streams.

use std::sync::Arc;
use std::time::Duration;

use super::Service;
use crate::author::{Accepted, Command, Commanded, IdempotencyKey, KEPT, PendingResult, View};
use crate::delivery::{Done, Job, Kept, Refused, Watched};
use crate::model::{
    Aggregate, Context, Decision, EventSet, Incoming, Problem, Slot, SlotRef, Unreadable, decode_row, fold, span,
};
use crate::store::{Answer, Leaving, Mark, Query, StreamId, partition_of};

/// Longest an HTTP caller waits for a commit before it is told to try again.
const PATIENCE: Duration = Duration::from_secs(10);

impl Service {
    /// Decides `command` once for `key`; a repeated request gets the first answer.
    pub async fn execute<C: Command>(
        &self,
        key: &IdempotencyKey,
        command: C,
        accepted: Accepted,
    ) -> Result<Accepted, Problem> {
        let pending = PendingResult { fingerprint: key.fingerprint().to_owned(), accepted };
        self.request(key.mark(), key.context().clone(), Box::new(Commanded(command)), pending).await
    }

    /// Decides `command` once for a message from outside that names itself (a callback, a webhook): `id` is the sender's.
    pub async fn receive<C: Command>(
        &self,
        sender: &str,
        id: &str,
        context: Context,
        command: C,
    ) -> Result<(), Problem> {
        let decision = Commanded(command);
        let story = self.story(&decision).await.unwrap_or_else(|| context.clone());
        let call = context.traceparent.filter(|call| story.traceparent.as_ref() != Some(call));
        let span = span!(
            story.traceparent.as_deref(),
            self.name(),
            self.clock(),
            "consumer",
            format!("receive {sender}").as_str(),
            messaging.message.id = id
        );
        call.iter().for_each(|call| span.record("link", call.as_str()));
        let mut context = Context { correlation: story.correlation, traceparent: story.traceparent.clone(), ..context };
        span.enter(&mut context);
        let pending = PendingResult { fingerprint: String::new(), accepted: Accepted::new(serde_json::Value::Null) };
        let mark = Mark::Request { key: format!("{sender}|{id}"), ttl_ms: KEPT.as_millis() as u64 };
        self.request(mark, context, Box::new(decision), pending).await.map(drop)
    }

    /// Of the story a decision's stream began with. Who sends a callback knows nothing of it, but tells a part of it.
    async fn story(&self, decision: &impl Decision) -> Option<Context> {
        let slots = decision.reads().into_iter();
        let stream = slots.map(|slot| slot.slot).find_map(|slot| match slot {
            Slot::Stream(stream) => Some(stream),
            Slot::Row { .. } => None,
        });
        let first = Query::Events { stream: stream?, after: 0, limit: 1 };
        let Answer::Events(events) =
            self.lanes().read_one(partition_of(&decision.partition_key()), first).await.ok()?
        else {
            return None;
        };
        let first = events.into_iter().next()?;
        Some(Incoming::recorded(&first.record, first.placed).ok()?.context)
    }

    async fn request(
        &self,
        mark: Mark,
        mut context: Context,
        decision: Box<dyn Decision>,
        pending: PendingResult,
    ) -> Result<Accepted, Problem> {
        if context.correlation.is_empty() {
            context.correlation = self.clock().uuid().to_string();
        }
        let number = partition_of(&decision.partition_key());
        let kept = pending.clone();
        let kept: Kept = Arc::new(move |rejected| kept.stored(rejected));
        let job = Job { request: Some(kept), ..Job::new(mark, context).decide(vec![decision]) };
        let lane = self.lanes().lane(number);
        let submitted = async { Ok((lane.epoch().await?, lane.try_submit(job).await?)) };
        let (epoch, done) = match tokio::time::timeout(PATIENCE, submitted).await.unwrap_or(Err(Refused::Full)) {
            Ok(done) => done,
            Err(Refused::Poison(reason)) => return Err(Problem::Internal(reason)),
            Err(refused) => return Err(Problem::Unavailable(refused.to_string())),
        };
        let durable = self.lanes().durable(number, &epoch, Leaving::Answer).await;
        durable.map_err(|error| Problem::Unavailable(error.to_string()))?;
        match done {
            Done::Committed(None) => Ok(pending.accepted),
            Done::Committed(Some(rejected)) => Err(Problem::Rejected(rejected)),
            Done::Duplicate(stored) => pending.replay(&stored),
        }
    }

    /// A stream's present state; `None` when it has no events.
    pub async fn state<A: Aggregate>(&self, partition_key: &str, id: &str) -> Result<Option<A>, Problem> {
        let Slot::Stream(stream) = SlotRef::stream::<A>(id).slot else { return Ok(None) };
        match self.lanes().read_one(partition_of(partition_key), Query::Stream(stream)).await? {
            Answer::Stream(stored) if stored.version > 0 => Ok(Some(fold(&stored).map_err(unreadable)?)),
            _ => Ok(None),
        }
    }

    /// A stream's events, oldest first.
    pub async fn history<A: Aggregate>(&self, partition_key: &str, id: &str) -> Result<Vec<Incoming>, Problem> {
        let stream = StreamId { topic: A::Event::TOPIC.to_owned(), id: id.to_owned() };
        let Answer::Events(events) = self
            .lanes()
            .read_one(partition_of(partition_key), Query::Events { stream, after: 0, limit: usize::MAX >> 1 })
            .await?
        else {
            return Ok(Vec::new());
        };
        let read = |recorded: crate::store::Recorded| Incoming::recorded(&recorded.record, recorded.placed);
        events.into_iter().map(read).collect::<Result<_, _>>().map_err(|error| Problem::Internal(error.to_string()))
    }

    /// One row of a view, a little stale.
    pub async fn row<V: View>(&self, key: &str, row: &str) -> Result<Option<V>, Problem> {
        let query = Query::Row { view: V::NAME.to_owned(), key: key.to_owned(), row: row.to_owned() };
        match self.lanes().read_one(partition_of(key), query).await? {
            Answer::Row(Some(row)) => Ok(Some(decode_row(&row.value).map_err(unreadable)?)),
            _ => Ok(None),
        }
    }

    /// Rows of one key after `after`, in order of row, at most `limit`.
    pub async fn rows<V: View>(&self, key: &str, after: &str, limit: usize) -> Result<Vec<(String, V)>, Problem> {
        let query = Query::Rows { view: V::NAME.to_owned(), key: key.to_owned(), after: after.to_owned(), limit };
        let Answer::Rows(rows) = self.lanes().read_one(partition_of(key), query).await? else { return Ok(Vec::new()) };
        rows.into_iter().map(|(row, value)| Ok((row, decode_row(&value).map_err(unreadable)?))).collect()
    }

    /// Commits of this process in the partition of `key`, from now on: what is made before a read misses nothing that
    /// the read missed.
    pub fn changes(&self, key: &str) -> Changes {
        let commits = self.lanes().lane(partition_of(key)).commits();
        Changes { told: commits.get(), commits }
    }
}

fn unreadable(error: Unreadable) -> Problem {
    Problem::Unavailable(error.to_string())
}

pub struct Changes {
    commits: Watched<u64>,
    told: Option<u64>,
}

impl Changes {
    /// Returns at a commit that this has not told of, or after `patience`.
    pub async fn next(&mut self, patience: Duration) {
        let more = self.commits.find(|commits| Some(commits).filter(|it| self.told != Some(*it)));
        self.told = tokio::time::timeout(patience, more).await.unwrap_or(self.told);
    }
}
