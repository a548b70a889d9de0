//! The shop put together: the one list of its services, and what is written from their wiring: who hears what, who may
//! publish and hear what, the documents of API and events. Beside it the first data of a fresh shop.

pub mod documents;
pub mod public;
pub mod scopes;
pub mod seed;
pub mod services;
pub mod topology;
