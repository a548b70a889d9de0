//! The same system on real daprd and Redis: that the bus keeps the contract which the embedded one promises, and that the
//! shop keeps its own when processes, sidecars and the broker's memory go.

mod chaos;
mod contract;
mod doctor;
mod orders;
mod saga;
