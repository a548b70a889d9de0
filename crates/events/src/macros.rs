//! What each schema file and each enum of one expands to. Generated from `schemas/` by `cargo run -p xtask -- generate`.

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;
use millrace::schema::Violation;

/// A `&Schema` whose validator is compiled from the file at `$path`. Linear-time patterns only: what comes
/// from outside must not be able to choose how long a check takes.
macro_rules! schema {
    ($id:literal, $path:tt) => {{
        #[jsonschema::validator(
            path = $path,
            draft = Draft202012,
            validate_formats = true,
            pattern_options = { engine = regex },
            methods = { is_valid = false, validate = true, iter_errors = false },
            resources = {
                "urn:millrace:common:address:1" => { path = "../../schemas/common/address.json" },
                "urn:millrace:common:adjustment-line:1" => { path = "../../schemas/common/adjustment-line.json" },
                "urn:millrace:common:adjustment-reason:1" => { path = "../../schemas/common/adjustment-reason.json" },
                "urn:millrace:common:amount:1" => { path = "../../schemas/common/amount.json" },
                "urn:millrace:common:attribute-name:1" => { path = "../../schemas/common/attribute-name.json" },
                "urn:millrace:common:attribute-value:1" => { path = "../../schemas/common/attribute-value.json" },
                "urn:millrace:common:attribute:1" => { path = "../../schemas/common/attribute.json" },
                "urn:millrace:common:cancellation-refusal:1" => { path = "../../schemas/common/cancellation-refusal.json" },
                "urn:millrace:common:carrier-refusal:1" => { path = "../../schemas/common/carrier-refusal.json" },
                "urn:millrace:common:carrier:1" => { path = "../../schemas/common/carrier.json" },
                "urn:millrace:common:category:1" => { path = "../../schemas/common/category.json" },
                "urn:millrace:common:change-type:1" => { path = "../../schemas/common/change-type.json" },
                "urn:millrace:common:channel:1" => { path = "../../schemas/common/channel.json" },
                "urn:millrace:common:contact:1" => { path = "../../schemas/common/contact.json" },
                "urn:millrace:common:currency:1" => { path = "../../schemas/common/currency.json" },
                "urn:millrace:common:document-id:1" => { path = "../../schemas/common/document-id.json" },
                "urn:millrace:common:extension:1" => { path = "../../schemas/common/extension.json" },
                "urn:millrace:common:fingerprint:1" => { path = "../../schemas/common/fingerprint.json" },
                "urn:millrace:common:image-url:1" => { path = "../../schemas/common/image-url.json" },
                "urn:millrace:common:key-id:1" => { path = "../../schemas/common/key-id.json" },
                "urn:millrace:common:label:1" => { path = "../../schemas/common/label.json" },
                "urn:millrace:common:locale:1" => { path = "../../schemas/common/locale.json" },
                "urn:millrace:common:location-id:1" => { path = "../../schemas/common/location-id.json" },
                "urn:millrace:common:message-id:1" => { path = "../../schemas/common/message-id.json" },
                "urn:millrace:common:money:1" => { path = "../../schemas/common/money.json" },
                "urn:millrace:common:note:1" => { path = "../../schemas/common/note.json" },
                "urn:millrace:common:order-context:1" => { path = "../../schemas/common/order-context.json" },
                "urn:millrace:common:order-id:1" => { path = "../../schemas/common/order-id.json" },
                "urn:millrace:common:order-line:1" => { path = "../../schemas/common/order-line.json" },
                "urn:millrace:common:order-status:1" => { path = "../../schemas/common/order-status.json" },
                "urn:millrace:common:outside-id:1" => { path = "../../schemas/common/outside-id.json" },
                "urn:millrace:common:parcel-status:1" => { path = "../../schemas/common/parcel-status.json" },
                "urn:millrace:common:payment-method:1" => { path = "../../schemas/common/payment-method.json" },
                "urn:millrace:common:payment-outcome:1" => { path = "../../schemas/common/payment-outcome.json" },
                "urn:millrace:common:payment-token:1" => { path = "../../schemas/common/payment-token.json" },
                "urn:millrace:common:product-name:1" => { path = "../../schemas/common/product-name.json" },
                "urn:millrace:common:product-text:1" => { path = "../../schemas/common/product-text.json" },
                "urn:millrace:common:product:1" => { path = "../../schemas/common/product.json" },
                "urn:millrace:common:provider:1" => { path = "../../schemas/common/provider.json" },
                "urn:millrace:common:quantity:1" => { path = "../../schemas/common/quantity.json" },
                "urn:millrace:common:reason-code:1" => { path = "../../schemas/common/reason-code.json" },
                "urn:millrace:common:reason:1" => { path = "../../schemas/common/reason.json" },
                "urn:millrace:common:reference:1" => { path = "../../schemas/common/reference.json" },
                "urn:millrace:common:sealed-address:1" => { path = "../../schemas/common/sealed-address.json" },
                "urn:millrace:common:sealed-contact:1" => { path = "../../schemas/common/sealed-contact.json" },
                "urn:millrace:common:shortage:1" => { path = "../../schemas/common/shortage.json" },
                "urn:millrace:common:sku:1" => { path = "../../schemas/common/sku.json" },
                "urn:millrace:common:stock-level:1" => { path = "../../schemas/common/stock-level.json" },
                "urn:millrace:common:stock-line:1" => { path = "../../schemas/common/stock-line.json" },
                "urn:millrace:common:system:1" => { path = "../../schemas/common/system.json" },
                "urn:millrace:common:template:1" => { path = "../../schemas/common/template.json" },
                "urn:millrace:common:time:1" => { path = "../../schemas/common/time.json" },
                "urn:millrace:common:tracking-number:1" => { path = "../../schemas/common/tracking-number.json" },
                "urn:millrace:common:unit-price:1" => { path = "../../schemas/common/unit-price.json" },
                "urn:millrace:common:user-id:1" => { path = "../../schemas/common/user-id.json" },
                "urn:millrace:http:catalog:discontinue:1" => { path = "../../schemas/http/catalog/discontinue.json" },
                "urn:millrace:http:catalog:product-page:1" => { path = "../../schemas/http/catalog/product-page.json" },
                "urn:millrace:http:orders:cancel-order:1" => { path = "../../schemas/http/orders/cancel-order.json" },
                "urn:millrace:http:orders:place-order:1" => { path = "../../schemas/http/orders/place-order.json" },
                "urn:millrace:http:pricing:price:1" => { path = "../../schemas/http/pricing/price.json" },
                "urn:millrace:http:warehouse:adjustment:1" => { path = "../../schemas/http/warehouse/adjustment.json" },
                "urn:millrace:http:warehouse:receipt:1" => { path = "../../schemas/http/warehouse/receipt.json" },
                "urn:millrace:outside:carrier:callback:1" => { path = "../../schemas/outside/carrier/callback.json" },
                "urn:millrace:outside:carrier:parcel:1" => { path = "../../schemas/outside/carrier/parcel.json" },
                "urn:millrace:outside:carrier:parcels:1" => { path = "../../schemas/outside/carrier/parcels.json" },
                "urn:millrace:outside:carrier:refusal:1" => { path = "../../schemas/outside/carrier/refusal.json" },
                "urn:millrace:outside:provider:callback:1" => { path = "../../schemas/outside/provider/callback.json" },
                "urn:millrace:outside:provider:charge:1" => { path = "../../schemas/outside/provider/charge.json" },
                "urn:millrace:outside:provider:charges:1" => { path = "../../schemas/outside/provider/charges.json" },
                "urn:millrace:outside:provider:refund:1" => { path = "../../schemas/outside/provider/refund.json" },
                "urn:millrace:outside:provider:refunds:1" => { path = "../../schemas/outside/provider/refunds.json" },
            }
        )]
        struct Validator;
        &millrace::schema::Schema {
            id: $id,
            validate: |value| crate::macros::masked(Validator::validate(value)),
        }
    }};
}
pub(crate) use schema;

/// An enum of strings. An unknown one is refused by the validator before it gets here.
macro_rules! closed_enum {
    (#[doc = $doc:literal] pub enum $name:ident { $($variant:ident = $text:literal,)+ }) => {
        #[doc = $doc]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $(#[serde(rename = $text)] $variant,)+
        }

        impl $name {
            /// As it is written in JSON.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }
    };
}
pub(crate) use closed_enum;

/// The error as it may be logged and answered: where and what, never a value, nor a name the sender chose.
pub(crate) fn masked(outcome: Result<(), ValidationError<'_>>) -> Result<(), Violation> {
    outcome.map_err(|error| Violation {
        pointer: error.instance_path().as_str().to_owned(),
        message: match error.kind() {
            ValidationErrorKind::AdditionalProperties { .. } => "has a property the schema does not know".to_owned(),
            _ => error.masked().to_string(),
        },
    })
}
