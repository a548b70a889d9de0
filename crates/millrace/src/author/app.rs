//! A service as a value: its reactions, views, effects, deadlines and routes. Subscriptions, scopes, manifests and the
//! picture of the system are read from here; nothing else says who hears what.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::Arc;

use axum::Router;
use axum::handler::Handler;
use axum::routing::on;
use futures::FutureExt;

use crate::author::{
    Budget, Call, Command, Commanded, Ctx, Deadline, Effect, IntoDecisions, Projects, Public, RowUpdate,
};
pub use crate::delivery::wiring::Start;
use crate::delivery::{Consumer, Performed, WorkKind, WorkWiring};
use crate::model::{Decision, Event, EventSet, EventType, Incoming, Partner};

/// `S` is what it runs as, and what its routes are given.
pub struct App<S> {
    pub(crate) name: &'static str,
    /// By topic, then by consumer name; a consumer's progress on a topic is its own.
    pub(crate) consumers: BTreeMap<&'static str, Vec<Consumer>>,
    pub(crate) work: Vec<WorkWiring>,
    pub(crate) partners: BTreeMap<String, Partner>,
    pub(crate) routes: Router<S>,
    public: Public,
    start: Start,
    /// Heard one by one.
    pub(crate) single: BTreeSet<&'static str>,
}

/// What runs apps. It knows every part; the app, being a value, knows none.
pub trait Runtime: Clone + Send + Sync + 'static {
    /// What it takes to run one.
    type Env;

    fn start(app: App<Self>, env: Self::Env) -> Self;
}

impl<S: Runtime> App<S> {
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            consumers: BTreeMap::new(),
            work: Vec::new(),
            partners: BTreeMap::new(),
            routes: Router::new(),
            public: Public::default(),
            start: Start::Beginning,
            single: BTreeSet::new(),
        }
    }

    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Where the consumers named after this begin. A service's reactions to one topic are one consumer.
    #[must_use]
    pub fn starting(self, start: Start) -> Self {
        Self { start, ..self }
    }

    /// A reaction: an event of another service (or of this one) becomes a command, none, or several. Pure.
    /// The handler's name is the function's, so it carries the name of the command it causes.
    #[must_use]
    pub fn on<E: EventType, R: IntoDecisions, F: Fn(Event<E>) -> R + Send + Sync + 'static>(
        mut self,
        reaction: F,
    ) -> Self {
        let decisions = move |incoming: &Incoming| Ok(reaction(incoming.event::<E>()?).into_decisions());
        self.consumer(E::SCHEMA.topic, self.name.to_owned()).handle(E::SCHEMA.name, short_name::<F>(), decisions);
        self
    }

    /// A read model of one topic's events, updated exactly once by each. Call it once for each topic the view hears.
    #[must_use]
    pub fn view<V: Projects<E>, E: EventSet>(mut self) -> Self {
        let consumer = format!("{}.{}", self.name, V::NAME);
        for schema in E::SCHEMAS.iter().filter(|schema| !schema.private) {
            let decisions = |incoming: &Incoming| Ok(RowUpdate::<V, E>::of(incoming)?.into_iter().collect());
            let consumer = self.consumer(E::TOPIC, consumer.clone());
            consumer.is_view = true;
            consumer.handle(schema.name, V::NAME, decisions);
        }
        self
    }

    /// A call to the outside, caused by this service's own committed event. At least once, with the same business
    /// identity on every try; its result comes back as a command for the partition of the event that caused it.
    #[must_use]
    pub fn perform<E, C, F, R>(mut self, budget: Budget, effect: F) -> Self
    where
        E: EventType,
        C: Command,
        F: Fn(Ctx, Event<E>) -> R + Send + Sync + 'static,
        R: Future<Output: Into<Effect<C>>> + Send + 'static,
    {
        let effect = Arc::new(effect);
        let perform = move |ctx: Ctx, incoming: Incoming| {
            let effect = effect.clone();
            async move { Ok(Performed::from(effect(ctx, incoming.event::<E>()?).await.into())) }.boxed()
        };
        self.work.push(WorkWiring {
            name: short_name::<F>(),
            cause: E::SCHEMA.name,
            kind: WorkKind::Effect { budget, perform: Arc::new(perform) },
        });
        self
    }

    /// Whom effects call, and who may call back, by this name.
    #[must_use]
    pub fn partner(mut self, name: &str, partner: Partner) -> Self {
        self.partners.insert(name.to_owned(), partner);
        self
    }

    /// A deadline, stored in the commit of the event that sets it. Whether it still matters is the decider's to say.
    #[must_use]
    pub fn after<E: EventType, C: Command, F: Fn(Event<E>) -> Deadline<C> + Send + Sync + 'static>(
        mut self,
        deadline: F,
    ) -> Self {
        let due = move |incoming: &Incoming| {
            let deadline = deadline(incoming.event::<E>()?);
            Ok((deadline.delay, Box::new(Commanded(deadline.command)) as Box<dyn Decision>))
        };
        self.work.push(WorkWiring {
            name: short_name::<F>(),
            cause: E::SCHEMA.name,
            kind: WorkKind::Deadline(Arc::new(due)),
        });
        self
    }

    /// Routes for other services and operators alone.
    #[must_use]
    pub fn routes(mut self, routes: Router<S>) -> Self {
        self.routes = self.routes.merge(routes);
        self
    }

    /// A route that the gateway lets the public call.
    #[must_use]
    pub fn answer<H: Handler<T, S>, T: 'static>(mut self, call: Call, handler: H) -> Self {
        self.public.calls.push(call);
        self.routes(Router::new().route(call.path, on(call.method, handler)))
    }

    /// The service's part of the OpenAPI document, a JSON text: its tag, the bodies of its answers, and what else its calls
    /// don't say themselves.
    #[must_use]
    pub fn openapi(mut self, part: &'static str) -> Self {
        self.public.openapi = part;
        self
    }

    /// Topics whose events the sidecar hands over one by one and at once, and not in batches: sooner, for more CPU, and of
    /// what comes while the service is away it takes some for delivered, which is left to healing.
    #[must_use]
    pub fn single(mut self, topics: impl IntoIterator<Item = &'static str>) -> Self {
        self.single.extend(topics);
        self
    }

    /// Starts the service's tasks. It hears nothing until what is started is given to a bus.
    pub fn start(self, env: S::Env) -> S {
        S::start(self, env)
    }

    /// What the service hears and does, for the topology and whatever is generated from it.
    pub fn topology(&self) -> Topology {
        let hears = self.consumers.iter().flat_map(|(topic, consumers)| {
            consumers.iter().flat_map(move |consumer| {
                consumer.handlers.iter().flat_map(move |(event, handlers)| {
                    handlers.iter().map(move |handler| Heard {
                        topic,
                        event,
                        consumer: consumer.name.clone(),
                        reaction: handler.name,
                    })
                })
            })
        });
        let work = |deadline: bool| {
            let kind = move |work: &&WorkWiring| matches!(work.kind, WorkKind::Deadline(_)) == deadline;
            self.work.iter().filter(kind).map(|work| (work.cause, work.name)).collect()
        };
        Topology {
            service: self.name,
            hears: hears.collect(),
            effects: work(false),
            deadlines: work(true),
            public: self.public.clone(),
        }
    }

    /// Topics the service subscribes to, in order.
    pub fn topics(&self) -> impl Iterator<Item = &'static str> {
        self.consumers.keys().copied()
    }

    fn consumer(&mut self, topic: &'static str, name: String) -> &mut Consumer {
        let start = self.start;
        let consumers = self.consumers.entry(topic).or_default();
        let index = consumers.iter().position(|consumer| consumer.name == name).unwrap_or_else(|| {
            consumers.push(Consumer::new(name, start));
            consumers.len() - 1
        });
        let consumer = &mut consumers[index];
        assert!(consumer.start == start, "{} on {topic} is one consumer: it has one start", consumer.name);
        consumer
    }
}

/// One service's part of the picture of the system.
#[derive(Debug, Clone)]
pub struct Topology {
    pub service: &'static str,
    pub hears: Vec<Heard>,
    /// (event that causes it, name).
    pub effects: Vec<(&'static str, &'static str)>,
    pub deadlines: Vec<(&'static str, &'static str)>,
    pub public: Public,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    pub topic: &'static str,
    pub event: &'static str,
    pub consumer: String,
    pub reaction: &'static str,
}

/// `warehouse::reserve` → `reserve`; of a closure, the function that made it.
fn short_name<F>() -> &'static str {
    let name = std::any::type_name::<F>().trim_end_matches("::{{closure}}");
    name.rsplit("::").next().unwrap_or(name)
}
