//! From queued jobs to one commit and back: load what is not cached, decide in order, encode, commit, follow the verdicts.

mod decide;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bytes::Bytes;

use self::decide::{Decided, Undecidable};
use super::job::Queued;
use super::{Done, Job, Outlets, Refused};
use crate::delivery::{CommittedEvent, StartedWork};
use crate::model::{Cached, Loaded, Slot, SlotRef, Stored, Unreadable};
use crate::seams::{Fault, is_off};
use crate::store::{Answer, Epoch, GROUP_BYTES, Mark, Partition, Placed, Query, StoreError, Unit, Verdict};

/// Slots a lane keeps in memory; the older half goes when the younger is full.
const CACHED_SLOTS: usize = 1024;

/// What a lane remembers of its partition between commits.
pub(super) struct Memory {
    partition: Partition,
    outlets: Outlets,
    young: HashMap<Slot, Cached>,
    old: HashMap<Slot, Cached>,
    /// What was loaded for the present group and could not be read, with the reason.
    unreadable: HashMap<Slot, String>,
    due_us: Arc<AtomicI64>,
}

impl Memory {
    pub fn new(partition: Partition, outlets: Outlets, due_us: Arc<AtomicI64>) -> Self {
        let (young, old, unreadable) = (HashMap::new(), HashMap::new(), HashMap::new());
        Self { partition, outlets, young, old, unreadable, due_us }
    }

    pub fn forget(&mut self) {
        self.young.clear();
        self.old.clear();
    }

    fn forget_slot(&mut self, slot: &Slot) {
        self.young.remove(slot);
        self.old.remove(slot);
    }

    /// For at most so many microseconds.
    pub async fn pause(&self, longest: u64) {
        let pause = self.outlets.clock.random() % longest.max(1);
        self.outlets.clock.sleep(Duration::from_micros(pause)).await;
    }

    pub async fn open(&self, refused: Option<&Epoch>) -> Result<(Epoch, u64), StoreError> {
        self.outlets.opener.open(self.partition.number, refused).await
    }

    pub async fn store_failed(&self, error: &StoreError, pause: Duration) {
        self.outlets.metrics.store_answers(false);
        tracing::warn!(service = self.outlets.service, partition = self.partition.number, %error, "the store did not answer; trying again");
        self.outlets.clock.sleep(pause).await;
    }

    /// Commits `group` as far as one group goes; what is left in it is to be tried again.
    pub async fn commit(&mut self, epoch: &Epoch, group: &mut Vec<Queued>) -> Result<(), StoreError> {
        self.prefetch(group).await;
        let mut decided: Vec<(Queued, Decided)> = Vec::new();
        let mut writers: HashMap<Slot, usize> = HashMap::new();
        let mut size = 0;
        let mut rest = Vec::new();
        for queued in group.drain(..) {
            if size > GROUP_BYTES {
                rest.push(queued);
                continue;
            }
            loop {
                match self.decide(&queued.job, epoch, &mut writers, decided.len()) {
                    Err(Undecidable::Unloaded(missing)) => {
                        self.load(missing).await;
                        continue;
                    }
                    Ok(outcome) => {
                        size += outcome.published.iter().map(|(.., record)| record.len()).sum::<usize>();
                        decided.push((queued, outcome));
                    }
                    Err(Undecidable::Poison(reason)) => queued.answer(Err(Refused::Poison(reason))),
                }
                break;
            }
        }
        let (units, mut waiting): (Vec<Unit>, Vec<_>) = decided
            .into_iter()
            .map(|(queued, mut decided)| (std::mem::take(&mut decided.unit), (queued, decided)))
            .unzip();
        match self.send(epoch, &units).await {
            Ok(verdicts) => {
                self.expect_work(&units);
                self.follow(epoch, verdicts, waiting, &mut rest);
            }
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

    /// Notes when the first of what was recorded for later is due.
    fn expect_work(&self, units: &[Unit]) {
        let delays = units.iter().flat_map(|unit| {
            let put_off = if let Mark::Reschedule { delay_ms, .. } = unit.mark { Some(delay_ms) } else { None };
            unit.work.iter().map(|work| work.delay_ms).chain(put_off)
        });
        if let Some(delay_ms) = delays.min() {
            let at_us = self.outlets.clock.now_us().saturating_add_unsigned(delay_ms.saturating_mul(1_000));
            self.due_us.fetch_min(at_us, Ordering::AcqRel);
        }
    }

    /// One read for all that the group's commands name, and one for what that names.
    async fn prefetch(&mut self, group: &[Queued]) {
        self.unreadable.clear();
        loop {
            let missing: Vec<SlotRef> = group.iter().flat_map(|queued| self.missing(&queued.job)).collect();
            if missing.is_empty() {
                return;
            }
            self.load(missing).await;
        }
    }

    fn missing(&mut self, job: &Job) -> Vec<SlotRef> {
        let mut loaded = Loaded::default();
        let reads = job.decisions.iter().flat_map(|decision| decision.reads()).collect();
        let recalled = self.recall(&mut loaded, reads).and_then(|()| {
            let more = job.decisions.iter().flat_map(|decision| decision.reads_more(&loaded)).collect();
            self.recall(&mut loaded, more)
        });
        if let Err(Undecidable::Unloaded(missing)) = recalled { missing } else { Vec::new() }
    }

    /// Puts what is remembered of `named` into `loaded`; all of it or an error.
    fn recall(&mut self, loaded: &mut Loaded, mut named: Vec<SlotRef>) -> Result<(), Undecidable> {
        named.retain(|named| !loaded.has(&named.slot));
        if let Some(reason) = named.iter().find_map(|named| self.unreadable.get(&named.slot)) {
            return Err(Undecidable::Poison(reason.clone()));
        }
        named.retain(|SlotRef { slot, .. }| {
            // What is found among the old is young again.
            if let Some(cached) = self.old.remove(slot) {
                self.young.insert(slot.clone(), cached);
            }
            let cached = self.young.get(slot);
            cached.inspect(|cached| loaded.insert(slot.clone(), (*cached).clone())).is_none()
        });
        if named.is_empty() { Ok(()) } else { Err(Undecidable::Unloaded(named)) }
    }

    /// Reads until the store answers: a group that has begun can't be given back half decided.
    async fn load(&mut self, mut missing: Vec<SlotRef>) {
        let mut seen = HashSet::new();
        missing.retain(|slot| seen.insert(slot.slot.clone()));
        let queries: Vec<Query> = missing.iter().map(|slot| query(&slot.slot)).collect();
        let answers = loop {
            match self.outlets.store.read(&self.partition, &queries).await {
                Ok(answers) => break answers,
                Err(error) => self.store_failed(&error, Duration::from_millis(100)).await,
            }
        };
        for (slot, answer) in missing.into_iter().zip(answers) {
            match stored(answer).and_then(slot.load) {
                Ok(cached) => drop(self.young.insert(slot.slot, cached)),
                Err(error) => drop(self.unreadable.insert(slot.slot, error.to_string())),
            }
        }
    }

    fn follow(
        &mut self,
        epoch: &Epoch,
        verdicts: Vec<Verdict>,
        waiting: Vec<(Queued, Decided)>,
        again: &mut Vec<Queued>,
    ) {
        let mut conflicts = Vec::new();
        for (verdict, (mut queued, decided)) in verdicts.into_iter().zip(waiting) {
            if !matches!(verdict, Verdict::Ok { .. }) && !is_off(Fault::BelieveRefused) {
                decided.slots.iter().for_each(|slot| self.forget_slot(slot));
            }
            match verdict {
                Verdict::Ok { placed } => {
                    self.hand_on(epoch, placed, decided.published, decided.started);
                    queued.answer(decided.answer);
                }
                Verdict::Duplicate { result } => {
                    self.outlets.metrics.duplicates.inc();
                    queued.answer(Ok(Done::Duplicate(result)));
                }
                Verdict::Stale => queued.answer(Err(Refused::Stale)),
                Verdict::Conflict => {
                    self.outlets.metrics.conflicts.inc();
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

    fn hand_on(
        &self,
        epoch: &Epoch,
        placed: Vec<Placed>,
        published: Vec<(String, String, Bytes)>,
        started: Vec<StartedWork>,
    ) {
        self.outlets.metrics.committed(published.iter().map(|(topic, ..)| topic));
        let partition = self.partition.number;
        let events = placed.into_iter().zip(published).map(|(placed, (topic, stream, record))| {
            let epoch = epoch.clone();
            CommittedEvent { partition, epoch, topic, stream, placed, record }
        });
        self.outlets.relay.hand_on(events);
        for started in started {
            let _ = self.outlets.work.try_send((epoch.clone(), started));
        }
    }
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
