//! Effects and deadlines: records stored in the commit of the event that causes them, and the one executor of both.
//!
//! A record names its handler and its event; the command is made from the event when it is due, so nothing but the
//! reference is stored. The record is the mark: the commit of the result removes it. A try is recorded before the call;
//! until its lease (the call's time-out and a second) ends, nobody else takes the record up. The first try is recorded by
//! the causing commit itself. After a crash the record becomes due again, with a higher try number, and the handler asks
//! the other side by our reference before it acts.

use std::time::Duration;

use crate::author::{Command, Commanded};
use crate::delivery::Performed;
use crate::model::Uncertain;
pub use crate::partner::{Budget, Ctx};

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

impl<C: Command> From<Effect<C>> for Performed {
    fn from(effect: Effect<C>) -> Self {
        match effect {
            Effect::Done(command) | Effect::GiveUp(command) => Self::Result(Box::new(Commanded(command))),
            Effect::Retry { after } => Self::Retry(after),
        }
    }
}
