//! What orders knows of the others, for its routes: prices, the other services' part of an order's history, and whose
//! orders are whose. Decisions read none of it.

mod timeline;

use events::common::Money;
use events::orders::order;
use events::pricing::price;
use millrace::clock::rfc3339;
use millrace::schema::EventSet;
use millrace::{Event, Projects, RowKey, View};
use serde::{Deserialize, Serialize};

pub use timeline::{Entry, Timeline};

/// What an article costs.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Prices(pub Option<Money>);

impl View for Prices {
    const NAME: &'static str = "prices";
}

impl Projects<price::Event> for Prices {
    fn key(event: &Event<price::Event>) -> Option<RowKey> {
        let price::Event::Updated(price) = &event.data;
        Some(RowKey::single(&price.sku))
    }

    fn apply(&mut self, event: &Event<price::Event>) {
        let price::Event::Updated(price) = &event.data;
        self.0 = Some(Money { amount: price.amount, currency: price.currency.clone() });
    }
}

/// What other services did for an order, in the order it was heard.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct History(pub Vec<Entry>);

impl View for History {
    const NAME: &'static str = "history";
}

impl<E: EventSet> Projects<E> for History {
    fn key(event: &Event<E>) -> Option<RowKey> {
        Some(RowKey::single(event.data.to_value().ok()?.get("orderId")?.as_str()?))
    }

    fn apply(&mut self, event: &Event<E>) {
        let data = event.data.to_value().unwrap_or_default();
        self.0.push(Entry::new(event.data.schema().name, event.time_us, event.sequence, &data));
    }
}

/// A user's orders, oldest first.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct OrdersByUser {
    pub order_id: String,
    pub created_at: String,
}

impl View for OrdersByUser {
    const NAME: &'static str = "orders_by_user";
}

impl Projects<order::Event> for OrdersByUser {
    fn key(event: &Event<order::Event>) -> Option<RowKey> {
        let order::Event::Created(created) = &event.data else { return None };
        // Of equal length, so that the order of text is the order of time.
        let row = format!("{:016x}-{}", event.time_us, created.order_id);
        Some(RowKey { key: created.user_id.clone(), row })
    }

    fn apply(&mut self, event: &Event<order::Event>) {
        (self.order_id, self.created_at) = (event.subject.clone(), rfc3339(event.time_us));
    }
}
