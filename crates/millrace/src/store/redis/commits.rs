//! Commits on their way to the one server: what is asked for while a call is in flight shares the next one. In a cluster,
//! where a call stays in one slot, each goes by itself. Either way no partition is refused because another is.

use std::sync::Arc;

use redis::{FromRedisValue, Value, pipe};
use tokio::sync::{mpsc, oneshot};

use super::servers::{Scripts, Servers};
use super::wire;
use crate::seams::Tasks;
use crate::store::{GROUP_BYTES, GROUP_UNITS, StoreError, Verdict};

/// A group for one partition.
pub(super) struct Commit {
    pub tag: String,
    pub epoch: String,
    pub units: Vec<u8>,
    pub count: usize,
}

type Outcome = Result<Vec<Verdict>, StoreError>;
type Queued = (Commit, oneshot::Sender<Outcome>);

pub(super) struct Commits {
    servers: Arc<Servers>,
    queue: mpsc::Sender<Queued>,
    /// Ends with the store.
    _tasks: Tasks,
}

impl Commits {
    pub fn new(servers: Arc<Servers>) -> Self {
        let (queue, queued) = mpsc::channel(GROUP_UNITS);
        let tasks = Tasks::default();
        tasks.spawn(share(servers.clone(), queued));
        Self { servers, queue, _tasks: tasks }
    }

    pub async fn commit(&self, commit: Commit) -> Outcome {
        let lost = || StoreError::Unavailable("the store was closed meanwhile".to_owned());
        if self.servers.is_cluster().await? {
            return call(&self.servers, &[commit]).await?.pop().ok_or_else(lost)?;
        }
        let (reply, outcome) = oneshot::channel();
        self.queue.send((commit, reply)).await.map_err(|_| lost())?;
        outcome.await.map_err(|_| lost())?
    }
}

/// Keeps one call in flight, with all that is queued as far as one group may go.
async fn share(servers: Arc<Servers>, mut queued: mpsc::Receiver<Queued>) {
    while let Some(first) = queued.recv().await {
        // What has been woken together is asked for together.
        tokio::task::yield_now().await;
        let (mut commits, mut replies) = (Vec::new(), Vec::new());
        let (mut bytes, mut count, mut next) = (0, 0, Some(first));
        while let Some((commit, reply)) = next {
            (bytes, count) = (bytes + commit.units.len(), count + commit.count);
            commits.push(commit);
            replies.push(reply);
            next = if bytes < GROUP_BYTES && count < GROUP_UNITS { queued.try_recv().ok() } else { None };
        }
        let outcomes = call(&servers, &commits).await;
        let outcomes = outcomes.unwrap_or_else(|error| vec![Err(error); replies.len()]);
        for (reply, outcome) in replies.into_iter().zip(outcomes) {
            // Who no longer waits will ask again.
            let _ = reply.send(outcome);
        }
    }
}

async fn call(servers: &Servers, commits: &[Commit]) -> Result<Vec<Outcome>, StoreError> {
    let Some(first) = commits.first() else { return Ok(Vec::new()) };
    let tags: Vec<&str> = commits.iter().map(|commit| &*commit.tag).collect();
    let groups: Vec<[&[u8]; 2]> = commits.iter().map(|commit| [commit.epoch.as_bytes(), &commit.units]).collect();
    let request = |scripts: &Scripts| {
        let mut one = pipe();
        one.cmd("EVALSHA").arg(&scripts.commit).arg(tags.len()).arg(&tags).arg(groups.concat());
        one
    };
    let reply = servers.ask(&first.tag, request).await?.pop().unwrap_or(Value::Nil);
    let message = Vec::from_redis_value(reply).map_err(|error| StoreError::Corrupt(error.to_string()))?;
    wire::decode(&message)
}
