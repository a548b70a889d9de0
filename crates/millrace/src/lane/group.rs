//! From queued jobs to one commit and back: load what is not cached, decide in order, encode, commit, follow the verdicts.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::value::RawValue;
use tokio::sync::mpsc;

use super::{Done, Job, Queued, Refused};
use crate::app::{WorkKind, WorkWiring};
use crate::clock::Clock;
use crate::decider::{Cached, Loaded, RecordedEvent, Slot, SlotRef, Stored, Unreadable, Written};
use crate::event::{Draft, Incoming};
use crate::metrics::Metrics;
use crate::problem::Rejected;
use crate::store::{
    Answer, Append, Epoch, GROUP_BYTES, NewEvent, NewWork, Partition, Placed, Query, RowWrite, Store, StoreError, Unit,
    Verdict,
};
use crate::tasks::Tasks;
use crate::work::StartedWork;

/// Slots a lane keeps in memory; the older half goes when the younger is full.
const CACHED_SLOTS: usize = 1024;
/// A stream's state is written beside its events every so many versions, so that loading it reads at most as many.
const SNAPSHOT_EVERY: u64 = 64;

/// Where a commit's consequences go. The channels are bounded; what does not fit is found again by the upkeep's sweep.
#[derive(Clone)]
pub(crate) struct Outlets {
    pub service: &'static str,
    pub store: Arc<dyn Store>,
    pub clock: Clock,
    pub metrics: Arc<Metrics>,
    pub tasks: Tasks,
    pub wiring: Arc<Vec<WorkWiring>>,
    pub relay: mpsc::Sender<CommittedEvent>,
    pub work: mpsc::Sender<StartedWork>,
}

impl Outlets {
    pub fn tasks(&self) -> &Tasks {
        &self.tasks
    }
}

/// A published event that is durable and not yet on its topic.
#[derive(Debug, Clone)]
pub(crate) struct CommittedEvent {
    pub partition: u8,
    pub topic: String,
    pub stream: String,
    pub placed: Placed,
    pub record: Bytes,
}

/// What a lane remembers of its partition between commits.
pub(super) struct Memory {
    partition: Partition,
    outlets: Outlets,
    young: HashMap<Slot, Cached>,
    old: HashMap<Slot, Cached>,
}

/// A job decided: the unit to commit and what follows from its verdict.
struct Decided {
    unit: Unit,
    slots: Vec<Slot>,
    rejected: Option<Rejected>,
    published: Vec<(String, String, Bytes)>,
    started: Vec<StartedWork>,
}

/// Why a job can't become a unit.
enum Undecidable {
    Rejected(Rejected),
    Poison(String),
}

impl Memory {
    pub fn new(partition: Partition, outlets: Outlets) -> Self {
        Self { partition, outlets, young: HashMap::new(), old: HashMap::new() }
    }

    pub fn forget(&mut self) {
        self.young.clear();
        self.old.clear();
    }

    pub async fn open(&self) -> Result<Epoch, StoreError> {
        self.outlets.store.open(&self.partition).await
    }

    pub async fn store_failed(&self, error: &StoreError, pause: Duration) {
        self.outlets.metrics.store_failed();
        tracing::warn!(service = self.outlets.service, partition = self.partition.number, %error, "the store did not answer; trying again");
        self.outlets.clock.sleep(pause).await;
    }

    /// Commits `group` as far as one group goes; what is left in it is to be tried again.
    pub async fn commit(&mut self, epoch: &Epoch, group: &mut Vec<Queued>) -> Result<(), StoreError> {
        self.load(group).await?;
        let mut decided: Vec<(Queued, Decided)> = Vec::new();
        let mut writers: HashMap<Slot, usize> = HashMap::new();
        let mut size = 0;
        let mut rest = Vec::new();
        for queued in group.drain(..) {
            if size > GROUP_BYTES {
                rest.push(queued);
                continue;
            }
            match self.decide(&queued.job, epoch, &mut writers, decided.len()) {
                Ok(outcome) => {
                    size += outcome.published.iter().map(|(.., record)| record.len()).sum::<usize>();
                    decided.push((queued, outcome));
                }
                Err(Undecidable::Rejected(rejected)) => reply(queued, Ok(Done::Committed(Some(rejected)))),
                Err(Undecidable::Poison(reason)) => reply(queued, Err(Refused::Poison(reason))),
            }
        }
        let (units, mut waiting): (Vec<Unit>, Vec<_>) = decided
            .into_iter()
            .map(|(queued, mut decided)| (std::mem::take(&mut decided.unit), (queued, decided)))
            .unzip();
        match self.send(epoch, &units).await {
            Ok(verdicts) => self.follow(verdicts, waiting, &mut rest),
            Err(error) => {
                self.forget();
                group.extend(waiting.drain(..).map(|(queued, _)| queued));
                group.extend(rest);
                return Err(error);
            }
        }
        *group = rest;
        Ok(())
    }

    /// Sends the same bytes until the store says what became of them.
    async fn send(&self, epoch: &Epoch, units: &[Unit]) -> Result<Vec<Verdict>, StoreError> {
        if units.is_empty() {
            return Ok(Vec::new());
        }
        let mut pause = Duration::from_millis(20);
        loop {
            match self.outlets.store.commit(&self.partition, epoch, units).await {
                Err(error @ StoreError::Unavailable(_)) => {
                    self.store_failed(&error, pause).await;
                    pause = (pause * 2).min(Duration::from_secs(1));
                }
                Err(error @ StoreError::Corrupt(_)) => {
                    self.store_failed(&error, Duration::from_secs(1)).await;
                    return Err(error);
                }
                other => return other,
            }
        }
    }

    async fn load(&mut self, group: &mut Vec<Queued>) -> Result<(), StoreError> {
        let wanted: Vec<SlotRef> =
            group.iter().flat_map(|queued| queued.job.decisions.iter().flat_map(|decision| decision.reads())).collect();
        let mut seen = HashSet::new();
        let missing: Vec<SlotRef> =
            wanted.into_iter().filter(|slot| !self.recall(&slot.slot) && seen.insert(slot.slot.clone())).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let queries: Vec<Query> = missing.iter().map(|slot| query(&slot.slot)).collect();
        let answers = match self.outlets.store.read(&self.partition, &queries).await {
            Ok(answers) => answers,
            Err(error) => {
                self.store_failed(&error, Duration::from_millis(100)).await;
                return Err(error);
            }
        };
        let mut unreadable = HashMap::new();
        for (slot, answer) in missing.into_iter().zip(answers) {
            match stored(answer).and_then(slot.load) {
                Ok(cached) => drop(self.young.insert(slot.slot, cached)),
                Err(error) => drop(unreadable.insert(slot.slot, error.to_string())),
            }
        }
        let reason = |queued: &Queued| {
            let mut reads = queued.job.decisions.iter().flat_map(|decision| decision.reads());
            reads.find_map(|slot| unreadable.get(&slot.slot).cloned())
        };
        for index in (0..group.len()).rev() {
            if let Some(reason) = reason(&group[index]) {
                reply(group.remove(index), Err(Refused::Poison(reason)));
            }
        }
        Ok(())
    }

    /// Whether the slot is cached; one found among the old is young again.
    fn recall(&mut self, slot: &Slot) -> bool {
        if self.young.contains_key(slot) {
            return true;
        }
        let Some(cached) = self.old.remove(slot) else { return false };
        if self.young.len() >= CACHED_SLOTS / 2 {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(slot.clone(), cached);
        true
    }

    fn decide(
        &mut self,
        job: &Job,
        epoch: &Epoch,
        writers: &mut HashMap<Slot, usize>,
        index: usize,
    ) -> Result<Decided, Undecidable> {
        let reads: Vec<Slot> =
            job.decisions.iter().flat_map(|decision| decision.reads()).map(|slot| slot.slot).collect();
        let mut slots = HashMap::new();
        for slot in &reads {
            let cached = self
                .young
                .get(slot)
                .or_else(|| self.old.get(slot))
                .ok_or_else(|| Undecidable::Poison("state went missing".to_owned()))?;
            slots.insert(slot.clone(), cached.clone());
        }
        let versions: HashMap<Slot, u64> = slots.iter().map(|(slot, cached)| (slot.clone(), cached.version)).collect();
        let mut loaded = Loaded::new(slots);
        let rejected = job.decisions.iter().find_map(|decision| decision.decide(&mut loaded).err());
        if let Some(rejected) = rejected.clone().filter(|rejected| rejected.transient) {
            return Err(Undecidable::Rejected(rejected));
        }
        let written = if rejected.is_some() { Vec::new() } else { loaded.into_written() };
        let mut after: Vec<usize> = reads.iter().filter_map(|slot| writers.get(slot).copied()).collect();
        after.sort_unstable();
        after.dedup();
        let result = job.request.as_ref().map(|request| request.stored(rejected.as_ref())).unwrap_or_default();
        let unit = Unit {
            mark: job.mark.clone(),
            after,
            settles: job.settles.clone(),
            parks: job.parks.clone(),
            floors: job.floors.clone(),
            result,
            ..Unit::default()
        };
        let mut decided = Decided { unit, slots: reads, rejected, published: Vec::new(), started: Vec::new() };
        for (slot, version) in versions {
            if let (Slot::Stream(stream), false) =
                (&slot, written.is_empty() || written.iter().any(|written| written.slot == slot))
            {
                decided.unit.appends.push(Append {
                    stream: stream.clone(),
                    expected: version,
                    events: Vec::new(),
                    snapshot: None,
                });
            }
        }
        decided.unit.appends.sort_by(|a, b| a.stream.cmp(&b.stream));
        let context = Encoding { job, epoch, time: self.outlets.clock.rfc3339() };
        for written in written {
            writers.insert(written.slot.clone(), index);
            let (slot, after) = (written.slot.clone(), written.after.clone());
            self.encode(written, &context, &mut decided).map_err(Undecidable::Poison)?;
            self.young.insert(slot, after);
        }
        Ok(decided)
    }

    fn encode(&self, written: Written, context: &Encoding<'_>, decided: &mut Decided) -> Result<(), String> {
        let state = || (written.encode)(&*written.after.state).map_err(|error| error.to_string());
        match &written.slot {
            Slot::Row { view, key, row } => {
                decided.unit.rows.push(RowWrite {
                    view: (*view).to_owned(),
                    key: key.clone(),
                    row: row.clone(),
                    expected: written.expected,
                    value: state()?,
                });
            }
            Slot::Stream(stream) => {
                let mut events = Vec::with_capacity(written.events.len());
                for (sequence, event) in (written.expected + 1..).zip(&written.events) {
                    let record = self.record(event.as_ref(), context, &stream.id, sequence)?;
                    self.plan_work(event.as_ref(), &stream.topic, &stream.id, sequence, &record, decided)?;
                    let published = !event.schema().private;
                    if published {
                        decided.published.push((stream.topic.clone(), stream.id.clone(), record.clone()));
                    }
                    events.push(NewEvent { record, published });
                }
                let due = written.after.version / SNAPSHOT_EVERY > written.expected / SNAPSHOT_EVERY;
                let snapshot = if due { Some(state()?) } else { None };
                decided.unit.appends.push(Append {
                    stream: stream.clone(),
                    expected: written.expected,
                    events,
                    snapshot,
                });
            }
        }
        Ok(())
    }

    fn record(
        &self,
        event: &dyn RecordedEvent,
        context: &Encoding<'_>,
        stream: &str,
        sequence: u64,
    ) -> Result<Bytes, String> {
        let schema = event.schema();
        let value = event.to_value().map_err(|error| error.to_string())?;
        (schema.schema.validate)(&value)
            .map_err(|violation| format!("own event {} breaks its schema: {violation}", schema.name))?;
        let data = serde_json::to_string(&value).and_then(RawValue::from_string).map_err(|error| error.to_string())?;
        let key = context.job.decisions.first().map(|decision| decision.partition_key()).unwrap_or_default();
        let draft = Draft {
            service: self.outlets.service,
            epoch: &context.epoch.0,
            schema,
            stream,
            sequence,
            partition: self.partition.number,
            partition_key: &key,
            time: &context.time,
            context: &context.job.context,
            data: &data,
        };
        draft.record().map_err(|error| error.to_string())
    }

    fn plan_work(
        &self,
        event: &dyn RecordedEvent,
        topic: &str,
        stream: &str,
        sequence: u64,
        record: &Bytes,
        decided: &mut Decided,
    ) -> Result<(), String> {
        for wiring in self.outlets.wiring.iter().filter(|wiring| wiring.cause == event.schema().name) {
            let incoming = Incoming::parse(record).map_err(|error| error.to_string())?;
            let id = crate::work::id(wiring.name, topic, stream, sequence);
            match &wiring.kind {
                WorkKind::Deadline(due) => {
                    let (delay, _) = due(&incoming).map_err(|error| error.to_string())?;
                    decided.unit.work.push(NewWork { id, delay_ms: delay.as_millis() as u64, tries: 0 });
                }
                WorkKind::Effect { budget, .. } => match budget.first_after {
                    Some(delay) => decided.unit.work.push(NewWork { id, delay_ms: delay.as_millis() as u64, tries: 0 }),
                    None => {
                        decided.unit.work.push(NewWork {
                            id: id.clone(),
                            delay_ms: budget.lease().as_millis() as u64,
                            tries: 1,
                        });
                        decided.started.push(StartedWork { partition: self.partition.number, id, tries: 1, incoming });
                    }
                },
            }
        }
        Ok(())
    }

    fn follow(&mut self, verdicts: Vec<Verdict>, waiting: Vec<(Queued, Decided)>, again: &mut Vec<Queued>) {
        let mut conflicts = Vec::new();
        for (verdict, (mut queued, decided)) in verdicts.into_iter().zip(waiting) {
            if !matches!(verdict, Verdict::Ok { .. }) {
                for slot in &decided.slots {
                    self.young.remove(slot);
                    self.old.remove(slot);
                }
            }
            match verdict {
                Verdict::Ok { placed } => {
                    self.hand_on(placed, decided.published, decided.started);
                    reply(queued, Ok(Done::Committed(decided.rejected)));
                }
                Verdict::Duplicate { result } => {
                    self.outlets.metrics.duplicate();
                    reply(queued, Ok(Done::Duplicate(result)));
                }
                Verdict::Stale => reply(queued, Err(Refused::Stale)),
                Verdict::Conflict => {
                    self.outlets.metrics.conflict();
                    queued.tries += 1;
                    conflicts.push(queued);
                }
            }
        }
        conflicts.append(again);
        *again = conflicts;
        if self.young.len() > CACHED_SLOTS / 2 {
            self.old = std::mem::take(&mut self.young);
        }
    }

    fn hand_on(&self, placed: Vec<Placed>, published: Vec<(String, String, Bytes)>, started: Vec<StartedWork>) {
        self.outlets.metrics.committed(published.len() as u64);
        for (placed, (topic, stream, record)) in placed.into_iter().zip(published) {
            let _ = self.outlets.relay.try_send(CommittedEvent {
                partition: self.partition.number,
                topic,
                stream,
                placed,
                record,
            });
        }
        for started in started {
            let _ = self.outlets.work.try_send(started);
        }
    }
}

/// What the records of one unit share.
struct Encoding<'a> {
    job: &'a Job,
    epoch: &'a Epoch,
    time: String,
}

fn query(slot: &Slot) -> Query {
    match slot {
        Slot::Stream(stream) => Query::Stream(stream.clone()),
        Slot::Row { view, key, row } => Query::Row { view: (*view).to_owned(), key: key.clone(), row: row.clone() },
    }
}

fn stored(answer: Answer) -> Result<Stored, Unreadable> {
    match answer {
        Answer::Stream(stream) => Ok(Stored::Stream(stream)),
        Answer::Row(row) => Ok(Stored::Row(row)),
        _ => Err(Unreadable("the store answered another question".to_owned())),
    }
}

fn reply(queued: Queued, verdict: super::Reply) {
    let _ = queued.reply.send(verdict);
}
