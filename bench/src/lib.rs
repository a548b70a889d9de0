//! The standard jobs: systems that are measured, and what drives and judges them. A figure is printed only of a run whose
//! invariants hold at its end.

pub mod costs;
pub mod drive;
mod event;
pub mod hop;
pub mod saga;
pub mod serve;
