//! Single conditions of the framework, each of which a test build can switch off while it runs, to show that some test
//! turns red without it. Without the feature `sabotage` every question here is answered at compile time.

/// A condition that can be switched off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Fault {
    /// An event's mark is not looked at in the commit.
    EventMark = 1,
    /// A request's mark is not looked at.
    RequestMark,
    /// A key used for another body is answered as if it were the same request.
    Fingerprint,
    /// The commit of a result leaves the record of the work.
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
    /// Work that is due is not taken up.
    Due,
    /// State decided on is believed though its unit was refused.
    BelieveRefused,
    /// An event does not name its predecessor.
    Previous,
    /// The app token is not compared.
    AppToken,
    /// What was put in the place of a parked entry is forgotten.
    Instead,
}

#[cfg(feature = "sabotage")]
mod switch {
    use std::sync::atomic::{AtomicU8, Ordering};

    use super::Fault;

    static OFF: AtomicU8 = AtomicU8::new(0);

    /// Switches one condition off, or with `None` all of them on.
    pub fn set(fault: Option<Fault>) {
        OFF.store(fault.map_or(0, |fault| fault as u8), Ordering::Relaxed);
    }

    pub(crate) fn is_off(fault: Fault) -> bool {
        OFF.load(Ordering::Relaxed) == fault as u8
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
