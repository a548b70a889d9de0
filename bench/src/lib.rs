//! The standard jobs: systems that are measured, and what drives and judges them. A figure is printed only of a run whose
//! invariants hold at its end.

pub mod drive;
pub mod saga;
pub mod serve;
