//! The store as one replica of each service has it: it crashes its service around a commit, fails or delays it, as the seed
//! says, and lets the watch judge every group that was committed.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, pending};
use millrace::store::{
    Answer, Claim, Epoch, Gate, Leaving, Mark, Outcome, Partition, Position, Query, Store, StoreError, Synced, Unit,
    Verdict,
};

use crate::chaos::{Chaos, Point, Rate, Trouble};
use crate::naive::Naive;
use crate::shards::Shards;

/// Longer than a handler may take.
const SLOW: Duration = Duration::from_secs(4);
/// Names of the shop's deadlines; all other work is effects.
const DEADLINES: [&str; 3] = ["ask_shipping|", "expire|", "time_out|"];

#[derive(Clone)]
pub struct FaultyStore {
    inner: Arc<Shards>,
    chaos: Arc<Chaos>,
    pub naive: Arc<Naive>,
    replica: usize,
}

impl FaultyStore {
    pub fn new(inner: Shards, chaos: Arc<Chaos>) -> Self {
        Self { inner: Arc::new(inner), chaos, naive: Arc::default(), replica: 0 }
    }

    /// The same store as the replica has it.
    pub fn handle(&self, replica: usize) -> Self {
        Self { replica, ..self.clone() }
    }

    /// How many of a shard's commits could be lost.
    fn unsynced(&self, shard: usize) -> usize {
        self.inner.kvs.get(shard).map_or(0, |kv| kv.unsynced())
    }

    /// Whether a shard has so many commits that could be lost.
    pub fn could_lose(&self, shard: usize, commits: usize) -> bool {
        self.unsynced(shard) >= commits
    }

    /// A shard starts anew without the newest of its unsynced commits.
    pub fn lose(&self, shard: usize, commits: usize) {
        let lost = self.inner.lose(shard, commits);
        self.chaos.tell("", format_args!("shard {shard} starts anew without its last {lost} commits"));
        self.chaos.watch.lost(shard, lost);
        if lost > 0 {
            self.chaos.seen.count("shard lost commits");
        }
    }

    fn refusal(&self, partition: &Partition) -> Option<StoreError> {
        let unavailable = |why: &str| Some(StoreError::Unavailable(why.to_owned()));
        let who = partition.service;
        if self.chaos.suffers(Trouble::StoreAway, who) {
            return unavailable("nobody answers");
        }
        if self.chaos.suffers(Trouble::StoreRefuses, who) {
            return unavailable("OOM command not allowed when used memory > 'maxmemory'");
        }
        if self.chaos.hits(Rate::CommitFails) { unavailable("the connection is reset") } else { None }
    }

    /// Whether a crash that waits for a commit like this ends the service.
    fn crashes(&self, points: &[Point], partition: &Partition) -> bool {
        points.iter().any(|point| self.chaos.crashes(*point, partition.service, self.replica))
    }

    fn crashes_by_rate(&self, rate: Rate, partition: &Partition) -> bool {
        let crashes = self.chaos.hits(rate);
        if crashes {
            self.chaos.crash(partition.service, self.replica);
        }
        crashes
    }

    async fn commit(&self, partition: &Partition, epoch: &Epoch, group: &[Unit]) -> Result<Vec<Verdict>, StoreError> {
        if group.is_empty() {
            // It writes nothing, and may be asked in the name of a caller that is not the one to crash.
            return self.inner.commit(partition, epoch, group).await;
        }
        if let Some(refusal) = self.refusal(partition) {
            self.chaos.tell(partition.service, format_args!("commit in {:02} is refused: {refusal}", partition.number));
            return Err(refusal);
        }
        if self.chaos.suffers(Trouble::StoreSlow, partition.service) {
            self.chaos.clock.sleep(self.chaos.some_time(SLOW)).await;
        }
        let (before, after) = points(group);
        if self.crashes_by_rate(Rate::CrashBefore, partition) || self.crashes(&before, partition) {
            return pending().await;
        }
        let shard = self.inner.shard_of(partition);
        let unsynced = self.unsynced(shard);
        let verdicts = if self.naive.is_used() {
            let crashes = || self.crashes_by_rate(Rate::CrashBefore, partition);
            self.naive.commit(&*self.inner, partition, epoch, group, &self.chaos, crashes).await?
        } else {
            self.inner.commit(partition, epoch, group).await?
        };
        // No await lies between the commit and here.
        let loses = (self.unsynced(shard) > unsynced).then_some(shard);
        self.note(partition, group, &verdicts, loses);
        if self.crashes_by_rate(Rate::CrashAfter, partition) || self.crashes(&after, partition) {
            return pending().await;
        }
        if self.chaos.hits(Rate::AnswerLost) {
            return Err(StoreError::Unavailable("the answer is lost".to_owned()));
        }
        Ok(verdicts)
    }

    fn note(&self, partition: &Partition, group: &[Unit], verdicts: &[Verdict], loses: Option<usize>) {
        let chaos = &self.chaos;
        chaos.watch.committed(partition, group, verdicts, loses);
        for (unit, verdict) in group.iter().zip(verdicts) {
            branches(unit, verdict).into_iter().flatten().for_each(|branch| chaos.seen.count(branch));
            unit.appends.iter().flat_map(|append| &append.events).for_each(|event| chaos.add_to_trace(&event.record));
        }
        let units: Vec<String> = group.iter().zip(verdicts).map(|(unit, verdict)| line(unit, verdict)).collect();
        chaos.tell(partition.service, format_args!("commits in {:02}: {}", partition.number, units.join("; ")));
    }
}

impl Store for FaultyStore {
    fn open<'a>(&'a self, partition: &'a Partition) -> BoxFuture<'a, Result<Gate, StoreError>> {
        if self.chaos.suffers(Trouble::StoreAway, partition.service) {
            return futures::future::ready(Err(StoreError::Unavailable("nobody answers".to_owned()))).boxed();
        }
        self.inner.open(partition)
    }

    fn rewind<'a>(&'a self, partition: &'a Partition, claims: &'a [Claim]) -> BoxFuture<'a, Result<(), StoreError>> {
        async move {
            if let Some(refusal) = self.refusal(partition) {
                return Err(refusal);
            }
            self.inner.rewind(partition, claims).await?;
            self.chaos.watch.shard_synced(self.inner.shard_of(partition));
            Ok(())
        }
        .boxed()
    }

    fn reopen<'a>(
        &'a self,
        partition: &'a Partition,
        run: &'a str,
        jump: Position,
    ) -> BoxFuture<'a, Result<Epoch, StoreError>> {
        async move {
            if self.crashes(&[Point::BeforeReopen], partition) {
                return pending().await;
            }
            if let Some(refusal) = self.refusal(partition) {
                return Err(refusal);
            }
            let epoch = self.inner.reopen(partition, run, jump).await?;
            let heads = match self.inner.read(partition, &[Query::Heads]).await?.pop() {
                Some(Answer::Heads(heads)) => heads,
                _ => Vec::new(),
            };
            self.chaos.watch.shard_synced(self.inner.shard_of(partition));
            self.chaos.watch.reopened(partition, &heads, jump);
            self.chaos.tell(partition.service, format_args!("opens {:02} as {}", partition.number, epoch.0));
            Ok(epoch)
        }
        .boxed()
    }

    fn commit<'a>(
        &'a self,
        partition: &'a Partition,
        epoch: &'a Epoch,
        group: &'a [Unit],
    ) -> BoxFuture<'a, Result<Vec<Verdict>, StoreError>> {
        self.commit(partition, epoch, group).boxed()
    }

    fn read<'a>(
        &'a self,
        partition: &'a Partition,
        queries: &'a [Query],
    ) -> BoxFuture<'a, Result<Vec<Answer>, StoreError>> {
        if self.chaos.suffers(Trouble::StoreAway, partition.service) || self.chaos.hits(Rate::ReadFails) {
            return futures::future::ready(Err(StoreError::Unavailable("nobody answers".to_owned()))).boxed();
        }
        self.inner.read(partition, queries)
    }

    fn sync(&self, leaving: Leaving) -> BoxFuture<'_, Result<Synced, StoreError>> {
        async move {
            if self.chaos.hits(Rate::SyncFails) {
                return Err(StoreError::Unavailable("not synced in time".to_owned()));
            }
            let synced = self.inner.sync(leaving).await?;
            // Where all services share one journal, what it loses is a tail of everything, so that an event need not wait.
            if leaving != Leaving::Event || self.inner.is_divided() {
                self.chaos.watch.synced();
            }
            Ok(synced)
        }
        .boxed()
    }
}

/// Crashes that may wait before, and after, a group like this.
fn points(group: &[Unit]) -> (Vec<Point>, Vec<Point>) {
    let has_effect = |unit: &Unit| !unit.rows.is_empty() || unit.appends.iter().any(|append| !append.events.is_empty());
    let settles =
        |unit: &Unit| unit.mark == Mark::None && unit.settles.iter().any(|settle| !settle.consumer.starts_with('~'));
    let reports = |unit: &Unit| unit.settles.iter().any(|settle| settle.consumer.starts_with('~'));
    let claims = |unit: &Unit| matches!(unit.mark, Mark::Reschedule { from, to, .. } if from < to);
    let (mut before, mut after) = (Vec::new(), Vec::new());
    if group.iter().any(has_effect) {
        before.push(Point::BeforeCommit);
        after.push(Point::AfterCommit);
    }
    if group.iter().any(settles) {
        before.push(Point::BeforeSettle);
    }
    if group.iter().any(reports) {
        before.push(Point::BeforeCursor);
    }
    if group.iter().any(claims) {
        after.push(Point::AfterClaim);
    }
    (before, after)
}

/// The rare branches that a unit's verdict shows.
fn branches(unit: &Unit, verdict: &Verdict) -> [Option<&'static str>; 3] {
    let by_mark = match (&unit.mark, verdict) {
        (_, Verdict::Conflict) => Some("conflict"),
        (Mark::Events { .. }, Verdict::Duplicate { .. }) => Some("duplicate by mark"),
        (Mark::Request { .. }, Verdict::Duplicate { .. }) => Some("request replayed"),
        (Mark::Events { positions, .. }, Verdict::Ok { .. }) if positions.len() > 1 => Some("a page folded"),
        (Mark::Events { .. }, Verdict::Ok { .. }) if !unit.settles.is_empty() => Some("settled inside the commit"),
        (Mark::None, Verdict::Ok { .. }) if !unit.settles.is_empty() => Some("settled on its own"),
        (Mark::Reschedule { from, to, .. }, Verdict::Ok { .. }) if from < to && *from > 0 => {
            Some("effect taken up again")
        }
        (Mark::Work { id }, Verdict::Ok { .. }) if DEADLINES.iter().any(|name| id.starts_with(name)) => {
            Some("deadline fired")
        }
        _ => None,
    };
    let ok = matches!(verdict, Verdict::Ok { .. });
    let held = ok && unit.settles.iter().any(|settle| settle.outcome == Outcome::Held);
    let snapshot = ok && unit.appends.iter().any(|append| append.snapshot.is_some());
    let parked = ok && !unit.parks.is_empty();
    let kept = if parked { Some("parked") } else { held.then_some("held") };
    [by_mark, kept, snapshot.then_some("snapshot written")]
}

fn line(unit: &Unit, verdict: &Verdict) -> String {
    let mark = match &unit.mark {
        Mark::None => "-".to_owned(),
        Mark::Events { consumer, feed, positions } => format!("{consumer} {feed} {positions:?}"),
        Mark::Work { id } => format!("result of {id}"),
        Mark::Reschedule { id, from, to, .. } => format!("{id} try {from} to {to}"),
        Mark::Request { key, .. } => format!("request {key}"),
        Mark::Parked(park) => format!("{} {} {} parked", park.consumer, park.feed, park.entry),
    };
    let settles = unit
        .settles
        .iter()
        .map(|settle| format!(" {:?} {} {} {}", settle.outcome, settle.consumer, settle.feed, settle.position));
    let events = unit.appends.iter().map(|append| {
        format!(" +{} {}/{} at {}", append.events.len(), append.stream.topic, append.stream.id, append.expected)
    });
    let rows = unit.rows.iter().map(|row| format!(" {}/{}/{}", row.view, row.key, row.row));
    let floors = (!unit.floors.is_empty()).then(|| format!(" {} floors", unit.floors.len()));
    let verdict = match verdict {
        Verdict::Ok { .. } => "ok",
        Verdict::Duplicate { .. } => "duplicate",
        Verdict::Conflict => "conflict",
        Verdict::Stale => "stale",
    };
    format!("{mark}{} {verdict}", settles.chain(events).chain(rows).chain(floors).collect::<String>())
}
