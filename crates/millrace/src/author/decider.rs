//! What a service author writes of a decision: pure functions of loaded state and a command.
//! No clock, no randomness, no I/O: a decision may run several times before one of its outcomes is committed.

use crate::model::Rejected;
pub use crate::model::decision::{Aggregate, Decision, Loaded, SlotRef};

/// A decision over one stream; its partition key is the stream's id.
pub trait Decider: Aggregate {
    type Command: Command<Decider = Self>;
    type Rejection: Into<Rejected>;

    /// The id of the stream the command is for.
    fn stream(command: &Self::Command) -> String;
    fn decide(&self, command: Self::Command) -> Result<Vec<Self::Event>, Self::Rejection>;
}

/// A command names its decider, so that a service may have several.
pub trait Command: Clone + Send + Sync + 'static {
    type Decider: Decides<Self>;
}

/// A decision over several streams of one partition: committed together or not at all.
pub trait Decides<C>: 'static {
    type Rejection: Into<Rejected>;

    /// The partition key that all of `reads` and `reads_more` share.
    fn partition(command: &C) -> String;
    /// What the command names.
    fn reads(command: &C) -> Vec<SlotRef>;
    /// What only the state of `reads` names.
    fn reads_more(_command: &C, _loaded: &Loaded) -> Vec<SlotRef> {
        Vec::new()
    }
    fn decide(command: C, loaded: &mut Loaded) -> Result<(), Self::Rejection>;
}

impl<D: Decider> Decides<D::Command> for D {
    type Rejection = D::Rejection;

    fn partition(command: &D::Command) -> String {
        D::stream(command)
    }

    fn reads(command: &D::Command) -> Vec<SlotRef> {
        vec![SlotRef::stream::<D>(D::stream(command))]
    }

    fn decide(command: D::Command, loaded: &mut Loaded) -> Result<(), D::Rejection> {
        let id = D::stream(&command);
        for event in loaded.state::<D>(&id).clone().decide(command)? {
            loaded.record::<D>(&id, event);
        }
        Ok(())
    }
}

/// A command as a decision.
pub struct Commanded<C>(pub C);

impl<C: Command> Decision for Commanded<C> {
    fn partition_key(&self) -> String {
        C::Decider::partition(&self.0)
    }

    fn reads(&self) -> Vec<SlotRef> {
        C::Decider::reads(&self.0)
    }

    fn reads_more(&self, loaded: &Loaded) -> Vec<SlotRef> {
        C::Decider::reads_more(&self.0, loaded)
    }

    fn decide(&self, loaded: &mut Loaded) -> Result<(), Rejected> {
        C::Decider::decide(self.0.clone(), loaded).map_err(Into::into)
    }
}

/// What a reaction may return: a command, none or one, or several.
pub trait IntoDecisions {
    fn into_decisions(self) -> Vec<Box<dyn Decision>>;
}

impl<C: Command> IntoDecisions for C {
    fn into_decisions(self) -> Vec<Box<dyn Decision>> {
        vec![Box::new(Commanded(self))]
    }
}

impl<C: Command> IntoDecisions for Option<C> {
    fn into_decisions(self) -> Vec<Box<dyn Decision>> {
        self.into_iter().flat_map(IntoDecisions::into_decisions).collect()
    }
}

impl<C: Command> IntoDecisions for Vec<C> {
    fn into_decisions(self) -> Vec<Box<dyn Decision>> {
        self.into_iter().flat_map(IntoDecisions::into_decisions).collect()
    }
}
