//! What a location's shelves hold and what of it is promised to orders. Pure: no clock, no randomness, no I/O, no async.
//!
//! All streams of a location share its partition. Whoever names articles (receipt, adjustment, order) moves their levels
//! in the same commit. A reservation's end is told by events that name only the order, so the levels follow it in a
//! second commit, caused by the end itself: until then too little can be sold, never too much.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use events::common::{ChangeType, Contact, OrderLine, Reason, Shortage, StockLine};
use events::orders::order::{OrderConfirmed, OrderCreated};
use events::warehouse::inventory::{
    self, InventoryAdjusted, InventoryAllocated, InventoryExpired, InventoryReceived, InventoryReleased,
    InventoryReservationRefused, InventoryReserved, InventoryShipped,
};
use events::warehouse::stock::{self, StockUpdated};
use millrace::pii::Pii;
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
    Counted,
    Reserved(Reservation),
    Allocated(Reservation),
    Expired,
    /// Refused, released or shipped: nothing is promised any more, nor will be.
    Closed,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Reservation {
    user_id: String,
    contact: Pii<Contact>,
    lines: Vec<StockLine>,
}

impl Aggregate for Document {
    type Event = inventory::Event;

    fn evolve(&mut self, event: &inventory::Event) {
        use inventory::Event;
        *self = match event.clone() {
            Event::Received(_) | Event::Adjusted(_) => Self::Counted,
            Event::Reserved(InventoryReserved { user_id, contact, lines, .. }) => {
                Self::Reserved(Reservation { user_id, contact, lines: pieces(&lines) })
            }
            Event::Allocated(InventoryAllocated { user_id, contact, lines, .. }) => {
                Self::Allocated(Reservation { user_id, contact, lines })
            }
            Event::Expired(_) => Self::Expired,
            Event::ReservationRefused(_) | Event::Released(_) | Event::Shipped(_) => Self::Closed,
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
    /// The pieces of an ended reservation can be sold again, or have left the shelf.
    Settle(Vec<StockLine>, ChangeType),
}

impl Task {
    /// Pieces by article; an article named twice counts once, with the sum.
    fn articles(&self) -> BTreeMap<String, i64> {
        let mut sums = BTreeMap::new();
        let mut add = |sku: &String, quantity| *sums.entry(sku.clone()).or_default() += quantity;
        match self {
            Self::Receive(receipt) => receipt.lines.iter().for_each(|line| add(&line.sku, line.quantity)),
            Self::Adjust(adjustment) => adjustment.lines.iter().for_each(|line| add(&line.sku, line.quantity)),
            Self::Reserve(order, _) => order.lines.iter().for_each(|line| add(&line.sku, line.quantity)),
            Self::Settle(lines, _) => lines.iter().for_each(|line| add(&line.sku, line.quantity)),
            Self::Allocate(_) | Self::Expire | Self::Release | Self::Ship => {}
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
        let levels = command.task.articles().into_keys().map(|sku| at(&command.location, &sku));
        let document = SlotRef::stream::<Document>(command.document.clone());
        std::iter::once(document).chain(levels.map(SlotRef::stream::<Stock>)).collect()
    }

    fn decide(command: Command, loaded: &mut Loaded) -> Result<(), Rejected> {
        let Command { location: location_id, document: order_id, task } = command;
        let (id, location) = (order_id.clone(), location_id.clone());
        let document = loaded.state::<Document>(&id).clone();
        let mut shelf = Shelf { location: &location, articles: task.articles(), loaded };
        let recorded: inventory::Event = match (task, document) {
            (Task::Receive(receipt), Document::Absent) => {
                shelf.count(ChangeType::Receipt)?;
                receipt.into()
            }
            (Task::Adjust(adjustment), Document::Absent) => {
                shelf.count(ChangeType::Adjustment)?;
                adjustment.into()
            }
            (Task::Reserve(order, expires_at), Document::Absent) => shelf.reserve(*order, expires_at),
            (Task::Allocate(order), Document::Reserved(reservation)) => allocated(*order, reservation.lines),
            (Task::Allocate(order), Document::Expired) => expired_meanwhile(*order),
            (Task::Expire, Document::Reserved(Reservation { user_id, contact, lines })) => {
                InventoryExpired { order_id, location_id, user_id, contact, lines }.into()
            }
            (Task::Release, Document::Reserved(reservation) | Document::Allocated(reservation)) => {
                let Reservation { user_id, contact, lines } = reservation;
                InventoryReleased { order_id, location_id, user_id, contact, lines }.into()
            }
            (Task::Ship, Document::Allocated(Reservation { user_id, contact, lines })) => {
                InventoryShipped { order_id, location_id, user_id, contact, lines }.into()
            }
            (Task::Settle(_, change), _) => {
                let on_hand = if change == ChangeType::Sale { -1 } else { 0 };
                shelf.shift((on_hand, -1), change, Some(&order_id));
                return Ok(());
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
                return Err(Rejected::new(StatusCode::CONFLICT, "below_reserved", detail));
            }
            if on_hand + pieces > MOST_ON_HAND {
                let detail = format!("a shelf holds at most {MOST_ON_HAND} pieces of {sku}");
                return Err(Rejected::new(StatusCode::UNPROCESSABLE_ENTITY, "stock_limit_exceeded", detail));
            }
        }
        self.shift((1, 0), change, None);
        Ok(())
    }

    fn reserve(&mut self, order: OrderCreated, expires_at: String) -> inventory::Event {
        let shortage = |(sku, pieces): (&String, &i64)| {
            let available = self.level(sku).available();
            // The same article on many lines may ask for more than one movement can say.
            let requested = (*pieces).min(MOST_MOVED);
            (available < *pieces).then(|| Shortage { sku: sku.clone(), requested, available })
        };
        let shortages: Vec<Shortage> = self.articles.iter().filter_map(shortage).collect();
        let OrderCreated { order_id, location_id, user_id, contact, lines, total, payment, .. } = order;
        if shortages.is_empty() {
            self.shift((0, 1), ChangeType::Reservation, Some(&order_id));
            InventoryReserved { order_id, location_id, user_id, contact, lines, total, payment, expires_at }.into()
        } else {
            let reason = Reason::OutOfStock;
            InventoryReservationRefused { order_id, location_id, user_id, contact, reason, shortages }.into()
        }
    }
}

fn allocated(order: OrderConfirmed, lines: Vec<StockLine>) -> inventory::Event {
    let OrderConfirmed { order_id, location_id, user_id, contact, shipping_address, .. } = order;
    InventoryAllocated { order_id, location_id, user_id, contact, lines, shipping_address }.into()
}

fn expired_meanwhile(order: OrderConfirmed) -> inventory::Event {
    let OrderConfirmed { order_id, location_id, user_id, contact, .. } = order;
    let (reason, shortages) = (Reason::ReservationExpired, Vec::new());
    InventoryReservationRefused { order_id, location_id, user_id, contact, reason, shortages }.into()
}

fn pieces(lines: &[OrderLine]) -> Vec<StockLine> {
    lines.iter().map(|line| StockLine { sku: line.sku.clone(), quantity: line.quantity }).collect()
}

#[cfg(test)]
mod tests;
