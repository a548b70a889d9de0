//! What the public may call, put together from the services' own lists.

use access::Rights;
use axum::http::Method;
use axum::routing::MethodFilter;
use gateway::Answered;
use host::config::Config;
use millrace::App;
use millrace::app::Topology;

use crate::services::all;

const METHODS: [Method; 5] = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

/// The calls of every service.
pub fn calls(config: &Config) -> Vec<Answered> {
    all(config).iter().map(App::topology).flat_map(|topology| of(&topology)).collect()
}

/// The calls of one service.
pub fn of(topology: &Topology) -> Vec<Answered> {
    let service = topology.service;
    topology.public.calls.iter().map(|call| Answered { service, call: *call }).collect()
}

/// The rights that a caller can have.
pub fn rights(config: &Config) -> Rights {
    calls(config).into_iter().map(|answered| answered.call.needs).collect()
}

/// What a call is made with. A call has one of these; what is left over is none that a document can name.
pub fn method(filter: MethodFilter) -> Method {
    let is_it = |method: &Method| MethodFilter::try_from(method.clone()).is_ok_and(|of| of == filter);
    METHODS.into_iter().find(is_it).unwrap_or(Method::TRACE)
}

#[cfg(test)]
mod tests;
