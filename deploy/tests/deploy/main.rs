//! What operators are given: up to date, accepted by the tools that read it, and true of a running shop.

mod golden;
mod promtool;
mod tools;
