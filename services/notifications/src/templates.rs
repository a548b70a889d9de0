//! What the mails say. Pure; says nothing of where the customer lives or how they paid.

use events::common::{Money, Reason};
use events::notifications::notification::NotificationRequested;

pub const ORDER_CONFIRMED: &str = "order_confirmed";
pub const ORDER_SHIPPED: &str = "order_shipped";
pub const ORDER_DELIVERED: &str = "order_delivered";
pub const ORDER_CANCELLED: &str = "order_cancelled";

/// Subject and body.
pub fn render(requested: &NotificationRequested) -> (String, String) {
    let order = &requested.context.order_id;
    let (subject, text) = match requested.template.as_str() {
        ORDER_CONFIRMED => ("Thank you for your order", confirmed(requested.total.as_ref())),
        ORDER_SHIPPED => ("Your order is on its way", shipped(requested.tracking_number.as_deref())),
        ORDER_DELIVERED => ("Your order has arrived", "Your parcel has been delivered. Enjoy!".to_owned()),
        ORDER_CANCELLED => ("Your order has been cancelled", cancelled(requested.reason)),
        _ => ("News of your order", "Your order has moved on.".to_owned()),
    };
    let status = requested.template.trim_start_matches("order_");
    let body = format!("Hello,\n\n{text}\n\nOrder: {order}\nStatus: {status}\n\nYour Millrace shop\n");
    (format!("{subject} ({order})"), body)
}

fn confirmed(total: Option<&Money>) -> String {
    let total = total.map(|total| format!(" Total: {}.", money(total))).unwrap_or_default();
    format!("We have received your payment and are packing your parcel.{total}")
}

fn shipped(tracking_number: Option<&str>) -> String {
    let track =
        tracking_number.map(|number| format!(" Follow it by its tracking number: {number}")).unwrap_or_default();
    format!("Your parcel is with the carrier.{track}")
}

fn cancelled(reason: Option<Reason>) -> String {
    let why = match reason {
        Some(Reason::OutOfStock) => "We are sorry: an article you ordered is out of stock.",
        Some(Reason::PaymentDeclined) => "Your payment was declined, so we could not accept the order.",
        Some(Reason::PaymentTimeout) => "Your payment was not confirmed in time, so we could not accept the order.",
        Some(Reason::ReservationExpired) => "We could not finish the order in time and had to let it go.",
        Some(Reason::CarrierRefused) => "We are sorry: the carrier could not take your parcel.",
        Some(Reason::Customer) => "As you asked, we have cancelled your order.",
        None => "We have cancelled your order.",
    };
    format!("{why} Whatever you have paid is returned to you in full.")
}

/// Major units with the number of decimals ISO 4217 gives the currency.
fn money(money: &Money) -> String {
    let decimals = match money.currency.as_str() {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX" | "VND" | "VUV"
        | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        _ => 2,
    };
    let unit = 10_i64.pow(decimals);
    let (major, minor) = (money.amount / unit, money.amount % unit);
    match decimals {
        0 => format!("{major} {}", money.currency),
        width => format!("{major}.{minor:0width$} {}", money.currency, width = width as usize),
    }
}

#[cfg(test)]
mod tests;
