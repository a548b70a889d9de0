//! What a service has done, counted from its own log: one event of its feeds is one effect.

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::Request;
use millrace::schema::EventType;
use millrace::store::PARTITIONS;
use millrace::{Problem, Service};
use serde::{Deserialize, Serialize};
use tower::ServiceExt;

use super::events::{ChargeMade, OrderPlaced, OrderShipped, ParcelBooked, ReservationMade};

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    pub orders: i64,
    pub units: i64,
    pub cents: i64,
}

/// What an event of a saga says of its order.
pub trait Counts {
    fn units(&self) -> i64;
    fn cents(&self) -> i64;
}

macro_rules! counts {
    ($($event:ty),+) => {
        $(impl Counts for $event {
            fn units(&self) -> i64 {
                self.units
            }

            fn cents(&self) -> i64 {
                self.total_cents
            }
        })+
    };
}
counts!(ReservationMade, ChargeMade, ParcelBooked, OrderShipped);

impl Counts for OrderPlaced {
    fn units(&self) -> i64 {
        self.lines.iter().map(|line| line.quantity).sum()
    }

    fn cents(&self) -> i64 {
        self.total_cents
    }
}

impl Totals {
    pub fn of<'a, E: Counts + 'a>(events: impl IntoIterator<Item = &'a E>) -> Self {
        events.into_iter().fold(Self::default(), |totals, event| Self {
            orders: totals.orders + 1,
            units: totals.units + event.units(),
            cents: totals.cents + event.cents(),
        })
    }
}

pub async fn totals<E: EventType + Counts>(State(service): State<Service>) -> Result<Json<Totals>, Problem> {
    Ok(Json(Totals::of(&log::<E>(&service).await?)))
}

/// Every event of type `E` that the service has committed.
pub async fn log<E: EventType>(service: &Service) -> Result<Vec<E>, Problem> {
    let mut events = Vec::new();
    for partition in 0..PARTITIONS {
        let mut after = "0".to_owned();
        loop {
            let page = page::<E>(service, partition, &after).await?;
            let Some(last) = page.last() else { break };
            after.clone_from(&last.position);
            events.extend(page.into_iter().map(|entry| entry.data));
        }
    }
    Ok(events)
}

#[derive(Deserialize)]
struct Page<E> {
    events: Vec<Entry<E>>,
}

#[derive(Deserialize)]
struct Entry<E> {
    position: String,
    data: E,
}

/// As any other service reads them, but for the socket.
async fn page<E: EventType>(service: &Service, partition: u8, after: &str) -> Result<Vec<Entry<E>>, Problem> {
    let internal = |error: &dyn std::fmt::Display| Problem::Internal(error.to_string());
    let uri = format!("/feeds/{}/{partition}?after={after}", E::SCHEMA.topic);
    let request = Request::get(uri).body(Body::empty()).map_err(|error| internal(&error))?;
    let Ok(response) = service.router(None).oneshot(request).await;
    let body = to_bytes(response.into_body(), usize::MAX).await.map_err(|error| internal(&error))?;
    let page: Page<E> = serde_json::from_slice(&body).map_err(|error| internal(&error))?;
    Ok(page.events)
}
