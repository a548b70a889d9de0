//! Every row of the saga that warehouse decides, and what a location must never do.

use events::common::{Address, AdjustmentLine, AdjustmentReason, Contact, Money, PaymentMethod};
use millrace::pii::{Pii, Secret};
use millrace::testing::{Given, given, nothing};

use super::*;

const WH: &str = "WH-001";
const ORDER: &str = "o-1";
const EXPIRES_AT: &str = "2026-01-01T00:15:00Z";

fn context() -> OrderContext {
    let [order_id, location_id, user_id, email] = [ORDER, WH, "u-1", "ada@mail.example"].map(str::to_owned);
    OrderContext { order_id, location_id, user_id, contact: Pii::seal(Contact { email }) }
}

fn address() -> Pii<Address> {
    let [name, street, city, postal_code, country] =
        ["Ada Byron", "1 Mill Road", "Leeds", "LS1 1AA", "GB"].map(str::to_owned);
    Pii::seal(Address { name, street, city, postal_code, country })
}

fn command(document: &str, task: Task) -> Command {
    Command { location: WH.to_owned(), document: document.to_owned(), task }
}

fn stock_lines(lines: &[(&str, i64)]) -> Vec<StockLine> {
    lines.iter().map(|(sku, quantity)| StockLine { sku: (*sku).to_owned(), quantity: *quantity }).collect()
}

fn order_lines(lines: &[(&str, i64)]) -> Vec<OrderLine> {
    let line = |(sku, quantity): &(&str, i64)| OrderLine { sku: (*sku).to_owned(), quantity: *quantity, unit_price: 1 };
    lines.iter().map(line).collect()
}

fn receive(lines: &[(&str, i64)]) -> (Command, InventoryReceived) {
    let lines = stock_lines(lines);
    let received = InventoryReceived { receipt_id: "R-1".to_owned(), location_id: WH.to_owned(), lines };
    (command("WH-001/receipt-R-1", Task::Receive(received.clone())), received)
}

fn adjust(lines: &[(&str, i64)]) -> (Command, InventoryAdjusted) {
    let line = |(sku, quantity): &(&str, i64)| AdjustmentLine { sku: (*sku).to_owned(), quantity: *quantity };
    let adjusted = InventoryAdjusted {
        adjustment_id: "A-1".to_owned(),
        location_id: WH.to_owned(),
        lines: lines.iter().map(line).collect(),
        reason: AdjustmentReason::Count,
    };
    (command("WH-001/adjustment-A-1", Task::Adjust(adjusted.clone())), adjusted)
}

fn reserve(lines: &[(&str, i64)]) -> Command {
    let order = OrderCreated {
        context: context(),
        lines: order_lines(lines),
        total: Money { amount: 4000, currency: "EUR".to_owned() },
        payment: PaymentMethod { provider: "sandpay".to_owned(), token: Secret::new("tok_ok") },
        shipping_address: address(),
        request_fingerprint: "0".repeat(64),
    };
    command(ORDER, Task::Reserve(Box::new(order), EXPIRES_AT.to_owned()))
}

fn reserved(lines: &[(&str, i64)]) -> Event {
    let Task::Reserve(order, expires_at) = reserve(lines).task else { unreachable!("reserves") };
    let OrderCreated { context, lines, total, payment, .. } = *order;
    InventoryReserved { context, lines, total, payment, expires_at }.into()
}

fn refusal(reason: Reason, shortages: Vec<Shortage>) -> InventoryReservationRefused {
    InventoryReservationRefused { context: context(), reason, shortages }
}

fn allocate() -> Command {
    let order = OrderConfirmed {
        context: context(),
        lines: order_lines(&[("A", 2)]),
        total: Money { amount: 4000, currency: "EUR".to_owned() },
        shipping_address: address(),
    };
    command(ORDER, Task::Allocate(Box::new(order)))
}

fn allocated() -> Event {
    let lines = stock_lines(&[("A", 2)]);
    InventoryAllocated { context: context(), lines, shipping_address: address() }.into()
}

/// The three ends of a reservation of two As.
fn expired() -> Event {
    InventoryExpired { context: context(), lines: stock_lines(&[("A", 2)]) }.into()
}

fn released() -> Event {
    InventoryReleased { context: context(), lines: stock_lines(&[("A", 2)]) }.into()
}

fn shipped() -> Event {
    InventoryShipped { context: context(), lines: stock_lines(&[("A", 2)]) }.into()
}

/// From one level (on hand, reserved) to another.
fn level(sku: &str, before: (i64, i64), after: (i64, i64), change_type: ChangeType) -> StockUpdated {
    let counted = matches!(change_type, ChangeType::Receipt | ChangeType::Adjustment);
    StockUpdated {
        item_id: sku.to_owned(),
        location_id: WH.to_owned(),
        previous_quantity: before.0 - before.1,
        new_quantity: after.0 - after.1,
        on_hand: after.0,
        reserved: after.1,
        change_type,
        order_id: (!counted).then(|| ORDER.to_owned()),
    }
}

fn holding(levels: &[(&str, i64, i64)]) -> Given {
    levels.iter().fold(nothing(), |given, (sku, on_hand, reserved)| {
        given.and::<Stock>(&at(WH, sku), [level(sku, (0, 0), (*on_hand, *reserved), ChangeType::Receipt)])
    })
}

/// Nine As on the shelf, three of them promised, and the order's own two documented.
fn documented(events: impl IntoIterator<Item = Event>) -> Given {
    holding(&[("A", 9, 3)]).and::<Document>(ORDER, events)
}

fn moved(after: (i64, i64), change: ChangeType) -> [StockUpdated; 1] {
    [level("A", (9, 3), after, change)]
}

#[test]
fn a_receipt_counts_once_and_an_article_named_twice_counts_with_the_sum() {
    let (command, received) = receive(&[("A", 2), ("B", 1), ("A", 3)]);
    let document = command.document.clone();
    holding(&[("A", 10, 4)])
        .when(command.clone())
        .then::<Stock>("WH-001/A", [level("A", (10, 4), (15, 4), ChangeType::Receipt)])
        .then::<Stock>("WH-001/B", [level("B", (0, 0), (1, 0), ChangeType::Receipt)])
        .then::<Document>(&document, [received.clone()])
        .then_nothing_else();
    given::<Document>(&document, [received]).when(command).then_nothing_else();
}

#[test]
fn an_adjustment_moves_levels_both_ways_but_never_below_what_is_promised() {
    let (command, adjusted) = adjust(&[("A", -6), ("B", 4), ("C", 0)]);
    let document = command.document.clone();
    holding(&[("A", 10, 4)])
        .when(command.clone())
        .then::<Stock>("WH-001/A", [level("A", (10, 4), (4, 4), ChangeType::Adjustment)])
        .then::<Stock>("WH-001/B", [level("B", (0, 0), (4, 0), ChangeType::Adjustment)])
        .then::<Document>(&document, [adjusted.clone()])
        .then_nothing_else();
    given::<Document>(&document, [adjusted]).when(command).then_nothing_else();
    holding(&[("A", 10, 5)]).when(adjust(&[("B", 4), ("A", -6)]).0).then_rejected("below_reserved");
    nothing().when(adjust(&[("A", -1)]).0).then_rejected("below_reserved");
}

#[test]
fn a_shelf_has_an_end() {
    holding(&[("A", MOST_ON_HAND, 0)]).when(receive(&[("A", 1)]).0).then_rejected("stock_limit_exceeded");
}

#[test]
fn an_order_is_promised_all_of_its_lines_in_one_commit() {
    let lines = [("A", 2), ("B", 1), ("A", 1)];
    holding(&[("A", 3, 0), ("B", 5, 1)])
        .when(reserve(&lines))
        .then::<Document>(ORDER, [reserved(&lines)])
        .then::<Stock>("WH-001/A", [level("A", (3, 0), (3, 3), ChangeType::Reservation)])
        .then::<Stock>("WH-001/B", [level("B", (5, 1), (5, 2), ChangeType::Reservation)])
        .then_nothing_else();
}

#[test]
fn an_order_short_of_one_line_is_promised_none_and_told_what_lacks() {
    let short = Shortage { sku: "A".to_owned(), requested: 3, available: 2 };
    let unknown = Shortage { sku: "C".to_owned(), requested: 1, available: 0 };
    holding(&[("A", 3, 1), ("B", 5, 0)])
        .when(reserve(&[("A", 2), ("B", 1), ("A", 1), ("C", 1)]))
        .then::<Document>(ORDER, [refusal(Reason::OutOfStock, vec![short, unknown])])
        .then_nothing_else();
}

#[test]
fn an_order_is_reserved_or_refused_once() {
    for known in [reserved(&[("A", 2)]), refusal(Reason::OutOfStock, Vec::new()).into()] {
        holding(&[("A", 9, 2)]).and::<Document>(ORDER, [known]).when(reserve(&[("A", 2)])).then_nothing_else();
    }
}

#[test]
fn a_confirmed_order_is_allocated_what_it_was_promised_once() {
    documented([reserved(&[("A", 2)])]).when(allocate()).then::<Document>(ORDER, [allocated()]).then_nothing_else();
    documented([reserved(&[("A", 2)]), allocated()]).when(allocate()).then_nothing_else();
}

#[test]
fn an_order_confirmed_too_late_is_refused() {
    let expired_meanwhile = refusal(Reason::ReservationExpired, Vec::new());
    documented([reserved(&[("A", 2)]), expired()])
        .when(allocate())
        .then::<Document>(ORDER, [expired_meanwhile.clone()])
        .then_nothing_else();
    documented([reserved(&[("A", 2)]), expired(), expired_meanwhile.into()]).when(allocate()).then_nothing_else();
}

#[test]
fn a_reservation_expires_unless_it_is_allocated() {
    documented([reserved(&[("A", 2)])])
        .when(command(ORDER, Task::Expire))
        .then::<Document>(ORDER, [expired()])
        .then::<Stock>("WH-001/A", moved((9, 1), ChangeType::Release))
        .then_nothing_else();
    documented([reserved(&[("A", 2)]), allocated()]).when(command(ORDER, Task::Expire)).then_nothing_else();
}

#[test]
fn a_cancelled_order_releases_what_it_holds_reserved_or_allocated() {
    for held in [vec![reserved(&[("A", 2)])], vec![reserved(&[("A", 2)]), allocated()]] {
        let release = command(ORDER, Task::Release);
        documented(held)
            .when(release)
            .then::<Document>(ORDER, [released()])
            .then::<Stock>("WH-001/A", moved((9, 1), ChangeType::Release))
            .then_nothing_else();
    }
}

#[test]
fn a_cancelled_order_that_holds_nothing_releases_nothing() {
    nothing().when(command(ORDER, Task::Release)).then_nothing_else();
    documented([refusal(Reason::OutOfStock, Vec::new()).into()])
        .when(command(ORDER, Task::Release))
        .then_nothing_else();
}

#[test]
fn a_dispatched_parcel_ships_what_was_allocated() {
    documented([reserved(&[("A", 2)]), allocated()])
        .when(command(ORDER, Task::Ship))
        .then::<Document>(ORDER, [shipped()])
        .then::<Stock>("WH-001/A", moved((7, 1), ChangeType::Sale))
        .then_nothing_else();
    documented([reserved(&[("A", 2)])]).when(command(ORDER, Task::Ship)).then_nothing_else();
}

#[test]
fn a_reservation_ends_once() {
    for end in [expired(), released(), shipped()] {
        for task in [Task::Expire, Task::Release, Task::Ship] {
            let events = [reserved(&[("A", 2)]), allocated(), end.clone()];
            documented(events).when(command(ORDER, task)).then_nothing_else();
        }
    }
}
