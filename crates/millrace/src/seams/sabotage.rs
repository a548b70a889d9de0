//! Single conditions of the framework, each of which a test build can switch off while it runs, to show that some test
//! turns red without it. Without the feature `sabotage` every question here is answered at compile time.

/// A condition that can be switched off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// An event's mark is not looked at in the commit.
    EventMark,
    /// A request's mark is not looked at.
    RequestMark,
    /// A key used for another body is answered as if it were the same request.
    Fingerprint,
    /// The result of work is committed though its record is gone.
    WorkMark,
    /// An event is settled before its commit instead of after.
    SettleAfterCommit,
    /// An event is admitted though its predecessor has not come.
    Predecessor,
    /// Events behind a parked one are admitted.
    Hold,
    /// Poison is settled without a record.
    Park,
    /// A payload is not checked against its schema.
    Schema,
    /// What the bus did not bring is not read from the producer.
    Heal,
    /// What was committed and not published before a crash stays so.
    Sweep,
    /// Work that was taken up, and lost with its process, is not taken up again.
    Due,
    /// State decided on is believed though its unit was refused.
    BelieveRefused,
    /// A published event does not name its predecessor.
    Previous,
    /// The app token is not compared.
    AppToken,
    /// What was put in the place of a parked entry is forgotten.
    Instead,
    /// Floors are raised over what is not settled.
    Floor,
    /// An answer leaves though its commit could not be synced.
    SyncAnswer,
    /// A partner is called though the try could not be synced.
    SyncEffect,
    /// A partner is not asked what became of the try before.
    Ask,
    /// Events of one stream are published side by side.
    OnePublish,
    /// The published cursor moves before the bus has the event.
    Report,
    /// A publish that failed counts as taken.
    PublishAnswer,
    /// Producers are not asked how far their feeds have come.
    Heads,
    /// A callback's signature is not compared.
    Signature,
    /// A stream's version is not compared with the one decided on.
    Version,
    /// A signed callback is believed however old it is.
    Freshness,
    /// Trackers stay where they are when a store that lost commits is opened.
    Rewind,
    /// A partition that was opened anew goes on with the numbers it knows of.
    Jump,
    /// A commit is taken whatever epoch it names, and by a closed partition.
    Epoch,
    /// An event is published, and told to consumers, though its commit could not be synced.
    SyncEvent,
    /// What is synced leaves without a look whether it is still there.
    StillThere,
    /// What a producer says of void numbers is not listened to.
    Voids,
}

#[cfg(feature = "sabotage")]
mod switch {
    use std::cell::Cell;

    use super::Fault;

    // Of each thread its own: a simulation is one thread, and several run side by side.
    thread_local! {
        static OFF: Cell<Option<Fault>> = const { Cell::new(None) };
    }

    /// Switches one condition off in this thread, or with `None` all of them on.
    pub fn set(fault: Option<Fault>) {
        OFF.set(fault);
    }

    pub(crate) fn is_off(fault: Fault) -> bool {
        OFF.get() == Some(fault)
    }
}

#[cfg(feature = "sabotage")]
pub(crate) use switch::is_off;
#[cfg(feature = "sabotage")]
pub use switch::set;

#[cfg(not(feature = "sabotage"))]
pub(crate) const fn is_off(_: Fault) -> bool {
    false
}
