//! Ports that nobody has: neither another test, of this process or another, nor anything else on the machine. A base with
//! a port that is taken is passed over for the next.

use std::collections::VecDeque;
use std::net::TcpListener;
use std::sync::{Mutex, PoisonError};

use host::ports::{Ports, local};
use wiring::services::SERVICES;

/// Bases that tests move a deployment by, and what lies between two.
const BASES: (u16, u16, u16) = (4_000, 80, 200);
/// A port no deployment uses; whoever holds it with a base has the base.
const CLAIM: u16 = 8079;

/// Bases that one process keeps from the others: more than it has tests under way, and few enough for several processes.
const KEPT: usize = 16;

/// For one shop. The base is this test's until many more were asked for; then what runs there keeps it.
pub fn ports() -> Ports {
    static CLAIMS: Mutex<VecDeque<TcpListener>> = Mutex::new(VecDeque::new());
    let (first, count, step) = BASES;
    // Each process starts to look elsewhere, so that two rarely meet.
    let start = u16::try_from(std::process::id() % u32::from(count)).expect("less than the count");
    let bases = (0..count).map(|number| first + step * ((start + number) % count));
    let (ports, claim) = claim(bases).expect("a base without a port that is taken");
    let mut claims = CLAIMS.lock().unwrap_or_else(PoisonError::into_inner);
    claims.push_back(claim);
    if claims.len() > KEPT {
        claims.pop_front();
    }
    ports
}

/// The first of `bases` of which every port is free, and what keeps other tests from it.
fn claim(bases: impl IntoIterator<Item = u16>) -> Option<(Ports, TcpListener)> {
    bases.into_iter().map(|base| Ports { base }).find_map(|ports| {
        let claim = TcpListener::bind(local(CLAIM + ports.base)).ok()?;
        is_free(ports).then_some((ports, claim))
    })
}

fn is_free(ports: Ports) -> bool {
    all(ports).into_iter().all(|port| TcpListener::bind(local(port)).is_ok())
}

/// A service has ten: its own, its sidecar's, and those of proxies before them.
fn all(ports: Ports) -> Vec<u16> {
    let services = (0..SERVICES.len()).flat_map(|place| (0..10).map(move |port| ports.service(place).app + port));
    let partners = [ports.sandpay(), ports.harborpay(), ports.carrier(), ports.mailbox_smtp(), ports.mailbox_http()];
    [ports.gateway(), ports.admin(), ports.redis()].into_iter().chain(partners).chain(services).collect()
}

#[test]
fn a_base_with_a_port_that_is_taken_is_passed_over() {
    // Beyond those that tests look at, so that none of them looks here meanwhile.
    let bases = (1..6).map(|number| BASES.0 + BASES.2 * (BASES.1 + number));
    let (mine, held) = claim(bases.clone()).expect("one is free");
    assert!(is_free(mine));
    for port in all(mine) {
        let _taken = TcpListener::bind(local(port)).expect("it was free");
        assert!(!is_free(mine), "{port} is taken");
    }
    let other = |bases| claim(bases).map(|(ports, _)| ports).expect("another is free");
    let from_mine = [mine.base].into_iter().chain(bases).collect::<Vec<_>>();
    assert_ne!(other(from_mine.clone()), mine, "another test has it");
    let _taken = TcpListener::bind(local(mine.carrier())).expect("it was free");
    drop(held);
    assert_ne!(other(from_mine), mine, "somebody has one of its ports");
}
