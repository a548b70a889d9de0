//! How events get from commit to commit: nothing lost, nothing applied twice, each stream in order. Each part owns its
//! state and is given the others it uses; what all of them share is [`lanes`].

pub mod deadletters;
pub(crate) mod executor;
pub(crate) mod feeds;
pub(crate) mod handover;
pub(crate) mod healing;
pub(crate) mod inbox;
pub(crate) mod lane;
pub(crate) mod lanes;
pub mod metrics;
pub mod parked;
pub mod pending;
pub(crate) mod progress;
pub(crate) mod relay;
pub(crate) mod rounds;
pub(crate) mod trackers;
pub mod tuning;
pub mod wiring;

pub(crate) use deadletters::{By, DeadLetter, Letters, LogEntry, Redriven};
pub(crate) use feeds::{FeedHead, PAGE, Producers, owner};
pub(crate) use handover::{Behind, CommittedEvent, Handover, WAITING, handover};
pub(crate) use inbox::{Inbox, Way};
pub(crate) use lane::{Done, Job, Kept, Lane, Opener, Outlets, Refused, Reply, Watched};
pub(crate) use metrics::{Delivery, Metrics};
pub(crate) use parked::{Parked, Reason};
pub(crate) use progress::{Admitted, InWork, Instead, Lag, Progress, instead_key};
pub(crate) use relay::{Cursors, Relay, Waiting};
pub(crate) use tuning::{LOOK, Tuning};
pub(crate) use wiring::{Consumer, Performed, Start, StartedWork, Wiring, WorkKind, WorkWiring, parse_id, work_id};
pub(crate) use {
    executor::Executor, healing::Healing, lanes::Lanes, pending::Pending, rounds::Rounds, trackers::Trackers,
};
