//! Every topic and every document. Generated from `schemas/` by `cargo run -p xtask -- generate`.

use super::{Contract, document, topic};

pub fn contracts() -> Vec<Contract> {
    std::iter::empty()
        .chain(topic::<events::catalog::product::Event>())
        .chain(topic::<events::integrations::webhook::Event>())
        .chain(topic::<events::notifications::notification::Event>())
        .chain(topic::<events::orders::order::Event>())
        .chain(topic::<events::payment::Event>())
        .chain(topic::<events::pricing::price::Event>())
        .chain(topic::<events::shipping::shipment::Event>())
        .chain(topic::<events::warehouse::inventory::Event>())
        .chain(topic::<events::warehouse::stock::Event>())
        .chain(document::<events::http::catalog::Discontinue>())
        .chain(document::<events::http::catalog::ProductPage>())
        .chain(document::<events::http::orders::CancelOrder>())
        .chain(document::<events::http::orders::PlaceOrder>())
        .chain(document::<events::http::pricing::Price>())
        .chain(document::<events::http::warehouse::Adjustment>())
        .chain(document::<events::http::warehouse::Receipt>())
        .chain(document::<events::outside::carrier::Callback>())
        .chain(document::<events::outside::carrier::Parcel>())
        .chain(document::<events::outside::carrier::Parcels>())
        .chain(document::<events::outside::carrier::Refusal>())
        .chain(document::<events::outside::provider::Callback>())
        .chain(document::<events::outside::provider::Charge>())
        .chain(document::<events::outside::provider::Charges>())
        .chain(document::<events::outside::provider::Refund>())
        .chain(document::<events::outside::provider::Refunds>())
        .collect()
}
