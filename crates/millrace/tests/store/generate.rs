//! Random groups over a small world of names, so that they meet; and everything that can be read of that world.
//! For tests that drive two stores alike.

use std::collections::BTreeMap;

use bytes::Bytes;
use millrace::clock::Clock;
use millrace::store::*;

const TOPICS: [&str; 2] = ["orders.order", "orders.cart"];
const CONSUMERS: [&str; 2] = ["warehouse", "orders.timeline"];
const FEEDS: [&str; 2] = ["orders|orders.order|07", "payment|payment.payment|07"];
const POSITIONS: u64 = 16;
const HOUR_MS: u64 = 3_600_000;

/// What the generator believes of the store, so that most of its groups are accepted.
#[derive(Clone, Default)]
pub struct World {
    streams: BTreeMap<StreamId, u64>,
    rows: BTreeMap<(String, String, String), u64>,
    tries: BTreeMap<String, u32>,
    generations: BTreeMap<(String, String), u64>,
}

impl World {
    /// Corrects the belief by what came of `group`.
    pub fn learn(&mut self, group: &[Unit], verdicts: &[Verdict]) {
        for (unit, _) in group.iter().zip(verdicts).filter(|(_, verdict)| matches!(verdict, Verdict::Ok { .. })) {
            self.expect(unit);
        }
    }

    /// Generations, which voids and rewinds move.
    pub async fn look(&mut self, store: &dyn Store, partition: &Partition) {
        for (consumer, feed) in trackers() {
            let query = Query::Tracker { consumer: consumer.clone(), feed: feed.clone() };
            let answers = store.read(partition, &[query]).await.expect("answers");
            let [Answer::Tracker(tracker)] = &answers[..] else { panic!("not a tracker") };
            self.generations.insert((consumer, feed), tracker.generation);
        }
    }

    fn expect(&mut self, unit: &Unit) {
        match &unit.mark {
            Mark::Work { id } => drop(self.tries.remove(id)),
            Mark::Reschedule { id, to, .. } => drop(self.tries.insert(id.clone(), *to)),
            _ => {}
        }
        for append in &unit.appends {
            *self.streams.entry(append.stream.clone()).or_default() = append.expected + append.events.len() as u64;
        }
        for row in &unit.rows {
            self.rows.insert((row.view.clone(), row.key.clone(), row.row.clone()), row.expected + 1);
        }
        self.tries.extend(unit.work.iter().map(|work| (work.id.clone(), work.tries)));
    }
}

/// Everything a store can be asked about the world.
pub fn queries() -> Vec<Query> {
    let mut queries = vec![
        Query::Heads,
        Query::Claims,
        Query::Due { limit: 99 },
        Query::Work { limit: 99 },
        Query::Parked { limit: 99 },
        Query::Parked { limit: 2 },
    ];
    for topic in TOPICS {
        queries.extend([(0, 999), (3, 4)].map(|(after, limit)| Query::Feed { topic: topic.into(), after, limit }));
        for id in 0..3 {
            let stream = StreamId { topic: topic.into(), id: format!("s{id}") };
            queries.extend([
                Query::Events { stream: stream.clone(), after: 0, limit: 999 },
                Query::Events { stream: stream.clone(), after: 2, limit: 3 },
                Query::Stream(stream),
            ]);
        }
    }
    for key in 0..2 {
        let key = format!("k{key}");
        queries.push(Query::Row { view: "timeline".into(), key: key.clone(), row: "r1".into() });
        queries.extend([("", 99), ("r1", 2)].map(|(after, limit)| Query::Rows {
            view: "timeline".into(),
            key: key.clone(),
            after: after.into(),
            limit,
        }));
    }
    queries.extend(trackers().map(|(consumer, feed)| Query::Tracker { consumer, feed }));
    queries
}

fn trackers() -> impl Iterator<Item = (String, String)> {
    CONSUMERS.into_iter().flat_map(|consumer| FEEDS.map(|feed| (consumer.to_owned(), feed.to_owned())))
}

/// What targets may claim: not of every feed, and nothing that hangs together.
pub fn random_claims(random: &Clock) -> Vec<Claim> {
    let dice = Dice(random);
    let mut claims = Vec::new();
    for (consumer, feed) in trackers() {
        if !dice.one_in(4) {
            let owed: std::collections::BTreeSet<_> = dice.some(3, || 1 + dice.below(POSITIONS)).into_iter().collect();
            claims.push(Claim { consumer, feed, floor: dice.below(POSITIONS), owed: owed.into_iter().collect() });
        }
    }
    claims
}

/// Leaves out when work is due, and the order that follows from it: two stores do not commit in the same millisecond.
pub fn timeless(mut answers: Vec<Answer>) -> Vec<Answer> {
    for answer in &mut answers {
        if let Answer::Work(work) = answer {
            work.iter_mut().for_each(|record| record.due_ms = 0);
            work.sort_by(|a, b| a.id.cmp(&b.id));
        }
    }
    answers
}

/// Up to eight units; seven in eight of their versions are the believed ones.
pub fn random_group(random: &Clock, world: &World) -> Vec<Unit> {
    let mut world = world.clone();
    let below = |n| Dice(random).below(n);
    (0..1 + below(8) as usize)
        .map(|index| {
            let unit = Dice(random).unit(&world, index);
            world.expect(&unit);
            unit
        })
        .collect()
}

struct Dice<'a>(&'a Clock);

impl Dice<'_> {
    fn below(&self, n: u64) -> u64 {
        self.0.random() % n
    }

    fn one_in(&self, n: u64) -> bool {
        self.below(n) == 0
    }

    fn some<T>(&self, most: u64, make: impl Fn() -> T) -> Vec<T> {
        (0..self.below(most + 1)).map(|_| make()).collect()
    }

    fn pick(&self, names: [&str; 2]) -> String {
        names[self.below(2) as usize].to_owned()
    }

    fn version(&self, believed: Option<&u64>) -> u64 {
        let believed = believed.copied().unwrap_or_default();
        if self.one_in(8) { believed + 1 } else { believed }
    }

    fn unit(&self, world: &World, index: usize) -> Unit {
        let mark = self.mark(world);
        let mut appends = self.some(2, || self.append(world));
        appends.dedup_by(|a, b| a.stream == b.stream);
        let mut rows = self.some(2, || self.row(world));
        rows.dedup_by(|a, b| (&a.key, &a.row) == (&b.key, &b.row));
        let mut work = self.some(1, || NewWork {
            id: format!("w{}", self.below(6)),
            delay_ms: self.below(2) * HOUR_MS,
            tries: self.below(2) as u32,
        });
        work.retain(|work| !matches!(&mark, Mark::Work { id } | Mark::Reschedule { id, .. } if *id == work.id));
        let after = if index > 0 && self.one_in(4) { vec![self.below(index as u64 + 1) as usize] } else { vec![] };
        let result = if matches!(mark, Mark::Request { .. }) { self.bytes() } else { Bytes::new() };
        Unit {
            mark,
            after,
            appends,
            rows,
            work,
            settles: self.some(2, || self.settle(world)),
            parks: self.some(1, || self.park()),
            floors: self.some(1, || self.floor()),
            result,
        }
    }

    fn mark(&self, world: &World) -> Mark {
        let id = format!("w{}", self.below(6));
        match self.below(7) {
            0 => Mark::None,
            1 => Mark::Work { id },
            2 => {
                let from = world.tries.get(&id).copied().unwrap_or_default() + u32::from(self.one_in(8));
                Mark::Reschedule { id, from, to: from + 1, delay_ms: self.below(2) * HOUR_MS }
            }
            3 => Mark::Request { key: format!("post|/orders|{}", self.below(24)), ttl_ms: HOUR_MS },
            4 => {
                let park = self.park();
                Mark::Parked(if self.one_in(2) { park } else { Park { record: Bytes::new(), ..park } })
            }
            _ => {
                let (first, count) = (1 + self.below(POSITIONS), 1 + self.below(3));
                let positions = (first..first + count).collect();
                Mark::Events { consumer: self.pick(CONSUMERS), feed: self.pick(FEEDS), positions }
            }
        }
    }

    fn append(&self, world: &World) -> Append {
        let stream = StreamId { topic: self.pick(TOPICS), id: format!("s{}", self.below(3)) };
        let expected = self.version(world.streams.get(&stream));
        let events = self.some(3, || NewEvent { record: self.bytes(), published: !self.one_in(3) });
        let snapshot = (!events.is_empty() && self.one_in(3)).then(|| self.bytes());
        Append { stream, expected, events, snapshot }
    }

    fn row(&self, world: &World) -> RowWrite {
        let (key, row) = (format!("k{}", self.below(2)), format!("r{}", self.below(4)));
        let expected = self.version(world.rows.get(&("timeline".into(), key.clone(), row.clone())));
        RowWrite { view: "timeline".into(), key, row, expected, value: self.bytes() }
    }

    fn settle(&self, world: &World) -> Settle {
        let (consumer, feed, position) = (self.pick(CONSUMERS), self.pick(FEEDS), 1 + self.below(POSITIONS));
        let outcome = match self.below(24) {
            0 => Outcome::Void { through: position + self.below(4) },
            1..3 => Outcome::Start,
            3..8 => Outcome::Held,
            _ => Outcome::Done,
        };
        let generation = world.generations.get(&(consumer.clone(), feed.clone())).copied().unwrap_or_default();
        Settle { generation: generation + u64::from(self.one_in(16)), consumer, feed, position, outcome }
    }

    fn park(&self) -> Park {
        let (feed, entry) = if self.one_in(4) {
            (String::new(), "topic|a1b2".to_owned())
        } else {
            (self.pick(FEEDS), (1 + self.below(POSITIONS)).to_string())
        };
        Park { consumer: self.pick(CONSUMERS), feed, entry, record: self.bytes() }
    }

    fn floor(&self) -> Floor {
        let low = self.below(POSITIONS);
        Floor {
            consumer: self.pick(CONSUMERS),
            feed: self.pick(FEEDS),
            low,
            holes: self.some(2, || 1 + self.below(low + 1)),
        }
    }

    fn bytes(&self) -> Bytes {
        Bytes::from(format!("{{\"n\":{}}}", self.below(1_000)))
    }
}
