//! Who wins: the customer who wants the parcel stopped, or the carrier who has it.

use events::common::{Address, Contact, StockLine};
use millrace::pii::Pii;
use millrace::testing::{Given, given, nothing};

use super::*;

const ORDER: &str = "o-1";

fn context() -> OrderContext {
    let [order_id, location_id, user_id, email] = [ORDER, "WH-001", "u-1", "ada@mail.example"].map(str::to_owned);
    OrderContext { order_id, location_id, user_id, contact: Pii::seal(Contact { email }) }
}

fn allocated() -> InventoryAllocated {
    let address = Address {
        name: "Ada Byron".to_owned(),
        street: "1 Mill Road".to_owned(),
        city: "Leeds".to_owned(),
        postal_code: "LS1 1AA".to_owned(),
        country: "GB".to_owned(),
    };
    let lines = vec![StockLine { sku: "SKU-001".to_owned(), quantity: 2 }];
    InventoryAllocated { context: context(), lines, shipping_address: Pii::seal(address) }
}

fn parcel() -> Parcel {
    Parcel {
        id: "pcl_1".to_owned(),
        tracking_number: "TRK-1".to_owned(),
        label: "LABEL 1".to_owned(),
        reference: Some("parcel-o-1".to_owned()),
        status: None,
    }
}

fn book() -> Command {
    Command::Book { allocated: allocated(), carrier: "carrier".to_owned() }
}

fn request_cancellation() -> Command {
    let reason = Reason::Customer;
    Command::RequestCancellation(OrderCancellationRequested { context: context(), reason })
}

fn dispatch() -> Command {
    Command::Dispatch { order_id: ORDER.to_owned(), parcel: parcel() }
}

fn refuse() -> Command {
    Command::Refuse { order_id: ORDER.to_owned() }
}

fn deliver() -> Command {
    Command::Deliver { order_id: ORDER.to_owned() }
}

fn booking() -> ShipmentCreated {
    let InventoryAllocated { context, lines, shipping_address } = allocated();
    let (reference, carrier) = ("parcel-o-1".to_owned(), "carrier".to_owned());
    ShipmentCreated { context, lines, shipping_address, reference, carrier }
}

fn on_its_way() -> ShipmentDispatched {
    let (reference, carrier) = ("parcel-o-1".to_owned(), "carrier".to_owned());
    let Parcel { id: parcel_id, tracking_number, label, .. } = parcel();
    ShipmentDispatched { context: context(), reference, carrier, parcel_id, tracking_number, label }
}

fn delivered() -> ShipmentDelivered {
    let (reference, tracking_number) = ("parcel-o-1".to_owned(), "TRK-1".to_owned());
    ShipmentDelivered { context: context(), reference, tracking_number }
}

fn stopped(reason: Reason) -> ShipmentCancelled {
    ShipmentCancelled { context: context(), reason }
}

fn cancellation_noted() -> ShipmentCancellationNoted {
    ShipmentCancellationNoted { context: context(), reason: Reason::Customer }
}

fn cancellation_refused() -> ShipmentCancellationRefused {
    let reason = CancellationRefusal::AlreadyDispatched;
    ShipmentCancellationRefused { context: context(), reason }
}

fn shipment(events: impl IntoIterator<Item = Event>) -> Given {
    given::<Shipment>(ORDER, events)
}

#[test]
fn an_allocated_order_gets_one_parcel() {
    nothing().when(book()).then::<Shipment>(ORDER, [booking()]).then_nothing_else();
    for known in [vec![booking().into()], vec![booking().into(), on_its_way().into()]] {
        shipment(known).when(book()).then_nothing_else();
    }
}

#[test]
fn a_parcel_the_carrier_takes_is_dispatched_once() {
    shipment([booking().into()]).when(dispatch()).then::<Shipment>(ORDER, [on_its_way()]).then_nothing_else();
    shipment([booking().into(), on_its_way().into()]).when(dispatch()).then_nothing_else();
}

#[test]
fn a_parcel_the_carrier_refuses_is_cancelled_once() {
    let refused = stopped(Reason::CarrierRefused);
    shipment([booking().into()]).when(refuse()).then::<Shipment>(ORDER, [refused.clone()]).then_nothing_else();
    for late in [refuse(), dispatch(), book(), request_cancellation()] {
        shipment([booking().into(), refused.clone().into()]).when(late).then_nothing_else();
    }
}

#[test]
fn a_cancellation_before_anything_is_booked_stops_the_parcel_for_good() {
    let stopped = stopped(Reason::Customer);
    nothing().when(request_cancellation()).then::<Shipment>(ORDER, [stopped.clone()]).then_nothing_else();
    for late in [book(), request_cancellation()] {
        shipment([stopped.clone().into()]).when(late).then_nothing_else();
    }
}

#[test]
fn a_cancellation_that_meets_an_open_booking_is_noted_once() {
    let open = [booking().into()];
    shipment(open).when(request_cancellation()).then::<Shipment>(ORDER, [cancellation_noted()]).then_nothing_else();
    shipment([booking().into(), cancellation_noted().into()]).when(request_cancellation()).then_nothing_else();
}

#[test]
fn of_a_noted_cancellation_the_carriers_answer_decides() {
    let noted = || shipment([booking().into(), cancellation_noted().into()]);
    noted().when(refuse()).then::<Shipment>(ORDER, [stopped(Reason::CarrierRefused)]).then_nothing_else();
    noted()
        .when(dispatch())
        .then::<Shipment>(ORDER, [Event::from(on_its_way()), cancellation_refused().into()])
        .then_nothing_else();
    shipment([booking().into(), cancellation_noted().into(), on_its_way().into(), cancellation_refused().into()])
        .when(request_cancellation())
        .then_nothing_else();
}

#[test]
fn a_parcel_on_its_way_or_at_the_door_can_no_longer_be_stopped() {
    let dispatched: Vec<Event> = vec![booking().into(), on_its_way().into()];
    let at_the_door = [dispatched.clone(), vec![delivered().into()]].concat();
    for known in [dispatched, at_the_door] {
        shipment(known.clone())
            .when(request_cancellation())
            .then::<Shipment>(ORDER, [cancellation_refused()])
            .then_nothing_else();
        let asked_before = [known, vec![cancellation_refused().into()]].concat();
        shipment(asked_before).when(request_cancellation()).then_nothing_else();
    }
}

#[test]
fn a_parcel_is_delivered_once_whoever_says_so_first() {
    let dispatched = [booking().into(), on_its_way().into()];
    shipment(dispatched).when(deliver()).then::<Shipment>(ORDER, [delivered()]).then_nothing_else();
    let refused = [booking().into(), on_its_way().into(), cancellation_refused().into()];
    shipment(refused).when(deliver()).then::<Shipment>(ORDER, [delivered()]).then_nothing_else();
    shipment([booking().into(), on_its_way().into(), delivered().into()]).when(deliver()).then_nothing_else();
}

#[test]
fn a_delivery_we_cannot_know_of_yet_is_to_be_told_again() {
    nothing().when(deliver()).then_rejected("shipment_not_dispatched");
    shipment([booking().into()]).when(deliver()).then_rejected("shipment_not_dispatched");
    assert!(Shipment::default().decide(deliver()).is_err_and(|rejected| rejected.transient));
    shipment([stopped(Reason::Customer).into()]).when(deliver()).then_rejected("shipment_cancelled");
}
