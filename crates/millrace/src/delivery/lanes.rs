//! The partitions of one service as every part uses them: a lane each to commit by, the store to read, and when what was
//! committed may leave.

use std::ops::Range;
use std::sync::Arc;

use futures::future::try_join_all;

use crate::delivery::{Job, Lane, Metrics, Opener, Outlets};
use crate::model::{Context, Problem};
use crate::seams::{Clock, Fault, Tasks, is_off};
use crate::store::{Answer, Epoch, Leaving, Mark, PARTITIONS, Partition, Query, Store, StoreError, Synced};

/// Openings that one question about a partition may meet.
const EPOCHS: u32 = 2;

pub(crate) struct Lanes {
    /// The service's.
    pub name: &'static str,
    pub store: Arc<dyn Store>,
    pub clock: Clock,
    pub tasks: Tasks,
    pub metrics: Arc<Metrics>,
    opener: Arc<Opener>,
    lanes: Vec<Lane>,
}

impl Lanes {
    /// Starts a lane for each partition.
    pub fn start(outlets: Outlets) -> Self {
        let partition = |number| Partition { service: outlets.service, number };
        let lanes = (0..PARTITIONS).map(|number| Lane::start(partition(number), outlets.clone())).collect();
        let Outlets { service: name, store, opener, clock, tasks, metrics, .. } = outlets;
        Self { name, store, clock, tasks, metrics, opener, lanes }
    }

    pub fn lane(&self, number: u8) -> &Lane {
        &self.lanes[usize::from(number)]
    }

    /// Counts the openings of partitions by this process. What was read of trackers at another count may be taken back.
    pub fn life(&self) -> u64 {
        self.opener.openings()
    }

    /// Returns when what was committed to the partition under `epoch` may leave.
    pub async fn durable(&self, number: u8, epoch: &Epoch, leaving: Leaving) -> Result<(), StoreError> {
        self.all_durable([(number, epoch)], leaving).await
    }

    /// As [`Lanes::durable`], of several partitions with one sync.
    pub async fn all_durable<'a>(
        &self,
        of: impl IntoIterator<Item = (u8, &'a Epoch)>,
        leaving: Leaving,
    ) -> Result<(), StoreError> {
        let synced = self.store.sync(leaving).await;
        if leaving == Leaving::Answer && is_off(Fault::SyncAnswer)
            || leaving == Leaving::Effect && is_off(Fault::SyncEffect)
            || leaving == Leaving::Event && is_off(Fault::SyncEvent)
        {
            return Ok(());
        }
        let mut there = Ok(());
        if synced? == Synced::Now && !is_off(Fault::StillThere) {
            for (number, epoch) in of {
                match self.store.commit(&self.partition(number), epoch, &[]).await {
                    Err(StoreError::Epoch) => {
                        self.knock(number).await;
                        there = Err(StoreError::Epoch);
                    }
                    other => drop(other?),
                }
            }
        }
        there
    }

    /// An empty commit: has the lane find out whether its partition is closed, and takes along whatever rides.
    pub async fn knock(&self, number: u8) {
        let _ = self.lane(number).submit(Job::new(Mark::None, Context::default())).await;
    }

    pub fn partition(&self, number: u8) -> Partition {
        Partition { service: self.name, number }
    }

    pub async fn read(&self, number: u8, queries: &[Query]) -> Result<Vec<Answer>, StoreError> {
        let answers = self.store.read(&self.partition(number), queries).await;
        self.metrics.store_answers(!matches!(answers, Err(StoreError::Unavailable(_))));
        answers
    }

    pub async fn read_one(&self, number: u8, query: Query) -> Result<Answer, Problem> {
        let answers = self.read(number, &[query]).await.map_err(|error| Problem::Unavailable(error.to_string()))?;
        answers.into_iter().next().ok_or_else(|| Problem::Internal("the store gave no answer".to_owned()))
    }

    /// Reads what a consumer will rely on, which must not be lost after it was told; of each partition.
    pub async fn read_to_tell(&self, of: Range<u8>, queries: &[Query]) -> Result<Vec<Vec<Answer>>, Problem> {
        let unavailable = |error: StoreError| Problem::Unavailable(error.to_string());
        let mut tries = 0;
        loop {
            let asked = of.clone().map(|number| async move {
                let epoch = self.lane(number).epoch().await;
                let epoch = epoch.map_err(|error| Problem::Unavailable(error.to_string()))?;
                Ok::<_, Problem>((epoch, self.read(number, queries).await.map_err(unavailable)?))
            });
            let (epochs, answers): (Vec<_>, Vec<_>) = try_join_all(asked).await?.into_iter().unzip();
            match self.all_durable(of.clone().zip(&epochs), Leaving::Event).await {
                // A lane without commits learns only now that its partition was opened again.
                Err(StoreError::Epoch) if tries < EPOCHS => tries += 1,
                told => return told.map(|()| answers).map_err(unavailable),
            }
        }
    }
}
