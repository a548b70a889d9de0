//! What a lane is asked, and what it answers.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::oneshot;
use tracing::field::Empty;

use crate::model::{Context, Decision, Rejected, Traced, span};
use crate::seams::Clock;
use crate::store::{Floor, Mark, NewWork, Park, Partition, Settle};

/// What a request's mark keeps, whichever way the decision goes.
pub(crate) type Kept = Arc<dyn Fn(Option<&Rejected>) -> Bytes + Send + Sync>;

/// What a lane is asked to commit as one unit.
pub(crate) struct Job {
    pub mark: Mark,
    pub decisions: Arc<[Box<dyn Decision>]>,
    pub context: Context,
    pub settles: Vec<Settle>,
    pub parks: Vec<Park>,
    pub floors: Vec<Floor>,
    /// Besides what the recorded events cause.
    pub work: Vec<NewWork>,
    /// Set for a request: what its mark keeps.
    pub request: Option<Kept>,
    /// [`Opener::openings`] as read at admit: the unit is refused as stale when the partition was opened again since.
    pub life: Option<u64>,
}

impl Job {
    pub fn new(mark: Mark, context: Context) -> Self {
        Self {
            mark,
            decisions: Arc::new([]),
            context,
            settles: Vec::new(),
            parks: Vec::new(),
            floors: Vec::new(),
            work: Vec::new(),
            request: None,
            life: None,
        }
    }

    pub fn decide(self, decisions: Vec<Box<dyn Decision>>) -> Self {
        Self { decisions: decisions.into(), ..self }
    }

    pub fn settle(settles: Vec<Settle>, life: Option<u64>) -> Self {
        Self { settles, life, ..Self::new(Mark::None, Context::default()) }
    }
}

#[derive(Debug, Clone)]
pub(crate) enum Done {
    /// Committed; `Some` when the decider refused and only the mark was written.
    Committed(Option<Rejected>),
    /// It was committed before; a request's stored result.
    Duplicate(Bytes),
}

#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Refused {
    #[error("progress moved: admit again")]
    Stale,
    #[error("too many conflicts")]
    Conflict,
    #[error("{0}")]
    Poison(String),
    #[error("lane closed")]
    Closed,
    #[error("lane full")]
    Full,
}

pub(crate) type Reply = Result<Done, Refused>;

pub(super) struct Queued {
    pub job: Job,
    pub tries: u32,
    reply: oneshot::Sender<Reply>,
    span: Traced,
}

impl Queued {
    /// Its span begins here: what a job waits for its commit is a part of it.
    pub fn new(mut job: Job, partition: &Partition, clock: &Clock) -> (Self, oneshot::Receiver<Reply>) {
        let (reply, verdict) = oneshot::channel();
        let Partition { service, number } = partition;
        let span = span!(
            job.context.traceparent.as_deref(),
            service,
            clock,
            "internal",
            "commit",
            millrace.partition = number,
            millrace.conflicts = Empty
        );
        span.enter(&mut job.context);
        (Self { job, tries: 0, reply, span }, verdict)
    }

    pub fn answer(self, verdict: Reply) {
        match &verdict {
            Ok(Done::Committed(None)) => self.span.outcome("committed"),
            Ok(Done::Committed(Some(rejected))) => self.span.outcome(&rejected.code),
            Ok(Done::Duplicate(_)) => self.span.outcome("duplicate"),
            Err(Refused::Stale) => self.span.outcome("stale"),
            Err(Refused::Poison(_)) => self.span.failed(&"poison"),
            Err(refused) => self.span.failed(refused),
        }
        self.span.record("millrace.conflicts", self.tries);
        // A caller that no longer waits needs no answer.
        let _ = self.reply.send(verdict);
    }
}
