//! What is going wrong at the moment: rates of faults, spells of trouble, crashes that wait for their moment; and what was
//! seen of it. Shared by the store, the bus and the world around the services; nothing here decides what must hold.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use millrace::clock::Clock;
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use crate::seen::Seen;
use crate::watch::Watch;

/// Faults that may meet any call, in parts per ten thousand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rate {
    /// Of deliveries, per entry: acknowledged and never made.
    Drop,
    /// Made again, one to five times.
    Duplicate,
    /// Made later; what comes after overtakes it.
    Delay,
    /// Of deliveries, per batch: made later as a whole.
    DelayBatch,
    Shuffle,
    /// Made twice at once, as to a handler slower than the sidecar's patience.
    Twice,
    /// Of publish calls.
    PublishFails,
    PublishTimesOut,
    PublishSlow,
    /// Of calls to another service.
    InvokeFails,
    /// Of commits.
    CrashBefore,
    CrashAfter,
    AnswerLost,
    CommitFails,
    ReadFails,
    SyncFails,
    /// Of orders: any of their kinds, not only those that go well; of answers: asked for again.
    MixedOrders,
    Repeats,
}

/// Trouble that lasts a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// Neither read nor commit is answered.
    StoreAway,
    /// Commits are refused before the first write, as by a server without memory or replicas.
    StoreRefuses,
    /// Commits take seconds, so that handlers outlast their sidecar's patience.
    StoreSlow,
    /// Publishes and calls fail, nothing is delivered.
    SidecarDown,
    /// Publishes are answered with an error although they are taken.
    PublishTimesOut,
    /// Publishes are answered as taken and lost.
    PublishSwallowed,
    /// A partner, by its name, does not answer.
    PartnerDown,
}

/// Where a crash waits for its service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Point {
    BeforeCommit,
    AfterCommit,
    /// Between an effect's commit and the settle of its event.
    BeforeSettle,
    /// Between a publish and the cursor that notes it.
    BeforeCursor,
    /// Between the commit that takes a work up and its call.
    AfterClaim,
    /// Between what a loss takes back and the opening that lets it commit again.
    BeforeReopen,
    /// The partner has acted and its answer is on its way.
    InCall,
}

pub struct Chaos {
    pub clock: Clock,
    pub seen: Seen,
    pub watch: Watch,
    start: Instant,
    state: Mutex<State>,
    trace: Mutex<(Sha256, Vec<String>)>,
    keeps_lines: bool,
    crash: Box<dyn Fn(&'static str, usize) + Send + Sync>,
}

#[derive(Default)]
struct State {
    rates: BTreeMap<Rate, u64>,
    spells: BTreeMap<(Trouble, &'static str), Instant>,
    crashes: BTreeSet<(Point, &'static str)>,
    /// Everything published, by topic: what a lost consumer group is given again.
    history: BTreeMap<String, Vec<Bytes>>,
    /// Entries that are none of the shop's.
    strangers: BTreeSet<Bytes>,
}

impl Chaos {
    /// `crash` ends a replica of a service; a call that meets it never returns.
    pub fn new(clock: Clock, keeps_lines: bool, crash: Box<dyn Fn(&'static str, usize) + Send + Sync>) -> Self {
        Self {
            clock,
            seen: Seen::default(),
            watch: Watch::default(),
            start: Instant::now(),
            state: Mutex::default(),
            trace: Mutex::new((Sha256::new(), Vec::new())),
            keeps_lines,
            crash,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends all that is going wrong, and what waits to.
    pub fn calm(&self) {
        let mut state = self.state();
        state.rates.clear();
        state.spells.clear();
        state.crashes.clear();
    }

    pub fn set_rate(&self, rate: Rate, share: u64) {
        self.state().rates.insert(rate, share);
    }

    pub fn begin(&self, trouble: Trouble, who: &'static str, lasts: Duration) {
        let until = Instant::now() + lasts;
        let mut state = self.state();
        let spell = state.spells.entry((trouble, who)).or_insert(until);
        *spell = until.max(*spell);
    }

    pub fn await_crash(&self, point: Point, service: &'static str) {
        self.state().crashes.insert((point, service));
    }

    /// Whether this call is hit.
    pub fn hits(&self, rate: Rate) -> bool {
        let share = self.state().rates.get(&rate).copied().unwrap_or(0);
        let hits = share > 0 && self.clock.random() % 10_000 < share;
        if hits {
            self.seen.count_fault(rate);
        }
        hits
    }

    pub fn suffers(&self, trouble: Trouble, who: &'static str) -> bool {
        let suffers = self.state().spells.get(&(trouble, who)).is_some_and(|until| Instant::now() < *until);
        if suffers {
            self.seen.count_fault(trouble);
        }
        suffers
    }

    /// Ends the replica if a crash waits for its service here. Then the caller must not go on.
    pub fn crashes(&self, point: Point, service: &'static str, replica: usize) -> bool {
        let crashes = self.state().crashes.remove(&(point, service));
        if crashes {
            self.seen.count_fault(point);
            self.crash(service, replica);
        }
        crashes
    }

    pub fn crash(&self, service: &'static str, replica: usize) {
        self.tell(service, format_args!("crashes (replica {replica})"));
        (self.crash)(service, replica);
    }

    /// Up to `longest`, as the seed says.
    pub fn some_time(&self, longest: Duration) -> Duration {
        Duration::from_micros(self.clock.random() % (longest.as_micros() as u64).max(1))
    }

    pub fn remember(&self, topic: &str, event: &Bytes) {
        self.state().history.entry(topic.to_owned()).or_default().push(event.clone());
    }

    pub fn published(&self, topic: &str) -> Vec<Bytes> {
        self.state().history.get(topic).cloned().unwrap_or_default()
    }

    pub fn introduce(&self, stranger: Bytes) {
        self.state().strangers.insert(stranger);
    }

    pub fn is_stranger(&self, entry: &Bytes) -> bool {
        self.state().strangers.contains(entry)
    }

    /// One line of the trace: who did what, when.
    pub fn tell(&self, who: &str, what: impl Display) {
        let at = self.start.elapsed().as_micros();
        let line = format!("{:>5}.{:06} {who:<13} {what}", at / 1_000_000, at % 1_000_000);
        let mut trace = self.trace.lock().unwrap_or_else(PoisonError::into_inner);
        trace.0.update(line.as_bytes());
        if self.keeps_lines {
            trace.1.push(line);
        }
    }

    /// Adds to the trace's hash what would be too long to read.
    pub fn add_to_trace(&self, bytes: &[u8]) {
        self.trace.lock().unwrap_or_else(PoisonError::into_inner).0.update(bytes);
    }

    /// The hash of everything told so far, and its lines if they are kept.
    pub fn trace(&self) -> (String, Vec<String>) {
        let trace = self.trace.lock().unwrap_or_else(PoisonError::into_inner);
        let hash = trace.0.clone().finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        (hash, trace.1.clone())
    }

    /// Simulated time since the start.
    pub fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }
}
