//! Events of other systems, sent once and again.

use millrace::schema::EventType;
use millrace::testing::{given, nothing};

use super::*;

fn event(system: &str, source: &str, id: &str) -> WebhookReceived {
    let mut event: WebhookReceived =
        serde_json::from_value(events::examples(WebhookReceived::SCHEMA.name).swap_remove(0)).expect("an example");
    (event.system, event.source, event.event_id) = (system.to_owned(), source.to_owned(), id.to_owned());
    event
}

fn receive(events: &[&WebhookReceived]) -> Receive {
    Receive { system: events[0].system.clone(), events: events.iter().copied().cloned().collect() }
}

#[test]
fn an_event_is_taken_once() {
    let first = event("a", "/shop", "1");
    nothing().when(receive(&[&first])).then::<Webhook>(&stream(&first), [first.clone()]).then_nothing_else();
    given::<Webhook>(&stream(&first), [first.clone()]).when(receive(&[&first])).then_nothing_else();
}

#[test]
fn what_is_new_in_a_batch_is_taken_and_what_it_has_twice_once() {
    let (first, second) = (event("a", "/shop", "1"), event("a", "/shop", "2"));
    given::<Webhook>(&stream(&first), [first.clone()])
        .when(receive(&[&second, &first, &second]))
        .then::<Webhook>(&stream(&second), [second.clone()])
        .then_nothing_else();
}

#[test]
fn the_same_source_and_id_of_two_systems_are_two_events() {
    let (ours, theirs) = (event("a", "/shop", "1"), event("b", "/shop", "1"));
    given::<Webhook>(&stream(&ours), [ours])
        .when(receive(&[&theirs]))
        .then::<Webhook>(&stream(&theirs), [theirs.clone()])
        .then_nothing_else();
}

#[test]
fn a_request_is_named_by_its_events_whatever_their_order() {
    let (first, second) = (event("a", "/shop", "1"), event("a", "/shop", "2"));
    assert_eq!(receive(&[&first, &second]).id(), receive(&[&second, &first]).id());
    assert_ne!(receive(&[&first]).id(), receive(&[&first, &second]).id());
    assert_ne!(stream(&event("a", "/shop/1", "2")), stream(&event("a", "/shop", "1/2")));
}
