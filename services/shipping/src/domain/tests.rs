//! Who wins: the customer who wants the parcel stopped, or the carrier who has it.

use events::common::{Address, Contact, StockLine};
use millrace::pii::Pii;
use millrace::testing::{Given, given, nothing};

use super::*;

const ORDER: &str = "o-1";

fn ids() -> (String, String, String, Pii<Contact>) {
    let contact = Contact { email: "ada@mail.example".to_owned() };
    (ORDER.to_owned(), "WH-001".to_owned(), "u-1".to_owned(), Pii::seal(contact))
}

fn allocated() -> InventoryAllocated {
    let (order_id, location_id, user_id, contact) = ids();
    let address = Address {
        name: "Ada Byron".to_owned(),
        street: "1 Mill Road".to_owned(),
        city: "Leeds".to_owned(),
        postal_code: "LS1 1AA".to_owned(),
        country: "GB".to_owned(),
    };
    let lines = vec![StockLine { sku: "SKU-001".to_owned(), quantity: 2 }];
    InventoryAllocated { order_id, location_id, user_id, contact, lines, shipping_address: Pii::seal(address) }
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
    let (order_id, location_id, user_id, contact) = ids();
    let reason = Reason::Customer;
    Command::RequestCancellation(OrderCancellationRequested { order_id, location_id, user_id, contact, reason })
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

fn created() -> ShipmentCreated {
    let InventoryAllocated { order_id, location_id, user_id, contact, lines, shipping_address } = allocated();
    let (reference, carrier) = ("parcel-o-1".to_owned(), "carrier".to_owned());
    ShipmentCreated { order_id, location_id, user_id, contact, lines, shipping_address, reference, carrier }
}

fn dispatched() -> ShipmentDispatched {
    let (order_id, location_id, user_id, contact) = ids();
    let (reference, carrier) = ("parcel-o-1".to_owned(), "carrier".to_owned());
    let Parcel { id: parcel_id, tracking_number, label, .. } = parcel();
    ShipmentDispatched {
        order_id,
        location_id,
        user_id,
        contact,
        reference,
        carrier,
        parcel_id,
        tracking_number,
        label,
    }
}

fn delivered() -> ShipmentDelivered {
    let (order_id, location_id, user_id, contact) = ids();
    let (reference, tracking_number) = ("parcel-o-1".to_owned(), "TRK-1".to_owned());
    ShipmentDelivered { order_id, location_id, user_id, contact, reference, tracking_number }
}

fn cancelled(reason: Reason) -> ShipmentCancelled {
    let (order_id, location_id, user_id, contact) = ids();
    ShipmentCancelled { order_id, location_id, user_id, contact, reason }
}

fn cancellation_noted() -> ShipmentCancellationNoted {
    let (order_id, location_id, user_id, contact) = ids();
    ShipmentCancellationNoted { order_id, location_id, user_id, contact, reason: Reason::Customer }
}

fn cancellation_refused() -> ShipmentCancellationRefused {
    let (order_id, location_id, user_id, contact) = ids();
    let reason = CancellationRefusal::AlreadyDispatched;
    ShipmentCancellationRefused { order_id, location_id, user_id, contact, reason }
}

fn shipment(events: impl IntoIterator<Item = Event>) -> Given {
    given::<Shipment>(ORDER, events)
}

#[test]
fn an_allocated_order_gets_one_parcel() {
    nothing().when(book()).then::<Shipment>(ORDER, [created()]).then_nothing_else();
    for known in [vec![created().into()], vec![created().into(), dispatched().into()]] {
        shipment(known).when(book()).then_nothing_else();
    }
}

#[test]
fn a_parcel_the_carrier_takes_is_dispatched_once() {
    shipment([created().into()]).when(dispatch()).then::<Shipment>(ORDER, [dispatched()]).then_nothing_else();
    shipment([created().into(), dispatched().into()]).when(dispatch()).then_nothing_else();
}

#[test]
fn a_parcel_the_carrier_refuses_is_cancelled_once() {
    let refused = cancelled(Reason::CarrierRefused);
    shipment([created().into()]).when(refuse()).then::<Shipment>(ORDER, [refused.clone()]).then_nothing_else();
    for late in [refuse(), dispatch(), book(), request_cancellation()] {
        shipment([created().into(), refused.clone().into()]).when(late).then_nothing_else();
    }
}

#[test]
fn a_cancellation_before_anything_is_booked_stops_the_parcel_for_good() {
    let stopped = cancelled(Reason::Customer);
    nothing().when(request_cancellation()).then::<Shipment>(ORDER, [stopped.clone()]).then_nothing_else();
    for late in [book(), request_cancellation()] {
        shipment([stopped.clone().into()]).when(late).then_nothing_else();
    }
}

#[test]
fn a_cancellation_that_meets_an_open_booking_is_noted_once() {
    let open = [created().into()];
    shipment(open).when(request_cancellation()).then::<Shipment>(ORDER, [cancellation_noted()]).then_nothing_else();
    shipment([created().into(), cancellation_noted().into()]).when(request_cancellation()).then_nothing_else();
}

#[test]
fn of_a_noted_cancellation_the_carriers_answer_decides() {
    let noted = || shipment([created().into(), cancellation_noted().into()]);
    noted().when(refuse()).then::<Shipment>(ORDER, [cancelled(Reason::CarrierRefused)]).then_nothing_else();
    noted()
        .when(dispatch())
        .then::<Shipment>(ORDER, [Event::from(dispatched()), cancellation_refused().into()])
        .then_nothing_else();
    shipment([created().into(), cancellation_noted().into(), dispatched().into(), cancellation_refused().into()])
        .when(request_cancellation())
        .then_nothing_else();
}

#[test]
fn a_parcel_on_its_way_or_at_the_door_can_no_longer_be_stopped() {
    let on_its_way: Vec<Event> = vec![created().into(), dispatched().into()];
    let at_the_door = [on_its_way.clone(), vec![delivered().into()]].concat();
    for known in [on_its_way, at_the_door] {
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
    let on_its_way = [created().into(), dispatched().into()];
    shipment(on_its_way).when(deliver()).then::<Shipment>(ORDER, [delivered()]).then_nothing_else();
    let refused = [created().into(), dispatched().into(), cancellation_refused().into()];
    shipment(refused).when(deliver()).then::<Shipment>(ORDER, [delivered()]).then_nothing_else();
    shipment([created().into(), dispatched().into(), delivered().into()]).when(deliver()).then_nothing_else();
}

#[test]
fn a_delivery_we_cannot_know_of_yet_is_to_be_told_again() {
    nothing().when(deliver()).then_rejected("shipment_not_dispatched");
    shipment([created().into()]).when(deliver()).then_rejected("shipment_not_dispatched");
    assert!(not_yet_dispatched().transient);
    shipment([cancelled(Reason::Customer).into()]).when(deliver()).then_rejected("shipment_cancelled");
}
