//! What orders knows of the others, for its routes: prices, whose orders are whose, and when an order's story is over.
//! Decisions read none of it.

use events::common::{Money, OrderStatus};
use events::orders::order;
use events::payment::{PaymentFailed, PaymentInitiated, PaymentProcessed, PaymentRefunded};
use events::pricing::price;
use events::warehouse::inventory::{InventoryExpired, InventoryReleased, InventoryReserved};
use millrace::clock::rfc3339;
use millrace::{Entry, Event, Projects, RowKey, Story, View};
use serde::{Deserialize, Serialize};

use crate::domain::Order;

/// What an article costs.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Prices(pub Option<Money>);

impl View for Prices {
    const NAME: &'static str = "prices";
}

impl Projects<price::Event> for Prices {
    fn key(event: &Event<price::Event>) -> Option<RowKey> {
        let price::Event::Updated(price) = &event.data else { return None };
        Some(RowKey::single(&price.sku))
    }

    fn apply(&mut self, event: &Event<price::Event>) {
        let price::Event::Updated(price) = &event.data else { return };
        self.0 = Some(Money { amount: price.amount, currency: price.currency.clone() });
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
        let row = format!("{:016x}-{}", event.time_us, created.context.order_id);
        Some(RowKey { key: created.context.user_id.clone(), row })
    }

    fn apply(&mut self, event: &Event<order::Event>) {
        (self.order_id, self.created_at) = (event.subject.clone(), rfc3339(event.time_us));
    }
}

impl Story for Order {
    const KEY: &'static str = "orderId";

    /// Fulfilled, or cancelled and all that was taken is given back. A charge whose outcome is not heard yet may still
    /// have to be refunded.
    fn ended(&self, heard: &[Entry]) -> bool {
        let any = |is: fn(&Entry) -> bool| heard.iter().any(is);
        let charged = any(Entry::is::<PaymentProcessed>)
            || any(Entry::is::<PaymentInitiated>) && !any(Entry::is::<PaymentFailed>);
        let back = any(Entry::is::<InventoryReleased>) || any(Entry::is::<InventoryExpired>);
        let settled = (back || !any(Entry::is::<InventoryReserved>)) && (!charged || any(Entry::is::<PaymentRefunded>));
        let status = self.0.as_ref().map(|order| order.status);
        status == Some(OrderStatus::Fulfilled) || status == Some(OrderStatus::Cancelled) && settled
    }
}

#[cfg(test)]
mod tests;
