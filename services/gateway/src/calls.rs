//! The public calls: who answers each, whom it lets in, and what the documents made from this list say of it. What is not
//! here can't be reached from outside.

use access::Needs::{self, Caller, Signature};
use access::Right::{Orders, Prices, Stock};
use axum::routing::MethodFilter as On;
use events::http::{orders::CancelOrder, orders::PlaceOrder, pricing::Price, warehouse::Receipt};
use events::outside::{carrier, provider};
use millrace::schema::{Document, Schema};

/// A public call and the service that answers it.
pub struct Call {
    pub method: On,
    pub path: &'static str,
    pub service: &'static str,
    pub needs: Needs,
    /// A verb and what it is done to.
    pub does: &'static str,
    pub body: Option<&'static Schema>,
    /// Parameters after the path's.
    pub query: &'static [&'static str],
    /// Status and body of what was asked for; the body by its name among the documents' own schemas.
    pub answer: (u16, Option<&'static str>),
    /// Status and code of what the service refuses, beside what every call of its kind may be.
    pub refusals: &'static [(u16, &'static str)],
}

impl Call {
    const fn new(method: On, path: &'static str, service: &'static str, needs: Needs, does: &'static str) -> Self {
        Self { method, path, service, needs, does, body: None, query: &[], answer: (204, None), refusals: &[] }
    }

    const fn takes(self, body: &'static Schema) -> Self {
        Self { body: Some(body), ..self }
    }

    const fn asks(self, query: &'static [&'static str]) -> Self {
        Self { query, ..self }
    }

    const fn answers(self, status: u16, body: &'static str) -> Self {
        Self { answer: (status, Some(body)), ..self }
    }

    const fn refuses(self, refusals: &'static [(u16, &'static str)]) -> Self {
        Self { refusals, ..self }
    }
}

const ORDERS: Needs = Needs::Right(Orders);
const NO_ORDER: (u16, &str) = (404, "order_not_found");

pub const CALLS: &[Call] = &[
    Call::new(On::POST, "/orders", "orders", ORDERS, "place order")
        .takes(PlaceOrder::SCHEMA)
        .answers(202, "PlacedOrder")
        .refuses(&[(422, "sku_not_priced"), (422, "mixed_currency"), (422, "total_too_large")]),
    Call::new(On::GET, "/orders", "orders", ORDERS, "list orders")
        .asks(&["userId", "after", "limit"])
        .answers(200, "Orders"),
    Call::new(On::GET, "/orders/{id}", "orders", ORDERS, "show order")
        .asks(&["seen", "wait_ms"])
        .answers(200, "Order")
        .refuses(&[NO_ORDER]),
    Call::new(On::POST, "/orders/{id}/cancel", "orders", ORDERS, "cancel order")
        .takes(CancelOrder::SCHEMA)
        .answers(202, "Cancellation")
        .refuses(&[NO_ORDER, (409, "order_already_shipped")]),
    Call::new(On::POST, "/stock/{location}/receipts", "warehouse", Needs::Right(Stock), "receive goods")
        .takes(Receipt::SCHEMA)
        .answers(202, "Received")
        .refuses(&[(404, "location_not_found"), (422, "stock_limit_exceeded")]),
    Call::new(On::GET, "/stock/{sku}", "warehouse", Caller, "show stock")
        .asks(&["locationId"])
        .answers(200, "Stock")
        .refuses(&[(404, "stock_not_found")]),
    Call::new(On::PUT, "/prices/{sku}", "pricing", Needs::Right(Prices), "set price")
        .takes(Price::SCHEMA)
        .answers(202, "PriceSet"),
    Call::new(On::POST, "/payments/callbacks/{provider}", "payment", Signature, "report payment")
        .takes(provider::Callback::SCHEMA)
        .refuses(&[(404, "provider_not_found"), (503, "unknown_reference")]),
    Call::new(On::POST, "/shipments/callbacks/{carrier}", "shipping", Signature, "report delivery")
        .takes(carrier::Callback::SCHEMA)
        .refuses(&[(404, "carrier_not_found"), (409, "shipment_cancelled"), (503, "shipment_not_dispatched")]),
];
