//! What must hold at every step, judged from outside of the framework: at each commit as the store took it, at each publish
//! as the bus was given it, at each call as the partner got it. The first violation is kept; the run ends with it. The
//! numbers are those of the invariants in `docs/delivery.md`.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use millrace::store::{Append, Feed, Head, Mark, Partition, Placed, Position, Unit, Verdict};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::sync::Notify;

/// What became of the effects of all that was marked as done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Harm {
    pub effects: usize,
    pub lost: usize,
    pub doubled: u64,
}

/// What an order may become of what it is, as `docs/states.md` has it.
const STEPS: [(&str, &str); 10] = [
    ("created", "reserved"),
    ("created", "paid"),
    ("reserved", "paid"),
    ("paid", "confirmed"),
    ("confirmed", "shipped"),
    ("shipped", "delivered"),
    ("delivered", "fulfilled"),
    ("created", "cancelled"),
    ("reserved", "cancelled"),
    ("confirmed", "cancelled"),
];

#[derive(Default)]
pub struct Watch {
    state: Mutex<State>,
    violated: Notify,
}

/// An event that was committed.
#[derive(Debug, Clone)]
struct Event {
    /// Which commit it was in.
    at: u64,
    /// Its feed's name, and its number there; `None` of a private one.
    place: Option<(String, Position)>,
    /// The bus was given it, or said so.
    taken: bool,
}

#[derive(Default)]
struct State {
    is_blind: bool,
    violation: Option<String>,
    /// Commits so far, and how many of them are known to be durable.
    commits: u64,
    synced: u64,
    events: BTreeMap<String, Event>,
    versions: BTreeMap<(String, String), u64>,
    heads: BTreeMap<(String, u8), u64>,
    /// Where a stream's last event stands in its feed.
    last: BTreeMap<(String, String), u64>,
    applied: BTreeMap<(Partition, String, String, u64), u64>,
    work: BTreeMap<(Partition, String), ()>,
    /// The commit after which a reference of ours may be used towards a partner, and a stream be told of.
    causes: BTreeMap<String, u64>,
    statuses: BTreeMap<String, String>,
    publishing: BTreeSet<(usize, String)>,
    /// What takes back each commit of a shard that is not synced, oldest first; and of the one being judged.
    unsynced: BTreeMap<usize, Vec<Undo>>,
    undo: Undo,
    /// Events of a commit that was taken back.
    lost: Vec<(String, Event)>,
    /// There are shards: what one has lost another may have applied.
    is_divided: bool,
    /// The highest number ever given in a feed, lost or not.
    given: BTreeMap<(String, u8), Position>,
    /// Partitions in which a feed may begin anywhere above.
    reopened: BTreeSet<(&'static str, u8)>,
    /// Numbers of feeds that anybody applied, lost or not.
    heard: BTreeSet<(String, Position)>,
    /// Keys under which a partner was asked to act, and not asked what became of it since.
    unasked: BTreeSet<String>,
}

type Undo = Vec<Box<dyn FnOnce(&mut State) + Send>>;

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow, rename = "type")]
    name: Cow<'a, str>,
    #[serde(borrow, default)]
    causationid: Option<Cow<'a, str>>,
    #[serde(borrow)]
    subject: Cow<'a, str>,
    #[serde(borrow)]
    data: &'a RawValue,
}

impl Watch {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns at the first violation, with what it is.
    pub async fn violation(&self) -> String {
        loop {
            let violated = self.violated.notified();
            if let Some(violation) = self.found() {
                return violation;
            }
            violated.await;
        }
    }

    /// Judges nothing from now on: what runs is known to be wrong, and is measured.
    pub fn close_eyes(&self) {
        self.state().is_blind = true;
    }

    pub fn found(&self) -> Option<String> {
        self.state().violation.clone()
    }

    pub fn expect(&self, holds: bool, otherwise: impl FnOnce() -> String) {
        if !holds && !self.state().is_blind {
            self.state().violation.get_or_insert_with(otherwise);
            self.violated.notify_waiters();
        }
    }

    /// A group was committed, with these verdicts, on a shard that may lose it.
    pub fn committed(&self, partition: &Partition, group: &[Unit], verdicts: &[Verdict], loses: Option<usize>) {
        let mut state = self.state();
        state.commits += 1;
        let mut judged = Ok(());
        for (unit, verdict) in group.iter().zip(verdicts) {
            if let Verdict::Ok { placed } = verdict {
                judged = judged.and_then(|()| state.unit(partition, unit, placed));
            }
        }
        let undo = std::mem::take(&mut state.undo);
        if let Some(shard) = loses {
            state.unsynced.entry(shard).or_default().push(undo);
            state.is_divided = true;
        }
        drop(state);
        self.expect(judged.is_ok(), || judged.err().unwrap_or_default());
    }

    pub fn commits(&self) -> u64 {
        self.state().commits
    }

    /// All commits so far are durable.
    pub fn synced(&self) {
        let mut state = self.state();
        state.synced = state.commits;
        state.unsynced.clear();
    }

    /// Those of one shard are.
    pub fn shard_synced(&self, shard: usize) {
        self.state().unsynced.remove(&shard);
    }

    /// A shard has lost its last commits. 13: nobody outside may have been told of any.
    pub fn lost(&self, shard: usize, commits: usize) {
        let mut state = self.state();
        let mut unsynced = state.unsynced.remove(&shard).unwrap_or_default();
        let lost = unsynced.split_off(unsynced.len().saturating_sub(commits));
        lost.into_iter().rev().flat_map(|undo| undo.into_iter().rev()).for_each(|undo| undo(&mut state));
        let lost = std::mem::take(&mut state.lost);
        let told = lost
            .into_iter()
            .find(|(_, event)| event.taken || event.place.as_ref().is_some_and(|place| state.heard.contains(place)));
        drop(state);
        self.expect(told.is_none(), || format!("13: {told:?} has left, and was not safe"));
    }

    /// A partition goes on after a loss. 15: above all numbers that it ever gave.
    pub fn reopened(&self, partition: &Partition, heads: &[Head], jump: Position) {
        let mut state = self.state();
        if jump > 0 {
            state.reopened.insert((partition.service, partition.number));
        }
        let mut judged = Ok(());
        for head in heads {
            let key = (head.topic.clone(), partition.number);
            let given = state.given.get(&key).copied().unwrap_or_default();
            judged = judged.and_then(|()| {
                expect(head.position >= given, || {
                    format!("15: {} goes on at {}, not above {given}", head.topic, head.position)
                })
            });
            state.heads.insert(key, head.position);
        }
        drop(state);
        self.expect(judged.is_ok(), || judged.err().unwrap_or_default());
    }

    /// 13: an answer, a call or a mail leaves under the reference `reference`. 11: it has a cause.
    pub fn leaves(&self, reference: &str) {
        let state = self.state();
        let (cause, synced) = (state.causes.get(reference).copied(), state.synced);
        drop(state);
        self.expect(cause.is_some(), || format!("11: {reference} leaves without an accepted cause"));
        let durable = cause.is_none_or(|cause| cause <= synced);
        self.expect(durable, || format!("13: {reference} leaves before its commit is durable"));
    }

    /// A partner is asked to act, or (`asks`) what became of it: from the second try on, first the latter.
    pub fn calls(&self, reference: &str, asks: bool) {
        if asks {
            self.state().unasked.remove(reference);
            return;
        }
        self.leaves(reference);
        let first = self.state().unasked.insert(reference.to_owned());
        self.expect(first, || format!("10: {reference} is asked for again before asking what became of it"));
    }

    /// 13: an event goes to the bus, alone of its stream. `None` when it is not one of ours.
    pub fn publishes(&self, replica: usize, event: &Bytes) -> Option<Publishing<'_>> {
        let envelope: Envelope<'_> = serde_json::from_slice(event).ok()?;
        let mut state = self.state();
        let committed = state.events.get(&*envelope.id).map(|event| event.at);
        let durable = committed.is_none_or(|at| !state.is_divided || at <= state.synced);
        let stream = envelope.id.rsplit_once('-').map_or(&*envelope.id, |(stream, _)| stream).to_owned();
        let alone = state.publishing.insert((replica, stream.clone()));
        drop(state);
        self.expect(committed.is_some(), || format!("13: {} is published and not committed", envelope.id));
        self.expect(durable, || format!("13: {} is published before its commit is durable", envelope.id));
        self.expect(alone, || format!("15: {} is published beside another one of its stream", envelope.id));
        Some(Publishing { watch: self, id: envelope.id.into_owned(), stream: (replica, stream) })
    }

    /// 14: committed events that the bus was never given.
    pub fn unpublished(&self) -> Vec<String> {
        let state = self.state();
        let missing = state.events.iter().filter(|(_, event)| event.place.is_some() && !event.taken);
        missing.map(|(id, _)| id.clone()).collect()
    }

    /// Of events, in their targets.
    pub fn effects(&self) -> Harm {
        let state = self.state();
        let doubled = state.applied.values().map(|times| times - 1).sum();
        Harm { effects: state.applied.len(), lost: 0, doubled }
    }

    pub fn events(&self) -> usize {
        self.state().events.len()
    }
}

/// A publish in flight.
pub struct Publishing<'a> {
    watch: &'a Watch,
    id: String,
    stream: (usize, String),
}

impl Publishing<'_> {
    /// The producer is told that the bus has it.
    pub fn taken(&self) {
        if let Some(event) = self.watch.state().events.get_mut(&self.id) {
            event.taken = true;
        }
    }
}

impl Drop for Publishing<'_> {
    fn drop(&mut self) {
        self.watch.state().publishing.remove(&self.stream);
    }
}

impl State {
    /// What stood there before; noted, so that a loss can put it back.
    fn set<K: Clone + Ord + Send + 'static, V: Clone + Send + 'static>(
        &mut self,
        of: fn(&mut Self) -> &mut BTreeMap<K, V>,
        key: K,
        value: Option<V>,
    ) -> Option<V> {
        let before = put(of(self), key.clone(), value);
        let undone = before.clone();
        self.undo.push(Box::new(move |state| drop(put(of(state), key, undone))));
        before
    }

    fn unit(&mut self, partition: &Partition, unit: &Unit, placed: &[Placed]) -> Result<(), String> {
        match &unit.mark {
            Mark::Events { consumer, feed, positions } => {
                for position in positions {
                    let key = (partition.clone(), consumer.clone(), feed.clone(), *position);
                    let times = self.applied.get(&key).copied().unwrap_or_default() + 1;
                    self.set(|state| &mut state.applied, key, Some(times));
                    self.heard.insert((feed.clone(), *position));
                    expect(times == 1, || format!("10: {consumer} applied {feed} {position} {times} times"))?;
                }
            }
            Mark::Work { id } => {
                let open = self.set(|state| &mut state.work, (partition.clone(), id.clone()), None);
                expect(open.is_some(), || format!("11: the result of {id} is committed, and it is not open"))?;
            }
            _ => {}
        }
        for work in &unit.work {
            self.set(|state| &mut state.work, (partition.clone(), work.id.clone()), Some(()));
        }
        let mut placed = placed.iter();
        unit.appends.iter().try_for_each(|append| self.append(partition, append, &mut placed))
    }

    fn append<'a>(
        &mut self,
        partition: &Partition,
        append: &Append,
        placed: &mut impl Iterator<Item = &'a Placed>,
    ) -> Result<(), String> {
        let stream = (append.stream.topic.clone(), append.stream.id.clone());
        let version = self.versions.get(&stream).copied().unwrap_or(0);
        expect(version == append.expected, || {
            format!("15: {}/{} is at {version}, decided on {}", stream.0, stream.1, append.expected)
        })?;
        let mut last = None;
        for event in &append.events {
            let place = if event.published {
                Some(self.place(partition, &stream, placed.next().ok_or("15: an event without a place")?)?)
            } else {
                None
            };
            last = Some(self.event(place, &event.record)?);
        }
        self.set(|state| &mut state.versions, stream.clone(), Some(version + append.events.len() as u64));
        match (&append.snapshot, last) {
            (Some(snapshot), Some(last)) if stream.0 == events::warehouse::stock::TOPIC => is_fold(snapshot, &last),
            _ => Ok(()),
        }
    }

    /// 15: feeds are dense, and each entry names its stream's entry before it.
    fn place(
        &mut self,
        partition: &Partition,
        stream: &(String, String),
        placed: &Placed,
    ) -> Result<(String, Position), String> {
        let (topic, position, number) = (&stream.0, placed.position, partition.number);
        let key = (topic.clone(), number);
        let head = self.set(|state| &mut state.heads, key.clone(), Some(position));
        let is_anew = head.is_none() && self.reopened.contains(&(partition.service, number));
        let follows = is_anew || position == head.unwrap_or(0) + 1;
        expect(follows, || format!("15: {position} after {head:?} in {topic}"))?;
        let given = self.given.insert(key, position).unwrap_or(0);
        expect(position > given, || format!("15: {position} is given again in {topic}, after {given}"))?;
        let previous = self.set(|state| &mut state.last, stream.clone(), Some(position)).unwrap_or(0);
        expect(placed.previous == previous, || format!("15: {position} follows {}", placed.previous))?;
        let source = partition.service.to_owned();
        Ok((Feed { source, topic: topic.clone(), partition: number }.name(), position))
    }

    fn event(&mut self, place: Option<(String, Position)>, record: &Bytes) -> Result<Value, String> {
        let envelope: Envelope<'_> = serde_json::from_slice(record).map_err(|error| format!("23: {error}"))?;
        let data: Value = serde_json::from_str(envelope.data.get()).map_err(|error| format!("23: {error}"))?;
        if let Some(cause) = &envelope.causationid {
            let known = self.events.contains_key(&**cause);
            expect(known, || format!("11: {} is caused by {cause}, which nobody committed", envelope.id))?;
        }
        let text = |field: &str| data[field].as_str().map(str::to_owned);
        for reference in
            [text("reference"), text("messageId"), Some(envelope.subject.to_string())].into_iter().flatten()
        {
            let first = self.causes.get(&reference).copied().unwrap_or(self.commits);
            self.set(|state| &mut state.causes, reference, Some(first));
        }
        if envelope.name == "orders.order.status_changed" {
            let (from, to) = (text("from").unwrap_or_default(), text("to").unwrap_or_default());
            let order = envelope.subject.to_string();
            let before = self.set(|state| &mut state.statuses, order, Some(to.clone()));
            let before = before.unwrap_or_else(|| "created".to_owned());
            let step = before == from && STEPS.contains(&(&*from, &*to));
            expect(step, || format!("19: {} goes from {from} to {to}, and was {before}", envelope.subject))?;
        }
        if envelope.name.starts_with(events::warehouse::stock::TOPIC) {
            let (on_hand, reserved) = (data["onHand"].as_i64().unwrap_or(-1), data["reserved"].as_i64().unwrap_or(-1));
            expect(0 <= reserved && reserved <= on_hand, || format!("2: {reserved} of {on_hand} promised: {data}"))?;
        }
        let event = Event { at: self.commits, place, taken: false };
        let id = envelope.id.clone().into_owned();
        let known = self.events.insert(id.clone(), event).is_some();
        self.undo.push(Box::new(|state| {
            let event = state.events.remove(&id);
            state.lost.extend(event.map(|event| (id, event)));
        }));
        expect(!known, || format!("15: {} is committed twice", envelope.id))?;
        Ok(data)
    }
}

fn put<K: Ord, V>(map: &mut BTreeMap<K, V>, key: K, value: Option<V>) -> Option<V> {
    match value {
        Some(value) => map.insert(key, value),
        None => map.remove(&key),
    }
}

/// 16: of stock, whose every event says its whole state.
fn is_fold(snapshot: &Bytes, last: &Value) -> Result<(), String> {
    let state: Value = serde_json::from_slice(snapshot).map_err(|error| format!("16: {error}"))?;
    expect(state["on_hand"] == last["onHand"] && state["reserved"] == last["reserved"], || {
        format!("16: the snapshot {state} is not what {last} leads to")
    })
}

fn expect(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}
