//! Customers of the shop and its outside judge: orders placed and followed, the partners' books compared with what the
//! shop told, a running shop broken meanwhile, and every way an order can end.

pub mod break_it;
pub mod demo;
pub mod order;
