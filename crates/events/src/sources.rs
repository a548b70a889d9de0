//! The schema files' texts. Generated from `schemas/` by `cargo run -p xtask -- generate`.

use serde_json::Value;

/// Each file's text, for whatever is derived from schemas outside Rust.
pub const SOURCES: &[&str] = &[
    include_str!("../../../schemas/common/address.json"),
    include_str!("../../../schemas/common/adjustment-line.json"),
    include_str!("../../../schemas/common/adjustment-reason.json"),
    include_str!("../../../schemas/common/amount.json"),
    include_str!("../../../schemas/common/cancellation-refusal.json"),
    include_str!("../../../schemas/common/carrier-refusal.json"),
    include_str!("../../../schemas/common/carrier.json"),
    include_str!("../../../schemas/common/change-type.json"),
    include_str!("../../../schemas/common/channel.json"),
    include_str!("../../../schemas/common/contact.json"),
    include_str!("../../../schemas/common/currency.json"),
    include_str!("../../../schemas/common/document-id.json"),
    include_str!("../../../schemas/common/fingerprint.json"),
    include_str!("../../../schemas/common/key-id.json"),
    include_str!("../../../schemas/common/label.json"),
    include_str!("../../../schemas/common/location-id.json"),
    include_str!("../../../schemas/common/message-id.json"),
    include_str!("../../../schemas/common/money.json"),
    include_str!("../../../schemas/common/note.json"),
    include_str!("../../../schemas/common/order-id.json"),
    include_str!("../../../schemas/common/order-line.json"),
    include_str!("../../../schemas/common/order-status.json"),
    include_str!("../../../schemas/common/outside-id.json"),
    include_str!("../../../schemas/common/parcel-status.json"),
    include_str!("../../../schemas/common/payment-method.json"),
    include_str!("../../../schemas/common/payment-outcome.json"),
    include_str!("../../../schemas/common/payment-token.json"),
    include_str!("../../../schemas/common/provider.json"),
    include_str!("../../../schemas/common/quantity.json"),
    include_str!("../../../schemas/common/reason-code.json"),
    include_str!("../../../schemas/common/reason.json"),
    include_str!("../../../schemas/common/reference.json"),
    include_str!("../../../schemas/common/sealed-address.json"),
    include_str!("../../../schemas/common/sealed-contact.json"),
    include_str!("../../../schemas/common/shortage.json"),
    include_str!("../../../schemas/common/sku.json"),
    include_str!("../../../schemas/common/stock-level.json"),
    include_str!("../../../schemas/common/stock-line.json"),
    include_str!("../../../schemas/common/template.json"),
    include_str!("../../../schemas/common/time.json"),
    include_str!("../../../schemas/common/tracking-number.json"),
    include_str!("../../../schemas/common/unit-price.json"),
    include_str!("../../../schemas/common/user-id.json"),
    include_str!("../../../schemas/http/orders/cancel-order.json"),
    include_str!("../../../schemas/http/orders/place-order.json"),
    include_str!("../../../schemas/http/pricing/price.json"),
    include_str!("../../../schemas/http/warehouse/adjustment.json"),
    include_str!("../../../schemas/http/warehouse/receipt.json"),
    include_str!("../../../schemas/events/notifications.notification/failed.v1.json"),
    include_str!("../../../schemas/events/notifications.notification/sent.v1.json"),
    include_str!("../../../schemas/events/orders.order/cancellation_requested.v1.json"),
    include_str!("../../../schemas/events/orders.order/cancelled.v1.json"),
    include_str!("../../../schemas/events/orders.order/confirmed.v1.json"),
    include_str!("../../../schemas/events/orders.order/created.v1.json"),
    include_str!("../../../schemas/events/orders.order/delivered.v1.json"),
    include_str!("../../../schemas/events/orders.order/fulfilled.v1.json"),
    include_str!("../../../schemas/events/orders.order/returned.v1.json"),
    include_str!("../../../schemas/events/orders.order/shipped.v1.json"),
    include_str!("../../../schemas/events/orders.order/status_changed.v1.json"),
    include_str!("../../../schemas/outside/carrier/callback.json"),
    include_str!("../../../schemas/outside/carrier/parcel.json"),
    include_str!("../../../schemas/outside/carrier/parcels.json"),
    include_str!("../../../schemas/outside/carrier/refusal.json"),
    include_str!("../../../schemas/outside/provider/callback.json"),
    include_str!("../../../schemas/outside/provider/charge.json"),
    include_str!("../../../schemas/outside/provider/charges.json"),
    include_str!("../../../schemas/outside/provider/refund.json"),
    include_str!("../../../schemas/outside/provider/refunds.json"),
    include_str!("../../../schemas/events/payment/cancellation_noted.v1.json"),
    include_str!("../../../schemas/events/payment/failed.v1.json"),
    include_str!("../../../schemas/events/payment/initiated.v1.json"),
    include_str!("../../../schemas/events/payment/processed.v1.json"),
    include_str!("../../../schemas/events/payment/refund_initiated.v1.json"),
    include_str!("../../../schemas/events/payment/refunded.v1.json"),
    include_str!("../../../schemas/events/pricing.price/updated.v1.json"),
    include_str!("../../../schemas/events/shipping.shipment/cancellation_noted.v1.json"),
    include_str!("../../../schemas/events/shipping.shipment/cancellation_refused.v1.json"),
    include_str!("../../../schemas/events/shipping.shipment/cancelled.v1.json"),
    include_str!("../../../schemas/events/shipping.shipment/created.v1.json"),
    include_str!("../../../schemas/events/shipping.shipment/delivered.v1.json"),
    include_str!("../../../schemas/events/shipping.shipment/dispatched.v1.json"),
    include_str!("../../../schemas/events/warehouse.inventory/adjusted.v1.json"),
    include_str!("../../../schemas/events/warehouse.inventory/allocated.v1.json"),
    include_str!("../../../schemas/events/warehouse.inventory/expired.v1.json"),
    include_str!("../../../schemas/events/warehouse.inventory/received.v1.json"),
    include_str!("../../../schemas/events/warehouse.inventory/released.v1.json"),
    include_str!("../../../schemas/events/warehouse.inventory/reservation_refused.v1.json"),
    include_str!("../../../schemas/events/warehouse.inventory/reserved.v1.json"),
    include_str!("../../../schemas/events/warehouse.inventory/shipped.v1.json"),
    include_str!("../../../schemas/events/warehouse.stock/updated.v1.json"),
];

/// The examples of a schema, by event type (`orders.order.created`: all its versions) or by full `$id`.
/// Empty for a name that no schema has.
pub fn examples(name: &str) -> Vec<Value> {
    let schemas = SOURCES
        .iter()
        .filter_map(|text| serde_json::from_str::<Value>(text).ok());
    let named = schemas.filter(|schema| schema["$id"].as_str().is_some_and(|id| names(id, name)));
    named
        .flat_map(|schema| schema["examples"].as_array().cloned().unwrap_or_default())
        .collect()
}

fn names(id: &str, name: &str) -> bool {
    let local = id
        .strip_prefix("urn:millrace:")
        .and_then(|local| local.rsplit_once(':'));
    id == name || local.is_some_and(|(event, _)| event == name)
}
