//! Effects and deadlines: records stored in the commit of the event that causes them, and the one executor of both.
//!
//! A record names its handler and its event; the command is made from the event when it is due, so nothing but the
//! reference is stored. The record is the mark: the commit of the result removes it. A try is recorded before the call;
//! until its lease (the call's time-out and a second) ends, nobody else takes the record up. The first try is recorded by
//! the causing commit itself. After a crash the record becomes due again, with a higher try number, and the handler asks
//! the other side by our reference before it acts.

mod executor;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::decider::{Command, Commanded, Decision};
use crate::event::Incoming;
use crate::outside::Outside;
use crate::partner::{Partner, Uncertain};

pub(crate) use executor::Executor;

/// A command for later.
#[derive(Debug, Clone)]
pub struct Deadline<C> {
    pub(crate) delay: Duration,
    pub(crate) command: C,
}

impl<C> Deadline<C> {
    /// `delay` runs from the commit of the event, by the store's clock.
    pub fn after(delay: Duration, command: C) -> Self {
        Self { delay, command }
    }
}

/// What a call to the outside came to.
#[derive(Debug, Clone)]
pub enum Effect<C> {
    Done(C),
    /// Not known, or not now: again after at least so long.
    Retry {
        after: Duration,
    },
    /// Known not to have happened, and it will not be tried again.
    GiveUp(C),
}

impl<C> From<Result<C, Uncertain>> for Effect<C> {
    /// What is uncertain is asked after, as soon as the budget allows.
    fn from(outcome: Result<C, Uncertain>) -> Self {
        outcome.map_or(Self::Retry { after: Duration::ZERO }, Self::Done)
    }
}

/// How often and how long an effect is tried.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    /// Tries before the record is parked for a person to look at.
    pub tries: u32,
    /// Longest time one try may take, all its calls together.
    pub timeout: Duration,
    /// Least and most pause between tries; it doubles in between.
    pub pause: (Duration, Duration),
    /// Time before the first try; `None` starts right after the commit.
    pub first_after: Option<Duration>,
}

impl Budget {
    /// How long a try keeps others off the record.
    pub fn lease(&self) -> Duration {
        self.timeout + Duration::from_secs(1)
    }

    pub(crate) fn pause_after(&self, tries: u32) -> Duration {
        self.pause.0.saturating_mul(1 << tries.saturating_sub(1).min(16)).min(self.pause.1)
    }
}

/// What an effect may use.
#[derive(Clone)]
pub struct Ctx {
    pub outside: Arc<dyn Outside>,
    pub clock: Clock,
    pub partners: Arc<BTreeMap<String, Partner>>,
    /// Number of this try, from 1. From the second on, ask before acting.
    pub tries: u32,
    pub budget: Budget,
}

impl Ctx {
    /// One that is not in the configuration any more may have acted: that is for a person.
    pub fn partner(&self, name: &str) -> Result<&Partner, Uncertain> {
        self.partners.get(name).ok_or(Uncertain)
    }

    pub fn is_last_try(&self) -> bool {
        self.tries >= self.budget.tries
    }
}

pub(crate) enum Performed {
    Result(Box<dyn Decision>),
    Retry(Duration),
}

impl<C: Command> From<Effect<C>> for Performed {
    fn from(effect: Effect<C>) -> Self {
        match effect {
            Effect::Done(command) | Effect::GiveUp(command) => Self::Result(Box::new(Commanded(command))),
            Effect::Retry { after } => Self::Retry(after),
        }
    }
}

/// Work whose first try was recorded by the commit that caused it.
#[derive(Debug)]
pub(crate) struct StartedWork {
    pub partition: u8,
    pub id: String,
    pub tries: u32,
    pub incoming: Incoming,
}

/// The record's id: handler and causing event.
pub(crate) fn id(handler: &str, topic: &str, stream: &str, sequence: u64) -> String {
    format!("{handler}|{topic}|{stream}|{sequence}")
}

/// The parts of a record's id.
pub(crate) fn parse_id(id: &str) -> Option<(&str, &str, &str, u64)> {
    let (handler, rest) = id.split_once('|')?;
    let (topic, rest) = rest.split_once('|')?;
    let (stream, sequence) = rest.rsplit_once('|')?;
    Some((handler, topic, stream, sequence.parse().ok()?))
}
