//! The public calls: who answers each, whom it lets in, and what the documents made from this list say of it. What is not
//! here can't be reached from outside.

use access::Needs::{self, Caller, Signature};
use access::Right::{Orders, Prices, Stock, Webhooks};
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
    /// Body of what was asked for, by its name among the documents' own schemas.
    pub answer: Option<&'static str>,
    /// Status and code of what the service refuses, beside what every call of its kind may be.
    pub refusals: &'static [(u16, &'static str)],
}

impl Call {
    const fn new(method: On, path: &'static str, service: &'static str, needs: Needs, does: &'static str) -> Self {
        Self { method, path, service, needs, does, body: None, query: &[], answer: None, refusals: &[] }
    }

    const fn takes(self, body: &'static Schema, answer: Option<&'static str>) -> Self {
        Self { body: Some(body), answer, ..self }
    }

    const fn asks(self, query: &'static [&'static str], answer: &'static str) -> Self {
        Self { query, answer: Some(answer), ..self }
    }

    const fn refuses(self, refusals: &'static [(u16, &'static str)]) -> Self {
        Self { refusals, ..self }
    }
}

const ORDERS: Needs = Needs::Right(Orders);
/// Where other systems send their events, and ask before whether they may.
pub const WEBHOOKS: &str = "/integrations/events";

pub const CALLS: &[Call] = &[
    Call::new(On::POST, "/orders", "orders", ORDERS, "place order")
        .takes(PlaceOrder::SCHEMA, Some("PlacedOrder"))
        .refuses(&[(422, "sku_not_priced"), (422, "mixed_currency"), (422, "total_too_large")]),
    Call::new(On::GET, "/orders", "orders", ORDERS, "list orders").asks(&["userId", "after", "limit"], "Orders"),
    Call::new(On::GET, "/orders/{id}", "orders", ORDERS, "show order")
        .asks(&["seen", "wait_ms"], "Order")
        .refuses(&[(404, "order_not_found")]),
    Call::new(On::POST, "/orders/{id}/cancel", "orders", ORDERS, "cancel order")
        .takes(CancelOrder::SCHEMA, Some("Cancellation"))
        .refuses(&[(404, "order_not_found"), (409, "order_already_shipped")]),
    Call::new(On::POST, "/stock/{location}/receipts", "warehouse", Needs::Right(Stock), "receive goods")
        .takes(Receipt::SCHEMA, Some("Received"))
        .refuses(&[(404, "location_not_found"), (422, "stock_limit_exceeded")]),
    Call::new(On::GET, "/stock/{sku}", "warehouse", Caller, "show stock")
        .asks(&["locationId"], "Stock")
        .refuses(&[(404, "stock_not_found")]),
    Call::new(On::PUT, "/prices/{sku}", "pricing", Needs::Right(Prices), "set price")
        .takes(Price::SCHEMA, Some("PriceSet")),
    Call::new(On::POST, WEBHOOKS, "integrations", Needs::Right(Webhooks), "send events").refuses(&[
        (400, "invalid_request"),
        (413, "batch_too_large"),
        (413, "event_too_large"),
        (415, "media_type_not_supported"),
        (422, "specversion_not_supported"),
    ]),
    Call::new(On::POST, "/payments/callbacks/{provider}", "payment", Signature, "report payment")
        .takes(provider::Callback::SCHEMA, None)
        .refuses(&[(404, "provider_not_found"), (503, "unknown_reference")]),
    Call::new(On::POST, "/shipments/callbacks/{carrier}", "shipping", Signature, "report delivery")
        .takes(carrier::Callback::SCHEMA, None)
        .refuses(&[(404, "carrier_not_found"), (409, "shipment_cancelled"), (503, "shipment_not_dispatched")]),
];
