//! What is parked goes on only by an operator's word, exactly once, in order, and with a record of who said so.

use bytes::Bytes;
use events::pricing::price::TOPIC;
use futures::future::join;
use millrace::Problem;
use millrace::deadletters::{Action, Redriven};
use millrace::parked::Reason;
use millrace::sidecar::dead_letters;
use serde_json::{Value, json};

use super::listening::{Listening, bytes, operator, price};
use crate::chaos::Rate;

/// What no label or reason may repeat.
const PERSONAL: &str = "ada@mail.example";

/// The second price of SKU-001 is poison, one follows it, and SKU-002 has nothing to do with it.
fn feed() -> [Value; 4] {
    let mut poison = price("SKU-001", 2, (2, 1), 1_500);
    poison["data"]["currency"] = json!(PERSONAL);
    [price("SKU-001", 1, (1, 0), 1_400), poison, price("SKU-001", 3, (3, 2), 1_600), price("SKU-002", 1, (4, 0), 900)]
}

/// The feed above delivered, its poison parked.
async fn parked() -> Listening {
    let listening = Listening::to(&feed());
    listening.deliver(feed().iter().map(bytes).collect()).await;
    assert_eq!(listening.left().await, (0, 2, 1), "unsettled, held, parked");
    listening
}

async fn actions(listening: &Listening) -> Vec<Action> {
    let log = listening.orders().dead_letter_log().await.expect("the store answers");
    assert!(
        log.iter().all(|entry| (entry.actor.as_str(), entry.acted.reason.as_str()) == ("ada", "a test")),
        "{log:?}"
    );
    log.iter().map(|entry| entry.acted.action).collect()
}

async fn edit(listening: &Listening, patch: Value) -> Result<(), Problem> {
    let id = listening.letter().await.id;
    listening.orders().edit(&id, &operator(), &patch, None).await
}

pub async fn an_edited_payload_is_what_its_consumer_takes() {
    let listening = parked().await;
    let letter = listening.letter().await;
    assert_eq!((letter.consumer.as_str(), letter.r#type.as_deref()), ("orders.prices", Some("pricing.price.updated")));
    assert_eq!((letter.stream.as_deref(), letter.waiting), (Some("SKU-001"), Some(1)));
    edit(&listening, json!({ "currency": "EUR", "amount": 1_550 })).await.expect("it fits");
    assert!(listening.letter().await.record.edited);
    listening.costs("SKU-001", Some(1_400)).await;
    // The edit outlives the process that took it.
    listening.shop.stop("orders");
    listening.shop.start_service("orders");
    assert_eq!(listening.redrive().await, Redriven::Released);
    listening.wait().await;
    assert_eq!(listening.left().await, (0, 0, 0), "unsettled, held, parked");
    listening.costs("SKU-001", Some(1_600)).await;
    listening.costs("SKU-002", Some(900)).await;
    assert_eq!(actions(&listening).await, [Action::Edited, Action::Redriven]);
}

pub async fn an_edit_that_breaks_the_schema_is_refused_with_its_place() {
    let listening = parked().await;
    for (patch, pointer) in [(json!({ "currency": PERSONAL, "amount": 1 }), "/currency"), (json!({ "amount": -1 }), "")]
    {
        match edit(&listening, patch).await {
            Err(Problem::Invalid(violation)) => {
                assert!(violation.pointer.starts_with(pointer), "{violation:?}");
                assert!(!violation.to_string().contains(PERSONAL), "{violation}");
            }
            other => panic!("it was not refused: {other:?}"),
        }
    }
    assert!(!listening.letter().await.record.edited);
    assert_eq!(actions(&listening).await, [], "what was refused has not happened");
}

pub async fn what_is_discarded_stays_so_however_it_comes_again() {
    let listening = parked().await;
    listening.discard().await;
    listening.wait().await;
    assert_eq!(listening.left().await, (0, 0, 0), "unsettled, held, parked");
    listening.costs("SKU-001", Some(1_600)).await;
    for _ in 0..3 {
        listening.deliver(feed().iter().map(bytes).collect()).await;
    }
    listening.shop.stop("orders");
    listening.shop.start_service("orders");
    listening.deliver(feed().iter().map(bytes).collect()).await;
    listening.wait().await;
    assert_eq!(listening.left().await, (0, 0, 0), "unsettled, held, parked");
    listening.costs("SKU-001", Some(1_600)).await;
    assert_eq!(actions(&listening).await, [Action::Discarded]);
}

pub async fn what_still_cannot_be_handled_stays_parked_and_is_counted() {
    let listening = parked().await;
    let before = listening.letter().await.record;
    listening.wait().await;
    for attempts in [2, 3] {
        assert_eq!(listening.redrive().await, Redriven::Parked);
        let after = listening.letter().await.record;
        assert_eq!((after.attempts, &after.first, after.redriving), (attempts, &before.first, false));
        assert!(after.last > before.last, "{after:?}");
    }
    listening.wait().await;
    assert_eq!(listening.letter().await.record.attempts, 3, "nobody drives it but by an operator's word");
    assert_eq!(listening.left().await, (0, 2, 1), "unsettled, held, parked");
    listening.costs("SKU-001", Some(1_400)).await;
}

pub async fn two_who_redrive_at_once_release_it_once() {
    let listening = parked().await;
    edit(&listening, json!({ "currency": "EUR" })).await.expect("it fits");
    let (id, orders) = (listening.letter().await.id, listening.orders());
    let by = operator();
    let (one, other) = join(orders.redrive(&id, &by), orders.redrive(&id, &by)).await;
    let told = [one, other].map(|told| told.map_err(|problem| problem.to_string()));
    assert!(told.contains(&Ok(Redriven::Released)), "{told:?}");
    listening.wait().await;
    assert_eq!(listening.left().await, (0, 0, 0), "unsettled, held, parked");
    listening.costs("SKU-001", Some(1_600)).await;
    assert_eq!(actions(&listening).await, [Action::Edited, Action::Redriven]);
}

const CRASHES: [Rate; 2] = [Rate::CrashBefore, Rate::CrashAfter];

/// Lets `skip` commits of `act` pass, then crashes the service at every one until `act` has ended. It comes back by itself.
async fn crash_at(listening: &Listening, act: impl Future, skip: u64, crash: Rate) {
    let chaos = &listening.shop.chaos;
    let before = chaos.watch.commits();
    let watch = async {
        while chaos.watch.commits() - before < skip {
            tokio::task::yield_now().await;
        }
        chaos.set_rate(crash, 10_000);
        std::future::pending::<()>().await;
    };
    tokio::select! {
        biased;
        _ = act => {}
        () = watch => {}
    }
    chaos.calm();
    let crashes: u64 = CRASHES.iter().filter_map(|crash| chaos.seen.counts().get(&format!("{crash:?}")).copied()).sum();
    assert!(skip > 0 || crashes > 0, "the first commit met its crash: {:?}", chaos.seen.counts());
    listening.wait().await;
}

pub async fn a_redrive_survives_a_crash_at_any_step() {
    for crash in CRASHES {
        for skip in 0..4 {
            let listening = parked().await;
            edit(&listening, json!({ "currency": "EUR" })).await.expect("it fits");
            let (id, orders, by) = (listening.letter().await.id, listening.orders(), operator());
            crash_at(&listening, orders.redrive(&id, &by), skip, crash).await;
            if crash == Rate::CrashBefore && skip == 0 {
                assert_eq!(listening.left().await, (0, 2, 1), "a request that was not recorded has not been made");
                listening.redrive().await;
                listening.wait().await;
            }
            assert_eq!(listening.left().await, (0, 0, 0), "{crash:?} at {skip}");
            listening.costs("SKU-001", Some(1_600)).await;
            assert_eq!(actions(&listening).await, [Action::Edited, Action::Redriven]);
        }
    }
}

pub async fn a_discard_survives_a_crash_at_any_step() {
    for crash in CRASHES {
        for skip in 0..2 {
            let listening = parked().await;
            let (id, orders, by) = (listening.letter().await.id, listening.orders(), operator());
            crash_at(&listening, orders.discard(&id, &by), skip, crash).await;
            if crash == Rate::CrashBefore && skip == 0 {
                listening.discard().await;
                listening.wait().await;
            }
            assert_eq!(listening.left().await, (0, 0, 0), "{crash:?} at {skip}");
            listening.costs("SKU-001", Some(1_600)).await;
            assert_eq!(actions(&listening).await, [Action::Discarded]);
        }
    }
}

pub async fn what_has_no_position_is_read_again_or_discarded() {
    let listening = Listening::to(&feed()[..1]);
    listening.deliver(vec![Bytes::from_static(b"not JSON")]).await;
    listening.wait().await;
    assert_eq!(listening.redrive().await, Redriven::Parked);
    let letter = listening.letter().await;
    assert_eq!((letter.record.attempts, letter.record.reason, letter.stream), (2, Reason::Envelope, None));
    let refused = listening.orders().edit(&letter.id, &operator(), &json!({}), None).await;
    assert!(matches!(&refused, Err(Problem::Rejected(rejected)) if rejected.status == 409), "{refused:?}");
    listening.discard().await;
    assert_eq!(listening.left().await, (0, 0, 0), "unsettled, held, parked");
    let again = listening.orders().redrive(&letter.id, &operator()).await;
    assert!(matches!(again, Err(Problem::NotFound(_))), "{again:?}");
    assert_eq!(actions(&listening).await, [Action::Redriven, Action::Discarded]);
}

pub async fn an_entry_dead_lettered_by_the_sidecar_is_parked_once() {
    let listening = parked().await;
    let unreadable = Bytes::from_static(b"not JSON");
    listening.deliver(vec![unreadable.clone()]).await;
    let entries = vec![bytes(&feed()[1]), unreadable];
    listening.orders().deliver(&dead_letters(TOPIC, "orders"), entries).await;
    assert_eq!(listening.left().await, (0, 2, 2), "unsettled, held, parked");
    assert_eq!(listening.orders().metrics().parked_total(), 2, "copies are not counted");
}

pub async fn a_dead_letter_shows_its_shape_and_no_text() {
    let listening = parked().await;
    let letter = listening.orders().dead_letter(&listening.letter().await.id).await.expect("it is there");
    let payload = letter.payload.clone().expect("it can be read");
    assert_eq!((&payload["currency"], &payload["amount"]), (&json!("***"), &json!(1_500)));
    let shown = serde_json::to_string(&letter).expect("it encodes");
    assert!(!shown.contains(PERSONAL), "{shown}");
    assert_eq!(letter.record.pointer.as_deref(), Some("/currency"));
}
