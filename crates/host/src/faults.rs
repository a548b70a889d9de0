//! Faults switched on in a running shop through the admin listener of `up` and `dev`; `serve` has no such route. A fault
//! has a time limit on this side, which whoever asked for it moves on: one that was killed leaves nothing broken.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::{Json, State};
use axum::routing::get;
use axum::{Router, middleware};
use futures::future::BoxFuture;
use millrace::clock::Clock;
use millrace::pii::Secret;
use millrace::{Problem, Rejected};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

use crate::admin::require_token;

/// Where the listener has them.
pub const PATH: &str = "/faults";
/// How many of a thousand events go missing, and how many are held back for how long.
pub const DROPPED: u64 = 200;
pub const DELAYED: u64 = 300;
pub const LONGEST_DELAY: Duration = Duration::from_millis(300);
/// Longest time that a fault goes on without being asked for again.
const LIMIT: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(50);

#[derive(clap::ValueEnum, Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fault {
    /// Every event published twice, every delivery made twice at once
    Duplicate,
    /// One event of five is lost by the broker, which says that it took it
    Drop,
    /// Three events of ten are held back up to 300 ms, and overtaken
    Reorder,
    /// A random service ends where it stands, and is started again
    Kill,
}

/// What is asked for.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Wanted {
    pub fault: Fault,
    pub for_ms: u64,
    pub seed: u64,
}

/// What was done since the shop's start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Done {
    pub published_again: u64,
    pub delivered_again: u64,
    pub dropped: u64,
    pub delayed: u64,
    pub kills: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Shown {
    pub active: Option<Fault>,
    pub done: Done,
}

/// A shop that can be broken.
pub trait Breakable: Send + Sync + 'static {
    /// Whether it was started for this one.
    fn can(&self, _fault: Fault) -> bool {
        true
    }

    /// From now on `fault` alone, or none.
    fn set(&self, fault: Option<Fault>);

    /// But for the kills.
    fn done(&self) -> Done;

    /// Kills a service if it is up, and says whether it was. Returns when it is back, as far as that can be known, and has
    /// lived for as long as `random` decides.
    fn kill(&self, service: &'static str, random: u64) -> BoxFuture<'_, bool>;
}

#[derive(Clone)]
pub struct Faults(Arc<Inner>);

struct Inner {
    shop: Box<dyn Breakable>,
    services: &'static [&'static str],
    state: Mutex<Active>,
}

#[derive(Default)]
struct Active {
    fault: Option<Fault>,
    until: Option<Instant>,
    /// Chooses whom to kill.
    dice: Option<Clock>,
    kills: u64,
    /// One task looks after all faults, one after the other.
    is_watched: bool,
}

impl Faults {
    /// Of `services` some are killed when that is asked for.
    pub fn of(shop: impl Breakable, services: &'static [&'static str]) -> Self {
        Self(Arc::new(Inner { shop: Box::new(shop), services, state: Mutex::default() }))
    }

    pub fn router(&self, token: Option<Secret>) -> Router {
        Router::new()
            .route(PATH, get(show).put(switch_on).delete(switch_off))
            .route_layer(middleware::from_fn_with_state(Arc::new(token), require_token))
            .with_state(self.clone())
    }

    fn active(&self) -> MutexGuard<'_, Active> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shown(&self) -> Shown {
        let active = self.active();
        Shown { active: active.fault, done: Done { kills: active.kills, ..self.0.shop.done() } }
    }

    /// Ends the fault at its time, whoever asked for it.
    async fn watch(self) {
        loop {
            let random = {
                let mut active = self.active();
                if active.until.is_none_or(|until| Instant::now() >= until) {
                    *active = Active { kills: active.kills, ..Active::default() };
                    self.0.shop.set(None);
                    return;
                }
                let kill = active.fault == Some(Fault::Kill);
                active.dice.as_ref().filter(|_| kill).map(Clock::random)
            };
            if let Some(random) = random {
                let names = self.0.services;
                let has_killed = self.0.shop.kill(names[random as usize % names.len()], random >> 32).await;
                self.active().kills += u64::from(has_killed);
            }
            sleep(LOOK).await;
        }
    }
}

async fn show(State(faults): State<Faults>) -> Json<Shown> {
    Json(faults.shown())
}

async fn switch_on(State(faults): State<Faults>, Json(wanted): Json<Wanted>) -> Result<Json<Shown>, Problem> {
    if !faults.0.shop.can(wanted.fault) {
        let detail = "events pass nothing that could do this to them: start it as `millrace dev --breakable`";
        return Err(Rejected::conflict("not_breakable", detail).into());
    }
    let mut active = faults.active();
    if active.fault != Some(wanted.fault) {
        active.fault = Some(wanted.fault);
        active.dice = Some(Clock::simulated(wanted.seed));
        faults.0.shop.set(active.fault);
    }
    active.until = Some(Instant::now() + LIMIT.min(Duration::from_millis(wanted.for_ms)));
    if !std::mem::replace(&mut active.is_watched, true) {
        tokio::spawn(faults.clone().watch());
    }
    drop(active);
    Ok(Json(faults.shown()))
}

async fn switch_off(State(faults): State<Faults>) -> Json<Shown> {
    let mut active = faults.active();
    (active.fault, active.until) = (None, None);
    faults.0.shop.set(None);
    drop(active);
    Json(faults.shown())
}

#[cfg(test)]
mod tests;
