//! How an app becomes a service: the parts of delivery, each given what it uses, and their tasks.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::{App, Env, Inner, Service};
use crate::author::Runtime;
use crate::delivery::{
    Cursors, Executor, Healing, Inbox, Lanes, Letters, Metrics, Opener, Outlets, Producers, Relay, Rounds, Trackers,
    Waiting, handover,
};
use crate::seams::Tasks;

/// Started work that may wait for the executor.
const HANDED_ON: usize = 8192;

impl Runtime for Service {
    type Env = Env;

    fn start(app: App, env: Env) -> Self {
        let (name, topology) = (app.name, app.topology());
        let (topics, tuning) = (app.topics().collect(), env.tuning.clone());
        let (wiring, partners) = (Arc::new(app.work), Arc::new(app.partners));
        let (relay, committed, behind) = handover();
        let (work, started) = mpsc::channel(HANDED_ON);
        let lanes = Arc::new(Lanes::start(Outlets {
            service: name,
            store: env.store.clone(),
            opener: Arc::new(Opener::new(name, env.store.clone(), env.clock.clone())),
            clock: env.clock.clone(),
            metrics: Arc::new(Metrics::default()),
            tasks: Tasks::default(),
            wiring: wiring.clone(),
            relay,
            work,
        }));
        let trackers = Arc::new(Trackers::new(lanes.clone(), app.consumers));
        let producers = Arc::new(Producers { service: name, sidecar: env.sidecar.clone() });
        let inbox = Arc::new(Inbox::new(lanes.clone(), trackers.clone(), producers.clone()));
        let relay = Arc::new(Relay {
            lanes: lanes.clone(),
            trackers: trackers.clone(),
            sidecar: env.sidecar.clone(),
            sweep: tuning.sweep,
            behind,
            waiting: Waiting::default(),
            cursors: Cursors::default(),
        });
        let executor = Arc::new(Executor::new(lanes.clone(), wiring, env.outside.clone(), partners.clone()));
        let healing = Arc::new(Healing {
            lanes: lanes.clone(),
            trackers: trackers.clone(),
            producers: producers.clone(),
            inbox: inbox.clone(),
            after: tuning.heal_after,
        });
        let letters = Arc::new(Letters {
            lanes: lanes.clone(),
            trackers: trackers.clone(),
            producers: producers.clone(),
            inbox: inbox.clone(),
        });
        let rounds = Rounds { lanes, trackers, producers, relay, executor, letters, topics, tuning };
        let (rounds, single, routes) = (Arc::new(rounds), app.single, app.routes);
        let tasks = &rounds.lanes.tasks;
        tasks.spawn(rounds.relay.clone().relay_committed(committed));
        tasks.spawn(rounds.relay.clone().move_cursors());
        tasks.spawn(rounds.executor.clone().perform_started(started));
        tasks.spawn(rounds.clone().upkeep());
        tasks.spawn(rounds.clone().watch_heads());
        tasks.spawn(healing.heal());
        tasks.spawn(rounds.clone().raise_floors());
        Self(Arc::new(Inner { env, inbox, rounds, topology, partners, single, routes }))
    }
}
