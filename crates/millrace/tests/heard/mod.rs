//! A view that remembers what it heard: doubled, lost or overtaken events show in it. Shared by the tests of the
//! framework and by those on real programs.

use events::pricing::price;
use millrace::{Event, Projects, RowKey, View};
use serde::{Deserialize, Serialize};

/// Prices of an article in the order heard.
#[derive(Default, Clone, Serialize, Deserialize)]
pub struct Heard(pub Vec<i64>);

impl View for Heard {
    const NAME: &'static str = "heard";
}

impl Projects<price::Event> for Heard {
    fn key(event: &Event<price::Event>) -> Option<RowKey> {
        Some(RowKey::single(event.subject.clone()))
    }

    fn apply(&mut self, event: &Event<price::Event>) {
        let price::Event::Updated(event) = &event.data else { return };
        self.0.push(event.amount);
    }
}
