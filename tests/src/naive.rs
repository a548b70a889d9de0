//! Three recipes for "exactly once" as they are often told, in place of the mark inside the commit: the effect and its mark
//! are two writes, one after the other. Run under the same faults, they show what our one commit is for.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use millrace::store::{Epoch, Mark, Partition, Position, Store, StoreError, Unit, Verdict};
use tokio::time::Instant;

use crate::chaos::{Chaos, Rate};
use crate::watch::Harm;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recipe {
    /// "Insert the message's id first; who can't is a duplicate."
    MarkBefore,
    /// "Look for the id, do the work, then insert it."
    MarkAfter,
    /// "Take a lock with an expiry on the id, do the work, then make the lock for ever."
    Lease,
}

/// How long a lease holds others off.
const LEASE: Duration = Duration::from_secs(5);

type Key = (Partition, String, String, Position);

#[derive(Debug, Clone, Copy)]
enum Marked {
    Until(Instant),
    ForEver,
}

/// The recipe in use, and its marks, which survive every crash.
#[derive(Debug, Default)]
pub struct Naive(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    recipe: Option<Recipe>,
    marks: BTreeMap<Key, Marked>,
    /// How often the effect behind each mark was committed.
    effects: BTreeMap<Key, u64>,
}

impl Naive {
    pub fn set(&self, recipe: Option<Recipe>) {
        self.state().recipe = recipe;
    }

    pub fn is_used(&self) -> bool {
        self.state().recipe.is_some()
    }

    pub fn harm(&self) -> Harm {
        let state = self.state();
        let lost = state.marks.keys().filter(|key| !state.effects.contains_key(*key)).count();
        let doubled = state.effects.values().map(|times| times - 1).sum();
        Harm { effects: state.effects.len() + lost, lost, doubled }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Commits unit by unit, mark and effect apart. Between the two writes the process may die or lose its store, at the
    /// same rates as around any commit.
    pub async fn commit(
        &self,
        store: &dyn Store,
        partition: &Partition,
        epoch: &Epoch,
        group: &[Unit],
        chaos: &Chaos,
        crashes: impl Fn() -> bool,
    ) -> Result<Vec<Verdict>, StoreError> {
        let mut verdicts: Vec<Verdict> = Vec::with_capacity(group.len());
        for unit in group {
            // Alone in its group, a unit can't name those before it; what it builds on its versions still tell.
            let mut alone = Unit { after: Vec::new(), ..unit.clone() };
            let Mark::Events { consumer, feed, positions } = &unit.mark else {
                verdicts.extend(store.commit(partition, epoch, &[alone]).await?);
                continue;
            };
            // A page at once is no part of the recipes: its events then come one by one.
            let [position] = positions[..] else {
                verdicts.push(Verdict::Duplicate { result: bytes::Bytes::new() });
                continue;
            };
            let key = (partition.clone(), consumer.clone(), feed.clone(), position);
            if !self.begin(&key)? {
                verdicts.push(Verdict::Duplicate { result: bytes::Bytes::new() });
                continue;
            }
            between(chaos, &crashes).await?;
            alone.mark = Mark::None;
            let verdict = store.commit(partition, epoch, &[alone]).await?;
            let done = matches!(verdict[..], [Verdict::Ok { .. }]);
            verdicts.extend(verdict);
            if done {
                *self.state().effects.entry(key.clone()).or_default() += 1;
                between(chaos, &crashes).await?;
                self.state().marks.insert(key, Marked::ForEver);
            } else {
                // Refused and to be decided again: even a naive recipe would give the mark back.
                self.state().marks.remove(&key);
            }
        }
        Ok(verdicts)
    }

    /// Whether the effect is this caller's to commit.
    fn begin(&self, key: &Key) -> Result<bool, StoreError> {
        let mut state = self.state();
        let now = Instant::now();
        match (state.recipe, state.marks.get(key).copied()) {
            (_, Some(Marked::ForEver)) => Ok(false),
            (_, Some(Marked::Until(end))) if now < end => Err(StoreError::Unavailable("somebody is on it".to_owned())),
            (Some(Recipe::MarkBefore), _) => Ok(state.marks.insert(key.clone(), Marked::ForEver).is_none()),
            (Some(Recipe::Lease), _) => {
                state.marks.insert(key.clone(), Marked::Until(now + LEASE));
                Ok(true)
            }
            _ => Ok(true),
        }
    }
}

async fn between(chaos: &Chaos, crashes: &impl Fn() -> bool) -> Result<(), StoreError> {
    if crashes() {
        return futures::future::pending().await;
    }
    let cut = chaos.hits(Rate::AnswerLost);
    if cut { Err(StoreError::Unavailable("the connection is reset".to_owned())) } else { Ok(()) }
}
