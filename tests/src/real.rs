//! The shop on real programs: a private Redis, a daprd for each service, each service with a runtime, a store and an app
//! port of its own, so that it can be killed as a process is. Only the partners are called within the test's process.

mod aof;
mod machine;
mod muzzle;
mod node;
mod process;
mod redis;
mod shop;
mod store_shop;
mod tls;

pub use aof::{Cut, Lost};
pub use machine::{eventually, free_port};
pub use muzzle::Muzzle;
pub use node::{Daprd, Ground, Node, Tokens};
pub use process::{Process, serve};
pub use redis::Redis;
pub use shop::RealShop;
pub use store_shop::StoreShop;
pub use tls::Tls;
