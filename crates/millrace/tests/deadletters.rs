//! Work whose tries are used up: set aside, and due again when somebody says so, asking before it acts.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::Request;
use axum::routing::post;
use events::pricing::price::{self, PriceUpdated};
use millrace::clock::Clock;
use millrace::deadletters::{Action, By, Redriven};
use millrace::outside::Network;
use millrace::parked::Reason;
use millrace::sidecar::embedded::Bus;
use millrace::store::embedded::EmbeddedStore;
use millrace::{
    Accepted, Aggregate, App, Budget, Command, Ctx, Decider, Effect, Env, Event, IdempotencyKey, Problem, Rejected,
    Service, Tuning,
};
use serde::{Deserialize, Serialize};
use tower::ServiceExt;

const SKU: &str = "SKU-001";
const BUDGET: Budget = Budget {
    tries: 2,
    timeout: Duration::from_secs(1),
    pause: (Duration::from_secs(1), Duration::from_secs(1)),
    first_after: None,
};

#[derive(Default, Clone, Serialize, Deserialize)]
struct Price(i64);

/// To 1 by a request, to 2 by the effect that the first one causes.
#[derive(Clone)]
struct RaiseTo(i64);

impl Command for RaiseTo {
    type Decider = Price;
}

impl Aggregate for Price {
    type Event = price::Event;
    fn evolve(&mut self, event: &price::Event) {
        let price::Event::Updated(event) = event else { return };
        self.0 = event.amount;
    }
}

impl Decider for Price {
    type Command = RaiseTo;
    type Rejection = Rejected;
    fn stream(_: &RaiseTo) -> String {
        SKU.into()
    }
    fn decide(&self, RaiseTo(amount): RaiseTo) -> Result<Vec<price::Event>, Rejected> {
        let valid_from = "2026-01-01T00:00:00Z".to_owned();
        let (sku, currency) = (SKU.into(), "EUR".into());
        let event = PriceUpdated { sku, currency, amount, valid_from, previous_amount: None };
        Ok(if amount > self.0 { vec![event.into()] } else { vec![] })
    }
}

async fn raise(State(service): State<Service>, key: IdempotencyKey) -> Result<Accepted, Problem> {
    service.execute(&key, RaiseTo(1), Accepted::new(serde_json::json!({}))).await
}

struct World {
    service: Service,
    is_up: Arc<AtomicBool>,
    tries: Arc<Mutex<Vec<u32>>>,
}

/// A partner that is down, and work that has given up on it.
async fn given_up() -> World {
    let clock = Clock::simulated(1);
    let (is_up, tries) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
    let (up, seen) = (is_up.clone(), tries.clone());
    let effect = move |ctx: Ctx, _: Event<PriceUpdated>| {
        seen.lock().expect("nobody panics with it").push(ctx.tries);
        let done = up.load(Ordering::Relaxed);
        async move { if done { Effect::Done(RaiseTo(2)) } else { Effect::Retry { after: Duration::ZERO } } }
    };
    let routes = Router::new().route("/raise", post(raise));
    let service = App::new("pricing").perform(BUDGET, effect).routes(routes).start(Env {
        store: Arc::new(EmbeddedStore::memory(clock.clone())),
        sidecar: Arc::new(Bus::new(clock.clone())),
        outside: Arc::new(Network::new("127.0.0.1:1", "shop@millrace.example")),
        clock,
        tuning: Tuning::default(),
    });
    let request = Request::post("/raise").header("idempotency-key", "k").body(Body::from("{}")).expect("a request");
    let Ok(response) = service.router(None).oneshot(request).await;
    assert_eq!(response.status(), 202);
    service.clock().sleep(Duration::from_secs(60)).await;
    World { service, is_up, tries }
}

impl World {
    async fn letter(&self) -> millrace::deadletters::DeadLetter {
        let letters = self.service.dead_letters().await.expect("the store answers");
        assert_eq!(letters.len(), 1, "{letters:#?}");
        letters.into_iter().next().expect("one")
    }

    async fn price(&self) -> i64 {
        self.service.state::<Price>(SKU, SKU).await.expect("the store answers").expect("a price").0
    }

    fn tries(&self) -> Vec<u32> {
        self.tries.lock().expect("nobody panics with it").clone()
    }
}

fn operator() -> By {
    By { actor: "ada".to_owned(), reason: "the partner is back".to_owned() }
}

#[tokio::test(start_paused = true)]
async fn work_that_gave_up_is_due_again_and_asks_before_it_acts() {
    let world = given_up().await;
    let letter = world.letter().await;
    assert_eq!((letter.record.reason, letter.record.attempts), (Reason::Work, 2));
    assert_eq!((letter.r#type.as_deref(), letter.stream.as_deref()), (Some("pricing.price.updated"), Some(SKU)));
    world.is_up.store(true, Ordering::Relaxed);
    world.service.clock().sleep(Duration::from_secs(60)).await;
    assert_eq!((world.price().await, world.tries()), (1, vec![1, 2]), "nobody said that it should go on");

    let by = operator();
    let redrive = || world.service.redrive(&letter.id, &by);
    let (one, other) = futures::future::join(redrive(), redrive()).await;
    let released = [one, other].into_iter().filter(|told| matches!(told, Ok(Redriven::Released))).count();
    assert_eq!(released, 1, "of two at once, one is told");
    world.service.clock().sleep(Duration::from_secs(60)).await;
    assert_eq!(world.price().await, 2);
    // A first try would act without asking what the tries before have done.
    assert_eq!(world.tries(), [1, 2, 2, 1], "of the first price's work thrice, of the second's once");
    assert!(world.service.pending().await.work.is_empty());
    let log = world.service.dead_letter_log().await.expect("the store answers");
    let told: Vec<_> = log.iter().map(|entry| (entry.actor.as_str(), entry.acted.action)).collect();
    assert_eq!(told, [("ada", Action::Redriven)]);
}

#[tokio::test(start_paused = true)]
async fn work_that_is_discarded_is_never_tried_again() {
    let world = given_up().await;
    let id = world.letter().await.id;
    world.service.discard(&id, &operator()).await.expect("it may be given up");
    world.is_up.store(true, Ordering::Relaxed);
    world.service.clock().sleep(Duration::from_secs(3_600)).await;
    assert_eq!((world.price().await, world.tries()), (1, vec![1, 2]));
    assert!(world.service.dead_letters().await.expect("the store answers").is_empty());
}
