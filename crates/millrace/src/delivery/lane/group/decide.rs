//! From one job to one unit: run its decisions on what the lane remembers, check and encode what they recorded.

use std::collections::HashMap;

use bytes::Bytes;
use serde_json::value::RawValue;

use super::Memory;
use crate::delivery::{Done, Job, Refused, Reply, StartedWork, WorkKind, work_id};
use crate::model::{Draft, Incoming, Loaded, RecordedEvent, Slot, SlotRef, Written};
use crate::store::{Append, Epoch, NewEvent, NewWork, RowWrite, Unit};

/// A stream's state is written beside its events every so many versions, so that loading it reads at most as many.
const SNAPSHOT_EVERY: u64 = 64;

/// A job decided: the unit to commit and what follows from its verdict.
pub(super) struct Decided {
    pub unit: Unit,
    pub slots: Vec<Slot>,
    /// What to answer once the unit is committed.
    pub answer: Reply,
    pub published: Vec<(String, String, Bytes)>,
    pub started: Vec<StartedWork>,
}

/// Why a job can't become a unit.
pub(super) enum Undecidable {
    Poison(String),
    /// Not before these are loaded.
    Unloaded(Vec<SlotRef>),
}

impl Memory {
    pub(super) fn decide(
        &mut self,
        job: &Job,
        epoch: &Epoch,
        writers: &mut HashMap<Slot, usize>,
        index: usize,
    ) -> Result<Decided, Undecidable> {
        let mut loaded = Loaded::default();
        self.recall(&mut loaded, job.decisions.iter().flat_map(|decision| decision.reads()).collect())?;
        let mut rejected = None;
        for decision in job.decisions.iter() {
            // Asked on what the decisions before have left, which the prefetch could not know.
            let more = decision.reads_more(&loaded);
            self.recall(&mut loaded, more)?;
            rejected = decision.decide(&mut loaded).err();
            if rejected.is_some() {
                break;
            }
        }
        let (versions, mut written) = loaded.into_parts();
        written.retain(|_| rejected.is_none());
        let slots: Vec<Slot> = versions.iter().map(|(slot, _)| slot.clone()).collect();
        let mut after: Vec<usize> = slots.iter().filter_map(|slot| writers.get(slot).copied()).collect();
        after.sort_unstable();
        after.dedup();
        let result = job.request.as_ref().map(|request| request(rejected.as_ref())).unwrap_or_default();
        let unit = Unit {
            mark: job.mark.clone(),
            after,
            settles: job.settles.clone(),
            parks: job.parks.clone(),
            floors: job.floors.clone(),
            work: job.work.clone(),
            result,
            appends: only_read(&versions, &written),
            ..Unit::default()
        };
        // What is not committed is believed no more than what is: another replica may have moved on from what was read.
        let check = Unit { after: unit.after.clone(), appends: only_read(&versions, &[]), ..Unit::default() };
        let transient = rejected.as_ref().is_some_and(|rejected| rejected.transient);
        let unit = if transient { check.clone() } else { unit };
        let answer = Ok(Done::Committed(rejected));
        let mut decided = Decided { unit, slots, answer, published: Vec::new(), started: Vec::new() };
        let context = Encoding { job, epoch, time: self.outlets.clock.rfc3339() };
        for written in written {
            writers.insert(written.slot.clone(), index);
            let (slot, after) = (written.slot.clone(), written.after.clone());
            if let Err(reason) = self.encode(written, &context, &mut decided) {
                decided.slots.iter().for_each(|slot| self.forget_slot(slot));
                let answer = Err(Refused::Poison(reason));
                return Ok(Decided { unit: check, answer, published: Vec::new(), started: Vec::new(), ..decided });
            }
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
            let id = work_id(wiring.name, topic, stream, sequence);
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
}

/// What the records of one unit share.
struct Encoding<'a> {
    job: &'a Job,
    epoch: &'a Epoch,
    time: String,
}

/// What was decided on must still hold of a stream that was read and not written. Of a decision that writes nothing too:
/// its mark says that the event is done with, or its answer is kept, and another replica may have moved the stream.
fn only_read(versions: &[(Slot, u64)], written: &[Written]) -> Vec<Append> {
    let is_written = |slot: &Slot| written.iter().any(|written| written.slot == *slot);
    let append = |(slot, expected): &(Slot, u64)| match slot {
        Slot::Stream(stream) if !is_written(slot) => {
            Some(Append { stream: stream.clone(), expected: *expected, events: Vec::new(), snapshot: None })
        }
        Slot::Stream(_) | Slot::Row { .. } => None,
    };
    versions.iter().filter_map(append).collect()
}
