//! What a location's shelves hold and what of it is promised to orders. Pure: no clock, no randomness, no I/O, no async.
//!
//! All streams of a location share its partition: whatever moves levels (a receipt, an adjustment, a reservation and its
//! end) does so in the commit that records it, for all its articles or none.

use std::collections::BTreeMap;

use events::common::{ChangeType, OrderContext, OrderLine, Reason, Shortage, StockLine};
use events::orders::order::{OrderConfirmed, OrderCreated};
use events::warehouse::inventory::{
    Event, InventoryAdjusted, InventoryAllocated, InventoryExpired, InventoryReceived, InventoryReleased,
    InventoryReservationRefused, InventoryReserved, InventoryShipped,
};
use events::warehouse::stock::{self, StockUpdated};
use millrace::{Aggregate, Decides, Loaded, Rejected, SlotRef};
use serde::{Deserialize, Serialize};

/// The schemas' bounds of a level and of a movement.
const MOST_ON_HAND: i64 = 1_000_000_000;
const MOST_MOVED: i64 = 1_000_000;

/// The stream of what is named within a location. A slash occurs in no id, so no two things share a stream.
pub fn at(location: &str, name: &str) -> String {
    format!("{location}/{name}")
}

/// One article at one location.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub struct Stock {
    pub on_hand: i64,
    pub reserved: i64,
}

impl Stock {
    pub fn available(&self) -> i64 {
        self.on_hand - self.reserved
    }
}

impl Aggregate for Stock {
    type Event = stock::Event;

    fn evolve(&mut self, stock::Event::Updated(updated): &stock::Event) {
        *self = Self { on_hand: updated.on_hand, reserved: updated.reserved };
    }
}

/// A document that moves stock: a receipt, an adjustment, or an order's reservation.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub enum Document {
    #[default]
    Absent,
    Reserved(Vec<StockLine>, OrderContext),
    Allocated(Vec<StockLine>, OrderContext),
    Expired,
    /// Counted, refused, released or shipped: nothing is promised any more, nor will be.
    Closed,
}

impl Aggregate for Document {
    type Event = Event;

    fn evolve(&mut self, event: &Event) {
        *self = match event.clone() {
            Event::Reserved(InventoryReserved { context, lines, .. }) => {
                let piece = |OrderLine { sku, quantity, .. }| StockLine { sku, quantity };
                Self::Reserved(lines.into_iter().map(piece).collect(), context)
            }
            Event::Allocated(InventoryAllocated { context, lines, .. }) => Self::Allocated(lines, context),
            Event::Expired(_) => Self::Expired,
            _ => Self::Closed,
        };
    }
}

#[derive(Debug, Clone)]
pub struct Command {
    pub location: String,
    /// The document's stream; an order's reservation has the order's id.
    pub document: String,
    pub task: Task,
}

#[derive(Debug, Clone)]
pub enum Task {
    Receive(InventoryReceived),
    Adjust(InventoryAdjusted),
    /// With the time it expires, RFC 3339.
    Reserve(Box<OrderCreated>, String),
    Allocate(Box<OrderConfirmed>),
    Expire,
    Release,
    Ship,
}

impl Task {
    /// Pieces by article that it moves; an article named twice counts once, with the sum.
    fn articles(&self, document: &Document) -> BTreeMap<String, i64> {
        let mut sums = BTreeMap::new();
        let mut add = |sku: &String, quantity| *sums.entry(sku.clone()).or_default() += quantity;
        match (self, document) {
            (Self::Receive(receipt), _) => receipt.lines.iter().for_each(|line| add(&line.sku, line.quantity)),
            (Self::Adjust(adjustment), _) => adjustment.lines.iter().for_each(|line| add(&line.sku, line.quantity)),
            (Self::Reserve(order, _), _) => order.lines.iter().for_each(|line| add(&line.sku, line.quantity)),
            (
                Self::Expire | Self::Release | Self::Ship,
                Document::Reserved(lines, _) | Document::Allocated(lines, _),
            ) => lines.iter().for_each(|line| add(&line.sku, line.quantity)),
            _ => {}
        }
        sums
    }
}

impl millrace::Command for Command {
    type Decider = Location;
}

/// The decisions of one location.
pub struct Location;

impl Decides<Command> for Location {
    type Rejection = Rejected;

    fn partition(command: &Command) -> String {
        command.location.clone()
    }

    fn reads(command: &Command) -> Vec<SlotRef> {
        vec![SlotRef::stream::<Document>(command.document.clone())]
    }

    fn reads_more(Command { location, document, task }: &Command, loaded: &Loaded) -> Vec<SlotRef> {
        let articles = task.articles(loaded.state::<Document>(document));
        articles.keys().map(|sku| SlotRef::stream::<Stock>(at(location, sku))).collect()
    }

    fn decide(Command { location, document: id, task }: Command, loaded: &mut Loaded) -> Result<(), Rejected> {
        use ChangeType::{Adjustment, Receipt, Release, Sale};
        let document = loaded.state::<Document>(&id).clone();
        let mut shelf = Shelf { location: &location, articles: task.articles(&document), loaded };
        let recorded: Event = match (task, document) {
            (Task::Receive(receipt), Document::Absent) => shelf.count(Receipt).map(|()| receipt.into())?,
            (Task::Adjust(adjustment), Document::Absent) => shelf.count(Adjustment).map(|()| adjustment.into())?,
            (Task::Reserve(order, expires_at), Document::Absent) => shelf.reserve(*order, expires_at),
            (Task::Allocate(order), Document::Reserved(lines, context)) => {
                let shipping_address = order.shipping_address;
                InventoryAllocated { context, lines, shipping_address }.into()
            }
            (Task::Allocate(order), Document::Expired) => {
                refused(order.context, Reason::ReservationExpired, Vec::new())
            }
            (Task::Expire, Document::Reserved(lines, context)) => {
                shelf.shift((0, -1), Release, Some(&id));
                InventoryExpired { context, lines }.into()
            }
            (Task::Release, Document::Reserved(lines, context) | Document::Allocated(lines, context)) => {
                shelf.shift((0, -1), Release, Some(&id));
                InventoryReleased { context, lines }.into()
            }
            (Task::Ship, Document::Allocated(lines, context)) => {
                shelf.shift((-1, -1), Sale, Some(&id));
                InventoryShipped { context, lines }.into()
            }
            // Done already, or the reservation has ended otherwise.
            _ => return Ok(()),
        };
        loaded.record::<Document>(&id, recorded);
        Ok(())
    }
}

/// The levels a command touches.
struct Shelf<'a> {
    location: &'a str,
    articles: BTreeMap<String, i64>,
    loaded: &'a mut Loaded,
}

impl Shelf<'_> {
    fn level(&self, sku: &str) -> &Stock {
        self.loaded.state(&at(self.location, sku))
    }

    /// Moves every article's level: `on_hand` and `reserved` times its pieces.
    fn shift(&mut self, (on_hand, reserved): (i64, i64), change_type: ChangeType, order_id: Option<&str>) {
        for (sku, pieces) in self.articles.iter().filter(|(_, pieces)| **pieces != 0) {
            let before = self.level(sku);
            let after =
                Stock { on_hand: before.on_hand + on_hand * pieces, reserved: before.reserved + reserved * pieces };
            let updated = StockUpdated {
                item_id: sku.clone(),
                location_id: self.location.to_owned(),
                previous_quantity: before.available(),
                new_quantity: after.available(),
                on_hand: after.on_hand,
                reserved: after.reserved,
                change_type,
                order_id: order_id.map(str::to_owned),
            };
            self.loaded.record::<Stock>(&at(self.location, sku), updated);
        }
    }

    /// Brings the books in line with the floor: never below what is promised, nor above what a level can say.
    fn count(&mut self, change: ChangeType) -> Result<(), Rejected> {
        for (sku, pieces) in &self.articles {
            let Stock { on_hand, reserved } = self.level(sku);
            if on_hand + pieces < *reserved {
                let detail = format!("{reserved} of {on_hand} pieces of {sku} are promised to orders");
                return Err(Rejected::conflict("below_reserved", detail));
            }
            if on_hand + pieces > MOST_ON_HAND {
                let detail = format!("a shelf holds at most {MOST_ON_HAND} pieces of {sku}");
                return Err(Rejected::unprocessable("stock_limit_exceeded", detail));
            }
        }
        self.shift((1, 0), change, None);
        Ok(())
    }

    fn reserve(&mut self, order: OrderCreated, expires_at: String) -> Event {
        let shortage = |(sku, pieces): (&String, &i64)| {
            let available = self.level(sku).available();
            // The same article on many lines may ask for more than one movement can say.
            let requested = (*pieces).min(MOST_MOVED);
            (available < *pieces).then(|| Shortage { sku: sku.clone(), requested, available })
        };
        let shortages: Vec<Shortage> = self.articles.iter().filter_map(shortage).collect();
        if !shortages.is_empty() {
            return refused(order.context, Reason::OutOfStock, shortages);
        }
        self.shift((0, 1), ChangeType::Reservation, Some(&order.context.order_id));
        let OrderCreated { context, lines, total, payment, .. } = order;
        InventoryReserved { context, lines, total, payment, expires_at }.into()
    }
}

fn refused(context: OrderContext, reason: Reason, shortages: Vec<Shortage>) -> Event {
    InventoryReservationRefused { context, reason, shortages }.into()
}

#[cfg(test)]
mod tests;
