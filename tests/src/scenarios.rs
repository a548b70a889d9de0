//! The rows of the saga's table, each a story on the whole shop: what is asked, what fails, how the order must end. Used
//! by the tests by name, and by the sabotage run, in which every story must fail for some single fault of the framework.

use std::sync::Arc;
use std::time::Duration;

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::judge::judge;
use crate::order::{Storefront, Wanted, history};
use crate::shop::{Options, Shop};

const SKUS: usize = 2;
const RECEIVED: u32 = 100;
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);

/// A shop with stock and prices.
pub async fn open(options: Options) -> Arc<Shop> {
    let shop = Shop::start(1, options);
    shop.stock(SKUS, RECEIVED).await;
    shop.quiet(MINUTE).await.expect("first data is heard");
    shop
}

fn wanted(token: &'static str, postal_code: &'static str) -> Wanted {
    Wanted { token, postal_code, ..Wanted::default() }
}

/// Waits for the end, checks status and reason, and lets the judge look at everything.
async fn ends(shop: &Shop, id: &str, status: &str, reason: Option<&str>) -> Value {
    let order = shop.ended(id, 3 * HOUR).await;
    assert_eq!((order["status"].as_str(), order["reason"].as_str()), (Some(status), reason), "{order:#}");
    shop.quiet(HOUR).await.expect("quiet");
    judge(shop, &[id.to_owned()], SKUS, i64::from(RECEIVED)).await.unwrap_or_else(|wrong| panic!("{wrong}"));
    shop.get(&format!("/orders/{id}")).await
}

/// Asserts that `kinds` (without their service) stand in the history, in whatever order: here many have the same time.
fn says(order: &Value, kinds: &[&str]) {
    let history = history(order);
    for kind in kinds {
        assert!(history.iter().any(|entry| entry.ends_with(kind)), "{kind} is not in {history:#?}");
    }
}

fn says_not(order: &Value, kind: &str) {
    assert!(!history(order).iter().any(|entry| entry.ends_with(kind)), "{kind} in {order:#}");
}

async fn cancel(shop: &Shop, id: &str) -> StatusCode {
    shop.call(Method::POST, &format!("/orders/{id}/cancel"), &format!("cancel-{id}"), &json!({})).await.status()
}

/// Waits until the order is at `status`.
async fn reaches(shop: &Shop, id: &str, status: &str) {
    for _ in 0..6_000 {
        if shop.get(&format!("/orders/{id}")).await["status"] == status {
            return;
        }
        shop.clock.sleep(Duration::from_millis(10)).await;
    }
    panic!("{id} is never {status}: {:#}", shop.get(&format!("/orders/{id}")).await);
}

pub async fn an_order_travels_the_whole_saga() {
    let shop = open(Options::default()).await;
    let id = shop.place(&Wanted::default(), "one").await;
    let order = ends(&shop, &id, "fulfilled", None).await;
    says(&order, &["inventory.reserved", "payment.processed", "inventory.allocated", "shipment.dispatched"]);
    says(&order, &["order.created", "order.confirmed", "order.shipped", "order.delivered", "order.fulfilled"]);
    let mails = shop.partners.mailbox.mails().await.expect("mails");
    assert_eq!(mails.iter().filter(|mail| mail.message_id.contains(&id)).count(), 3, "{mails:#?}");
}

pub async fn an_order_for_more_than_there_is_is_refused_and_nothing_charged() {
    let shop = open(Options::default()).await;
    let id = shop.place(&Wanted { quantity: RECEIVED + 1, ..Wanted::default() }, "one").await;
    let order = ends(&shop, &id, "cancelled", Some("out_of_stock")).await;
    says(&order, &["inventory.reservation_refused", "order.cancelled"]);
    says_not(&order, "payment.initiated");
}

pub async fn a_declined_card_gives_the_stock_back() {
    let shop = open(Options::default()).await;
    let id = shop.place(&wanted("tok_declined", "LS1 1AA"), "one").await;
    let order = ends(&shop, &id, "cancelled", Some("payment_declined")).await;
    says(&order, &["payment.failed", "order.cancelled", "inventory.released"]);
}

pub async fn an_answer_that_is_lost_or_doubled_charges_once() {
    let shop = open(Options::default()).await;
    for token in ["tok_timeout", "tok_double_callback", "tok_slow"] {
        let id = shop.place(&wanted(token, "LS1 1AA"), token).await;
        shop.ended(&id, MINUTE).await;
        assert_eq!(shop.get(&format!("/orders/{id}")).await["status"], "fulfilled", "{token}");
    }
}

pub async fn a_provider_that_is_down_cancels_the_order_in_time() {
    let shop = open(Options::default()).await;
    let start = shop.clock.now_us();
    let id = shop.place(&wanted("tok_down", "LS1 1AA"), "one").await;
    shop.ended(&id, MINUTE).await;
    assert!(shop.clock.now_us() - start < 25_000_000, "within the payment's time-out and five seconds");
    let order = ends(&shop, &id, "cancelled", Some("payment_timeout")).await;
    says(&order, &["payment.initiated", "payment.failed", "inventory.released"]);
    assert!(shop.partners.sandpay.ledger().await.expect("a ledger").is_empty());
}

pub async fn a_capture_after_the_time_out_is_refunded() {
    let options = Options { payment_timeout: Duration::from_secs(1), ..Options::default() };
    let shop = open(options).await;
    let id = shop.place(&wanted("tok_slow", "LS1 1AA"), "one").await;
    let order = ends(&shop, &id, "cancelled", Some("payment_timeout")).await;
    says(&order, &["payment.failed", "payment.processed", "payment.refunded"]);
}

pub async fn a_parcel_the_carrier_refuses_is_paid_back() {
    let shop = open(Options::default()).await;
    let id = shop.place(&wanted("tok_ok", "REFUSE1"), "one").await;
    let order = ends(&shop, &id, "cancelled", Some("carrier_refused")).await;
    says(&order, &["shipment.created", "shipment.cancelled"]);
    says(&order, &["order.cancelled", "payment.refunded"]);
    says(&order, &["inventory.allocated", "inventory.released"]);
}

pub async fn a_carrier_that_is_slow_or_down_for_a_while_delivers_once() {
    let shop = open(Options::default()).await;
    for code in ["SLOW1", "DOWN1"] {
        let id = shop.place(&wanted("tok_ok", code), code).await;
        let order = shop.ended(&id, 10 * MINUTE).await;
        assert_eq!(order["status"], "fulfilled", "{code}: {order:#}");
    }
    assert_eq!(shop.partners.carrier.parcels().await.expect("parcels").len(), 2);
}

pub async fn an_order_cancelled_before_it_is_paid_is_never_charged() {
    let shop = open(Options::default()).await;
    shop.stop("payment");
    let id = shop.place(&Wanted::default(), "one").await;
    reaches(&shop, &id, "reserved").await;
    assert_eq!(cancel(&shop, &id).await, StatusCode::ACCEPTED);
    assert_eq!(cancel(&shop, &id).await, StatusCode::ACCEPTED, "asked again");
    reaches(&shop, &id, "cancelled").await;
    shop.start_service("payment");
    let order = ends(&shop, &id, "cancelled", Some("customer")).await;
    says(&order, &["order.cancelled", "inventory.released"]);
    let charged = shop.partners.sandpay.ledger().await.expect("a ledger");
    // The reservation may be heard before the cancellation: then the charge is paid back.
    assert!(charged.is_empty() || charged.len() == 2, "{charged:#?}");
}

pub async fn an_order_cancelled_before_it_is_booked_is_paid_back() {
    let shop = open(Options::default()).await;
    shop.stop("shipping");
    let id = shop.place(&Wanted::default(), "one").await;
    reaches(&shop, &id, "confirmed").await;
    assert_eq!(cancel(&shop, &id).await, StatusCode::ACCEPTED);
    shop.start_service("shipping");
    let order = shop.ended(&id, HOUR).await;
    says(&order, &["order.cancellation_requested"]);
    let status = order["status"].as_str().unwrap_or_default();
    if status == "cancelled" {
        let order = ends(&shop, &id, "cancelled", Some("customer")).await;
        says(&order, &["shipment.cancelled", "order.cancelled", "payment.refunded"]);
    } else {
        says(&ends(&shop, &id, "fulfilled", None).await, &["shipment.cancellation_refused"]);
    }
}

pub async fn a_parcel_that_is_booked_can_not_be_stopped() {
    let shop = open(Options::default()).await;
    let id = shop.place(&wanted("tok_ok", "SLOW1"), "one").await;
    reaches(&shop, &id, "confirmed").await;
    shop.clock.sleep(Duration::from_secs(1)).await;
    assert_eq!(cancel(&shop, &id).await, StatusCode::ACCEPTED);
    let order = ends(&shop, &id, "fulfilled", None).await;
    says(&order, &["order.cancellation_requested", "order.fulfilled"]);
    says(&order, &["shipment.dispatched", "shipment.cancellation_refused"]);
}

pub async fn an_order_that_is_shipped_can_not_be_cancelled() {
    let shop = open(Options { delivery_delay: MINUTE, ..Options::default() }).await;
    let id = shop.place(&Wanted::default(), "one").await;
    reaches(&shop, &id, "shipped").await;
    let answer = shop.call(Method::POST, &format!("/orders/{id}/cancel"), "c", &json!({})).await;
    let body: Value = serde_json::from_slice(answer.body()).expect("a problem");
    assert_eq!((answer.status(), &body["code"]), (StatusCode::CONFLICT, &json!("order_already_shipped")));
    ends(&shop, &id, "fulfilled", None).await;
}

pub async fn a_reservation_that_nobody_confirms_expires() {
    let shop = open(Options { reservation_ttl: Duration::from_secs(5), ..Options::default() }).await;
    shop.stop("payment");
    let id = shop.place(&Wanted::default(), "one").await;
    reaches(&shop, &id, "cancelled").await;
    shop.start_service("payment");
    let order = ends(&shop, &id, "cancelled", Some("reservation_expired")).await;
    says(&order, &["inventory.reserved", "inventory.expired"]);
    says_not(&order, "inventory.released");
}

pub async fn a_payment_that_comes_after_the_reservation_is_paid_back() {
    let shop = open(Options { reservation_ttl: Duration::from_secs(2), ..Options::default() }).await;
    let id = shop.place(&wanted("tok_slow", "LS1 1AA"), "one").await;
    let order = ends(&shop, &id, "cancelled", Some("reservation_expired")).await;
    says(&order, &["inventory.expired", "payment.processed", "payment.refunded"]);
}

pub async fn an_order_that_the_warehouse_never_answers_is_given_up() {
    let shop = open(Options { reservation_ttl: MINUTE, ..Options::default() }).await;
    shop.stop("warehouse");
    let id = shop.place(&Wanted::default(), "one").await;
    let start = shop.clock.now_us();
    while shop.get(&format!("/orders/{id}")).await["status"] != "cancelled" {
        assert!(shop.clock.now_us() - start < 130_000_000, "given up a minute after the reservation's time");
        shop.clock.sleep(Duration::from_secs(1)).await;
    }
    shop.start_service("warehouse");
    ends(&shop, &id, "cancelled", Some("reservation_expired")).await;
}

pub async fn an_order_that_shipping_never_answers_asks_to_be_stopped() {
    let shop = open(Options { shipping_timeout: MINUTE, ..Options::default() }).await;
    shop.stop("shipping");
    let id = shop.place(&Wanted::default(), "one").await;
    reaches(&shop, &id, "confirmed").await;
    shop.clock.sleep(2 * MINUTE).await;
    says(&shop.get(&format!("/orders/{id}")).await, &["order.cancellation_requested"]);
    shop.start_service("shipping");
    let order = shop.ended(&id, HOUR).await;
    let reason = order["reason"].as_str().map(str::to_owned);
    let status = order["status"].as_str().unwrap_or_default().to_owned();
    ends(&shop, &id, &status, reason.as_deref()).await;
}

pub async fn a_delivery_that_nobody_tells_is_asked_for() {
    let shop = open(Options { delivery_delay: Duration::from_secs(5), ..Options::default() }).await;
    let id = shop.place(&Wanted::default(), "one").await;
    reaches(&shop, &id, "shipped").await;
    shop.stop("gateway");
    shop.clock.sleep(10 * MINUTE).await;
    shop.start_service("gateway");
    ends(&shop, &id, "fulfilled", None).await;
}

/// Every story by its name.
#[macro_export]
macro_rules! for_each_scenario {
    ($do:ident) => {
        $do! {
            an_order_travels_the_whole_saga,
            an_order_for_more_than_there_is_is_refused_and_nothing_charged,
            a_declined_card_gives_the_stock_back,
            an_answer_that_is_lost_or_doubled_charges_once,
            a_provider_that_is_down_cancels_the_order_in_time,
            a_capture_after_the_time_out_is_refunded,
            a_parcel_the_carrier_refuses_is_paid_back,
            a_carrier_that_is_slow_or_down_for_a_while_delivers_once,
            an_order_cancelled_before_it_is_paid_is_never_charged,
            an_order_cancelled_before_it_is_booked_is_paid_back,
            a_parcel_that_is_booked_can_not_be_stopped,
            an_order_that_is_shipped_can_not_be_cancelled,
            a_reservation_that_nobody_confirms_expires,
            a_payment_that_comes_after_the_reservation_is_paid_back,
            an_order_that_the_warehouse_never_answers_is_given_up,
            an_order_that_shipping_never_answers_asks_to_be_stopped,
            a_delivery_that_nobody_tells_is_asked_for,
        }
    };
}
