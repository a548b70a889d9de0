//! What can be measured, and what each consists of.

use clap::ValueEnum;

use crate::serve::Form;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    Ours(Form),
    Peer(Peer),
}

/// See bench/peers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    Watermill,
    DaprGo,
}

/// When Redis syncs its log.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fsync {
    /// It has none
    Off,
    /// Every second
    Everysec,
    /// At every commit
    Always,
}

impl Subject {
    pub fn name(self) -> &'static str {
        match self {
            Self::Ours(Form::Memory) => "memory",
            Self::Ours(Form::Disk) => "disk",
            Self::Ours(Form::Redis) => "redis",
            Self::Ours(Form::Dapr) => "dapr",
            Self::Ours(Form::DaprSingle) => "dapr-single",
            Self::Ours(Form::DaprNoop) => "dapr-noop",
            Self::Peer(Peer::Watermill) => "watermill",
            Self::Peer(Peer::DaprGo) => "dapr-go",
        }
    }

    /// The level it runs at, of docs/delivery.md.
    pub fn durability(self, fsync: Fsync) -> &'static str {
        match (self, fsync) {
            (Self::Ours(Form::Memory), _) => "none",
            (Self::Ours(Form::Disk), _) => "standard",
            (_, Fsync::Off) => "none",
            (_, Fsync::Everysec) => "dev",
            (_, Fsync::Always) => "standard",
        }
    }

    pub fn has_redis(self) -> bool {
        !matches!(self, Self::Ours(Form::Memory | Form::Disk))
    }

    pub fn has_sidecars(self) -> bool {
        matches!(self, Self::Ours(Form::Dapr | Form::DaprSingle | Form::DaprNoop) | Self::Peer(Peer::DaprGo))
    }

    pub fn is_one_process(self) -> bool {
        matches!(self, Self::Ours(Form::Memory | Form::Disk | Form::Redis))
    }
}
