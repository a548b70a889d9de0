//! Runs due work: takes it up, performs it, commits its result.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc};

use crate::delivery::{
    Done, Job, Lanes, Parked, Performed, Reason, Refused, StartedWork, Wiring, WorkKind, WorkWiring, parse_id,
};
use crate::model::{Context, Ctx, Decision, Incoming, Partners, span};
use crate::seams::{Fault, Outside, is_off};
use crate::store::{Answer, Epoch, Leaving, Mark, Park, Query, StreamId, WorkRecord, partition_of};

/// Calls to the outside in flight at once.
const CONCURRENT: usize = 256;

pub(crate) struct Executor {
    lanes: Arc<Lanes>,
    wiring: Wiring,
    outside: Arc<dyn Outside>,
    partners: Partners,
    permits: Arc<Semaphore>,
    /// Records this process is on, so that the sweep leaves them.
    running: Mutex<HashSet<String>>,
}

impl Executor {
    pub fn new(lanes: Arc<Lanes>, wiring: Wiring, outside: Arc<dyn Outside>, partners: Partners) -> Self {
        let (permits, running) = (Arc::new(Semaphore::new(CONCURRENT)), Mutex::default());
        Self { lanes, wiring, outside, partners, permits, running }
    }

    /// Performs what commits have started.
    pub async fn perform_started(self: Arc<Self>, mut started: mpsc::Receiver<(Epoch, StartedWork)>) {
        while let Some((epoch, work)) = started.recv().await {
            self.start_work(epoch, work);
        }
    }

    fn wiring(&self, handler: &str) -> Option<&WorkWiring> {
        self.wiring.iter().find(|wiring| wiring.name == handler)
    }

    /// Takes the record for this process, unless it has it already.
    fn begin(&self, id: &str) -> bool {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned())
    }

    fn end(&self, id: &str) {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }

    /// Performs work that the causing commit has taken up for us.
    fn start_work(self: &Arc<Self>, epoch: Epoch, work: StartedWork) {
        if !self.begin(&work.id) {
            return;
        }
        let executor = self.clone();
        self.lanes.tasks.spawn(async move {
            // The call must not happen before the commit that recorded it is safe.
            if executor.lanes.durable(work.partition, &epoch, Leaving::Effect).await.is_ok() {
                executor.perform(work.partition, &work.id, work.tries, work.incoming).await;
            }
            executor.end(&work.id);
        });
    }

    /// Takes up a record that is due.
    pub fn resume_work(self: &Arc<Self>, partition: u8, record: WorkRecord) {
        if !self.begin(&record.id) {
            return;
        }
        let executor = self.clone();
        self.lanes.tasks.spawn(async move {
            executor.resume(partition, &record).await;
            executor.end(&record.id);
        });
    }

    async fn resume(self: &Arc<Self>, partition: u8, record: &WorkRecord) {
        let Some(wiring) = parse_id(&record.id).and_then(|(handler, ..)| self.wiring(handler)) else {
            let (service, work) = (self.lanes.name, &record.id);
            tracing::error!(service, work, "work of a handler this version does not have is left alone");
            return;
        };
        let Some(incoming) = self.cause(partition, &record.id).await else { return };
        match &wiring.kind {
            WorkKind::Deadline(due) => match due(&incoming) {
                Ok((_, decision)) => self.finish(partition, &record.id, &incoming, decision).await,
                Err(error) => self.park_work(partition, record, &incoming, &error.to_string()).await,
            },
            WorkKind::Effect { budget, .. } => {
                let tries = record.tries + 1;
                let taken = Mark::Reschedule {
                    id: record.id.clone(),
                    from: record.tries,
                    to: tries,
                    delay_ms: budget.lease().as_millis() as u64,
                };
                let Ok(epoch) = self.lanes.lane(partition).epoch().await else { return };
                let verdict = self.lanes.lane(partition).submit(Job::new(taken, Context::default())).await;
                if matches!(verdict, Ok(Done::Committed(_)))
                    && self.lanes.durable(partition, &epoch, Leaving::Effect).await.is_ok()
                {
                    self.perform(partition, &record.id, tries, incoming).await;
                }
            }
        }
    }

    async fn perform(self: &Arc<Self>, partition: u8, id: &str, tries: u32, mut incoming: Incoming) {
        let Some(WorkWiring { name, kind: WorkKind::Effect { budget, perform }, .. }) =
            parse_id(id).and_then(|(handler, ..)| self.wiring(handler))
        else {
            return;
        };
        let Ok(_permit) = self.permits.clone().acquire_owned().await else { return };
        let (outside, clock, partners) = (self.outside.clone(), self.lanes.clock.clone(), self.partners.clone());
        let tries = if is_off(Fault::Ask) { 1 } else { tries };
        let ctx = Ctx { outside, clock, partners, tries, budget: *budget };
        let last = ctx.is_last_try();
        let span = span!(
            incoming.context.traceparent.as_deref(),
            self.lanes.name,
            &self.lanes.clock,
            "client",
            format!("perform {name}").as_str(),
            millrace.tries = tries,
            messaging.message.id = incoming.id.as_str()
        );
        let outcome = tokio::time::timeout(budget.timeout, perform(ctx, incoming.clone())).await;
        match &outcome {
            Ok(Ok(Performed::Result(_))) => span.outcome("done"),
            Ok(Ok(Performed::Retry(_))) => span.outcome("retry"),
            Ok(Err(_)) => span.failed(&"undecodable"),
            Err(_) => span.failed(&"timeout"),
        }
        span.enter(&mut incoming.context);
        drop(span);
        let pause = budget.pause_after(tries);
        let record = WorkRecord { id: id.to_owned(), tries, due_ms: 0 };
        match outcome {
            Ok(Ok(Performed::Result(decision))) => self.finish(partition, id, &incoming, decision).await,
            Ok(Err(error)) => self.park_work(partition, &record, &incoming, &error.to_string()).await,
            Ok(Ok(Performed::Retry(_))) | Err(_) if last => {
                self.park_work(partition, &record, &incoming, "tries exhausted").await
            }
            Ok(Ok(Performed::Retry(after))) => self.put_off(partition, id, tries, after.max(pause)).await,
            Err(_) => self.put_off(partition, id, tries, pause).await,
        }
    }

    async fn put_off(self: &Arc<Self>, partition: u8, id: &str, tries: u32, after: Duration) {
        let mark = Mark::Reschedule { id: id.to_owned(), from: tries, to: tries, delay_ms: after.as_millis() as u64 };
        // Refused or not, the sweep finds the record when it is due.
        let _ = self.lanes.lane(partition).submit(Job::new(mark, Context::default())).await;
        let (executor, record) = (self.clone(), WorkRecord { id: id.to_owned(), tries, due_ms: 0 });
        self.lanes.tasks.spawn(async move {
            executor.lanes.clock.sleep(after).await;
            executor.resume_work(partition, record);
        });
    }

    async fn finish(&self, partition: u8, id: &str, incoming: &Incoming, decision: Box<dyn Decision>) {
        debug_assert_eq!(
            partition_of(&decision.partition_key()),
            partition,
            "a result belongs to the partition of its cause"
        );
        let mut context = incoming.cause();
        context.actor = Some(self.lanes.name.to_owned());
        let job = Job::new(Mark::Work { id: id.to_owned() }, context).decide(vec![decision]);
        match self.lanes.lane(partition).submit(job).await {
            Ok(_) | Err(Refused::Closed) => {}
            Err(refused) => {
                let record = WorkRecord { id: id.to_owned(), tries: 0, due_ms: 0 };
                self.park_work(partition, &record, incoming, &refused.to_string()).await;
            }
        }
    }

    /// Sets a record aside for a person: it is no longer due, and its removal and its parking are one commit.
    async fn park_work(&self, partition: u8, record: &WorkRecord, incoming: &Incoming, reason: &str) {
        let parked = Parked {
            attempts: record.tries,
            trace: incoming.context.traceparent.clone(),
            ..Parked::new(Reason::Work, reason, &incoming.bytes, &self.lanes.clock)
        };
        let park = Park {
            consumer: self.lanes.name.to_owned(),
            feed: String::new(),
            entry: record.id.clone(),
            record: parked.to_json(),
        };
        let job = Job { parks: vec![park], ..Job::new(Mark::Work { id: record.id.clone() }, Context::default()) };
        if let Ok(Done::Committed(_)) = self.lanes.lane(partition).submit(job).await {
            let (service, work, tries) = (self.lanes.name, &record.id, record.tries);
            let (correlation, trace) = (&*incoming.context.correlation, incoming.context.trace_id());
            tracing::error!(service, work, tries, correlation, trace, reason, "work is parked");
            self.lanes.metrics.parked(Reason::Work);
        }
    }

    async fn cause(&self, partition: u8, id: &str) -> Option<Incoming> {
        let (_, topic, stream, sequence) = parse_id(id)?;
        let query = Query::Events {
            stream: StreamId { topic: topic.to_owned(), id: stream.to_owned() },
            after: sequence - 1,
            limit: 1,
        };
        let Ok(Answer::Events(events)) = self.lanes.read_one(partition, query).await else { return None };
        let recorded = events.into_iter().next()?;
        Incoming::recorded(&recorded.record, recorded.placed).ok()
    }
}
