//! What catalog knows of the others, for an article's page.

use events::common::Money;
use events::pricing::price;
use events::warehouse::stock;
use millrace::{Event, Projects, RowKey, View};
use serde::{Deserialize, Serialize};

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

/// Pieces of an article that can be ordered, a row a location.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Availability(pub i64);

impl View for Availability {
    const NAME: &'static str = "availability";
}

impl Projects<stock::Event> for Availability {
    fn key(Event { data: stock::Event::Updated(stock), .. }: &Event<stock::Event>) -> Option<RowKey> {
        Some(RowKey { key: stock.item_id.clone(), row: stock.location_id.clone() })
    }

    fn apply(&mut self, Event { data: stock::Event::Updated(stock), .. }: &Event<stock::Event>) {
        self.0 = stock.new_quantity;
    }
}
