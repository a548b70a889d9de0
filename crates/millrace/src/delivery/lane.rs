//! The lane: the one task of a process that decides for a partition. Jobs queue; whatever is queued is decided in order
//! on cached state, each job on the state the one before left, and committed as one group with one call in flight.
//! A job refused by the store (conflict) is decided again on fresh state; nothing is believed before its verdict.

mod group;
mod job;
mod opener;
mod outlets;
mod watched;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;

use crate::seams::Clock;
use crate::store::{Epoch, GROUP_UNITS, Partition, StoreError};
use group::Memory;
use job::Queued;

pub(crate) use job::{Done, Job, Kept, Refused, Reply};
pub(crate) use opener::Opener;
pub(crate) use outlets::Outlets;
pub(crate) use watched::Watched;

/// Jobs that may wait for a lane: beyond it HTTP is told 503 and events wait at the inbox.
const QUEUE: usize = 1024;
/// Jobs that may wait for a commit to ride with.
const RIDERS: usize = 64;
/// Tries of one job against conflicts before it is given back.
const CONFLICT_TRIES: u32 = 64;
/// Longest pause after a conflict; the first retry has none, since the usual reason is a state remembered for too long.
const CONFLICT_PAUSE: Duration = Duration::from_millis(64);

/// The handle of a partition's lane.
pub(crate) struct Lane {
    queue: mpsc::Sender<Queued>,
    riders: mpsc::Sender<Queued>,
    epoch: Watched<Option<Epoch>>,
    commits: Watched<u64>,
    /// When (µs) there is work to be taken up, as far as this process knows.
    due_us: Arc<AtomicI64>,
    partition: Partition,
    clock: Clock,
}

impl Lane {
    pub fn start(partition: Partition, outlets: Outlets) -> Self {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let (riders, riding) = mpsc::channel(RIDERS);
        let (epoch, commits) = (Watched::new(None), Watched::new(0));
        let due_us = Arc::new(AtomicI64::new(i64::MIN));
        let clock = outlets.clock.clone();
        let worker = Worker {
            memory: Memory::new(partition.clone(), outlets.clone(), due_us.clone()),
            epoch: None,
            opened: epoch.clone(),
            opening: 0,
            contended: 0,
            committed: commits.clone(),
            jobs,
            riding,
        };
        outlets.tasks.spawn(worker.run());
        Self { queue, riders, epoch, commits, due_us, partition, clock }
    }

    /// Whether the partition is worth a look; from here on only for what is expected anew.
    pub fn takes_due(&self, now_us: i64) -> bool {
        let is_due = self.due_us.load(Ordering::Acquire) <= now_us;
        if is_due {
            self.due_us.store(i64::MAX, Ordering::Release);
        }
        is_due
    }

    pub fn expect_due(&self, at_us: i64) {
        self.due_us.fetch_min(at_us, Ordering::AcqRel);
    }

    /// The epoch of the present or next commit. To be read before what is submitted under it; waits for the first one.
    pub async fn epoch(&self) -> Result<Epoch, Refused> {
        self.epoch.find(|epoch| epoch).await.ok_or(Refused::Closed)
    }

    /// Counts the commits of this process in the partition.
    pub fn commits(&self) -> Watched<u64> {
        self.commits.clone()
    }

    /// Waits for a place in the queue, then for the verdict.
    pub async fn submit(&self, job: Job) -> Reply {
        self.send(&self.queue, job).await
    }

    /// As [`Lane::submit`], but in the commit of something else: without one it waits for ever.
    pub async fn ride(&self, job: Job) -> Reply {
        self.send(&self.riders, job).await
    }

    async fn send(&self, queue: &mpsc::Sender<Queued>, job: Job) -> Reply {
        let (queued, verdict) = Queued::new(job, &self.partition, &self.clock);
        queue.send(queued).await.map_err(|_| Refused::Closed)?;
        verdict.await.unwrap_or(Err(Refused::Closed))
    }

    /// As [`Lane::submit`], but refused at once when the lane is full.
    pub async fn try_submit(&self, job: Job) -> Reply {
        let (queued, verdict) = Queued::new(job, &self.partition, &self.clock);
        self.queue.try_send(queued).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Refused::Full,
            mpsc::error::TrySendError::Closed(_) => Refused::Closed,
        })?;
        verdict.await.unwrap_or(Err(Refused::Closed))
    }
}

struct Worker {
    memory: Memory,
    /// `None` when the last one was refused, and before the first.
    epoch: Option<Epoch>,
    opened: Watched<Option<Epoch>>,
    /// Which opening of the service's was this partition's last.
    opening: u64,
    /// Goes up with each attempt that met a conflict, down with each that met none.
    contended: u32,
    committed: Watched<u64>,
    jobs: mpsc::Receiver<Queued>,
    riding: mpsc::Receiver<Queued>,
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.opened.set(None);
        self.committed.set(None);
    }
}

impl Worker {
    async fn run(mut self) {
        // At once, so that openings are rare afterwards: each makes every tracker be read again.
        self.epoch().await;
        while let Some(first) = self.jobs.recv().await {
            let mut group = vec![first];
            while group.len() < GROUP_UNITS {
                let Ok(next) = self.riding.try_recv().or_else(|_| self.jobs.try_recv()) else { break };
                group.push(next);
            }
            while !group.is_empty() {
                group = self.attempt(group).await;
            }
        }
    }

    /// One commit. Returns what must be tried again.
    ///
    /// Another replica that commits to the same streams without pause would win for ever: it lands in between our read
    /// and our commit. So who loses decides less at a time, down to one unit, at moments of chance.
    async fn attempt(&mut self, mut group: Vec<Queued>) -> Vec<Queued> {
        let rest = group.split_off(group.len().min((GROUP_UNITS >> self.contended).max(1)));
        let mut again = self.attempt_all(group).await;
        if again.iter().any(|queued| queued.tries > 0) {
            let pause = CONFLICT_PAUSE.as_micros() as u64 >> (GROUP_UNITS.ilog2() - self.contended);
            self.contended = (self.contended + 1).min(GROUP_UNITS.ilog2());
            if again.iter().any(|queued| queued.tries > 1) {
                self.memory.pause(pause).await;
            }
        } else {
            self.contended = self.contended.saturating_sub(1);
        }
        again.extend(rest);
        again
    }

    async fn attempt_all(&mut self, mut group: Vec<Queued>) -> Vec<Queued> {
        let epoch = self.epoch().await;
        let (current, stale): (Vec<_>, Vec<_>) =
            group.into_iter().partition(|queued| queued.job.life.is_none_or(|admitted| self.opening <= admitted));
        group = current;
        refuse(stale, &Refused::Stale);
        match self.memory.commit(&epoch, &mut group).await {
            Ok(()) => {
                self.committed.set(self.committed.get().map(|count| count + 1));
                let (again, exhausted): (Vec<_>, Vec<_>) =
                    group.into_iter().partition(|queued| queued.tries < CONFLICT_TRIES);
                refuse(exhausted, &Refused::Conflict);
                again
            }
            Err(StoreError::Epoch) => {
                self.memory.forget();
                self.epoch = None;
                group
            }
            Err(StoreError::Unavailable(_) | StoreError::Corrupt(_)) => group,
        }
    }

    /// The partition's epoch, opening it as often as it takes.
    async fn epoch(&mut self) -> Epoch {
        let mut pause = Duration::from_millis(20);
        loop {
            if let Some(epoch) = &self.epoch {
                return epoch.clone();
            }
            let refused = self.opened.get().flatten();
            match self.memory.open(refused.as_ref()).await {
                Ok((epoch, opening)) => {
                    self.opening = opening;
                    self.opened.set(Some(Some(epoch.clone())));
                    self.epoch = Some(epoch);
                }
                Err(error) => {
                    self.memory.store_failed(&error, pause).await;
                    pause = (pause * 2).min(Duration::from_secs(1));
                }
            }
        }
    }
}

fn refuse(queued: Vec<Queued>, reason: &Refused) {
    for queued in queued {
        queued.answer(Err(reason.clone()));
    }
}
