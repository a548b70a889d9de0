//! Other systems, which tell a shop in which everything fails of events of theirs: in every mode, some twice, some broken. In
//! the end each one taken must be one event of the shop's, and what was refused none.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use events::integrations::webhook::TOPIC;
use futures::future::try_join_all;
use millrace::{Incoming, owner};
use serde_json::{Value, json};

use super::customers::insist;
use super::plan::{Draw, Plan};
use crate::recording::Recording;
use crate::shop::Shop;

const PATH: &str = "/integrations/events";
/// Orders for each webhook.
const ORDERS: usize = 4;

/// How CloudEvents come over HTTP.
#[derive(Debug, Clone, Copy)]
enum Mode {
    Structured,
    Batch,
    Binary,
}

use Mode::{Batch, Binary, Structured};

/// All webhooks of the plan, one after another; the ids of those that were taken.
pub async fn tell(shop: &Arc<Shop>, plan: &Plan) -> Result<BTreeSet<String>, String> {
    let mut draw = Draw(plan.seed ^ 0x7765_6268_6f6f_6b73);
    let (mut taken, count) = (BTreeSet::new(), plan.orders.div_ceil(ORDERS));
    for number in 0..count {
        let pause = 2 * plan.span().as_millis() as u64 / count as u64;
        shop.clock.sleep(Duration::from_millis(draw.below(pause))).await;
        let id = format!("webhook-{number}");
        let mut modes = || draw.pick(&[Structured, Batch, Binary]);
        let (mode, other) = (modes(), modes());
        match draw.below(4) {
            0 => refused(shop, &id, &mut draw).await?,
            1 => {
                let same = [mode, other].map(|mode| send(shop, mode, json!([event(&id)]), StatusCode::NO_CONTENT));
                try_join_all(same).await?;
                shop.chaos.seen.count("webhook taken again");
                taken.insert(id);
            }
            _ => {
                send(shop, mode, json!([event(&id)]), StatusCode::NO_CONTENT).await?;
                shop.chaos.seen.count("webhook taken");
                taken.insert(id);
            }
        }
    }
    Ok(taken)
}

fn event(id: &str) -> Value {
    json!({ "specversion": "1.0", "id": id, "source": "/elsewhere", "type": "elsewhere.counted",
            "datacontenttype": "application/json", "data": { "counted": 3 } })
}

/// Broken, alone or beside one that is sound: nothing of it may be kept.
async fn refused(shop: &Shop, id: &str, draw: &mut Draw) -> Result<(), String> {
    let mut broken = event(id);
    let beside = event(&format!("beside-{id}"));
    let (mode, events, status) = match draw.below(3) {
        0 => {
            broken["specversion"] = "0.3".into();
            (Binary, json!([broken]), StatusCode::UNPROCESSABLE_ENTITY)
        }
        1 => {
            broken["type"] = "".into();
            (Structured, json!([broken]), StatusCode::BAD_REQUEST)
        }
        _ => {
            broken["source"] = Value::Null;
            (Batch, json!([beside, broken]), StatusCode::BAD_REQUEST)
        }
    };
    send(shop, mode, events, status).await?;
    shop.chaos.seen.count("webhook refused");
    Ok(())
}

/// Until it is answered; with another status than `wanted` the run has failed.
async fn send(shop: &Shop, mode: Mode, events: Value, wanted: StatusCode) -> Result<(), String> {
    let answer = insist(shop, PATH, || request(mode, &events)).await?;
    shop.chaos.tell("system", format_args!("tells {events} ({mode:?}): {}", answer.status()));
    let is_so = answer.status() == wanted;
    shop.chaos.watch.expect(is_so, || format!("30: {events} ({mode:?}) is answered {answer:?}"));
    Ok(())
}

fn request(mode: Mode, events: &Value) -> Request<Body> {
    let request = Request::post(PATH);
    let (request, body) = match mode {
        Structured => (request.header("content-type", "application/cloudevents+json"), &events[0]),
        Batch => (request.header("content-type", "application/cloudevents-batch+json"), events),
        Binary => {
            let attributes = ["specversion", "id", "source", "type"];
            let text = |name: &str| events[0][name].as_str().unwrap_or_default().to_owned();
            let request =
                attributes.iter().fold(request, |request, name| request.header(format!("ce-{name}"), text(name)));
            (request.header("content-type", "application/json"), &events[0]["data"])
        }
    };
    request.body(Body::from(body.to_string())).expect("a request")
}

/// 30: one event each of what was taken, and of nothing else.
pub async fn check(shop: &Shop, taken: &BTreeSet<String>) -> Result<(), String> {
    let recording = Recording::of_service(shop, owner(TOPIC)).await;
    let id = |event| {
        let event = Incoming::parse(event).map_err(|error| format!("30: {error}"))?;
        let data: Value = serde_json::from_slice(&event.data).map_err(|error| format!("30: {error}"))?;
        Ok::<_, String>(data["eventId"].as_str().unwrap_or_default().to_owned())
    };
    let mut told: Vec<String> = recording.events(TOPIC).iter().map(id).collect::<Result<_, _>>()?;
    told.sort();
    let is_so = told.iter().eq(taken);
    if is_so { Ok(()) } else { Err(format!("30: of {taken:?} there are {told:?}")) }
}
