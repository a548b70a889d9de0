//! Customers who order through a crash, and what became of their orders, by the partners' books and the public API.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use blackbox::judge::{Books, check_history};
use blackbox::order::{Storefront, Wanted};
use blackbox::real::{Cut, Lost, eventually};
use blackbox::shop::SERVICES;
use futures::{StreamExt, stream};
use millrace::metrics::Metrics;
use serde_json::Value;

use super::{BACK, Case};

const SKUS: usize = 2;
const RECEIVED: u32 = 1_000;
const ORDERS: usize = 60;
const AT_ONCE: usize = 12;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// The end of the log, whoever was told of it.
    Tail(Cut),
    /// What nobody was told of, and nothing else.
    Unheard,
    /// The master, with what its replica has not got.
    Master,
}

#[derive(Debug, Default)]
pub struct Report {
    acknowledged: usize,
    cut: Lost,
    /// Orders that were acknowledged and are not known any more.
    gone: usize,
    /// Of those, charged and not paid back.
    unreturned: usize,
    /// Charged or sent twice.
    doubled: usize,
    ghosts: u64,
    healed: u64,
    /// From the crash to the end of an order placed after it.
    back: Duration,
    wrong: Vec<String>,
}

impl Report {
    pub const HEAD: &str = "level     layout      loss              cut: commands  bytes | acknowledged  gone  charged+gone  \
                            doubled  ghosts  healed  back s";

    pub fn line(&self, case: &Case) -> String {
        let loss = match case.loss {
            Loss::Tail(Cut::Commands(count)) => format!("last {count}"),
            Loss::Tail(Cut::Half) => "half of the last".to_owned(),
            Loss::Tail(Cut::To(_)) | Loss::Unheard => "unacknowledged".to_owned(),
            Loss::Master => "the master".to_owned(),
        };
        let (level, layout) = (format!("{:?}", case.level).to_lowercase(), format!("{:?}", case.layout).to_lowercase());
        let Self { acknowledged, gone, unreturned, doubled, ghosts, healed, .. } = self;
        let (Lost { commands, bytes }, back) = (self.cut, self.back.as_secs_f64());
        format!(
            "{level:9} {layout:11} {loss:17} {commands:13} {bytes:6} | {acknowledged:12} {gone:5} {unreturned:13} \
             {doubled:8} {ghosts:7} {healed:7} {back:7.1}"
        )
    }

    pub fn faults(&self, case: &Case) -> Vec<String> {
        let mut faults = self.wrong.clone();
        let mut expect = |holds: bool, otherwise: &str| faults.extend((!holds).then(|| otherwise.to_owned()));
        expect(self.doubled == 0, "something was done twice");
        expect(self.cut.bytes > 0, "nothing was lost, so nothing is shown");
        if case.is_promised() {
            expect(self.gone == 0, "an acknowledged order is gone");
            expect(self.ghosts == 0, "something left before it was durable");
        }
        faults
    }
}

fn wanted(n: usize) -> Wanted {
    let plain = Wanted { sku: format!("SKU-{:03}", 1 + n % SKUS), ..Wanted::default() };
    match n % 6 {
        1 => Wanted { token: "tok_declined", ..plain },
        2 => Wanted { token: "tok_double_callback", ..plain },
        3 => Wanted { postal_code: "REFUSE1", ..plain },
        4 => Wanted { token: "tok_timeout", ..plain },
        _ => plain,
    }
}

/// What the shop says of an order; `None` when it knows of none.
async fn found(shop: &impl Storefront, id: &str) -> Option<Value> {
    let answer = shop.call(Method::GET, &format!("/orders/{id}"), "", &Value::Null).await;
    (answer.status() == StatusCode::OK).then(|| serde_json::from_slice(answer.body()).expect("answers are JSON"))
}

/// Waits until the order has ended, or is gone; what takes too long is found by the judge.
async fn followed(shop: &impl Storefront, id: &str) {
    let ending = async {
        while found(shop, id).await.is_some_and(|order| order["ended"] != true) {
            shop.clock().sleep(Duration::from_millis(50)).await;
        }
    };
    drop(tokio::time::timeout(BACK, ending).await);
}

/// Orders before, during and after what `lose` does, and the word of the books on them.
pub async fn strike(shop: &impl Storefront, case: &Case, mut lose: impl AsyncFnMut() -> Lost) -> Report {
    shop.stock(SKUS, RECEIVED).await;
    let one = async |n: usize| {
        let id = shop.place(&wanted(n), &n.to_string()).await;
        followed(shop, &id).await;
        id
    };
    let load = async { stream::iter(0..ORDERS).map(one).buffer_unordered(AT_ONCE).collect::<Vec<String>>().await };
    let crash = async {
        let charged = async || shop.partners().sandpay.ledger().await.expect("a ledger").len();
        eventually("a third of the orders is paid", BACK, async || charged().await >= ORDERS / 3).await;
        let healed = sum(shop, Metrics::healed_total);
        let start = shop.clock().now_us();
        let cut = lose().await;
        let probe = shop.place(&Wanted::default(), "after").await;
        followed(shop, &probe).await;
        (cut, healed, probe, Duration::from_micros((shop.clock().now_us() - start) as u64))
    };
    let (mut orders, (cut, healed, probe, back)) = futures::join!(load, crash);
    orders.push(probe);
    let mut report = Report { acknowledged: orders.len(), cut, back, ..Report::default() };
    if let Err(busy) = shop.quiet(BACK).await {
        // Open deadlines are no news.
        report.wrong.push(busy.lines().filter(|line| !line.contains('|')).collect::<Vec<_>>().join("\n"));
    }
    report.healed = sum(shop, Metrics::healed_total) - healed;
    report.ghosts = sum(shop, Metrics::ghosts_total);
    judged(shop, &orders, case, &mut report).await;
    report
}

fn sum(shop: &impl Storefront, count: impl Fn(&Metrics) -> u64) -> u64 {
    SERVICES.iter().filter_map(|name| shop.service(name)).map(|service| count(service.metrics())).sum()
}

async fn judged(shop: &impl Storefront, orders: &[String], case: &Case, report: &mut Report) {
    let books = Books::of(shop.partners()).await.unwrap_or_else(|wrong| panic!("{wrong}"));
    let paid_twice = books.captured.values().chain(books.refunded.values()).filter(|booked| booked.len() > 1).count();
    report.doubled = paid_twice + books.parcels.values().filter(|parcels| **parcels > 1).count();
    let sum = |booked: Option<&Vec<i64>>| booked.map_or(0, |amounts| amounts.iter().sum::<i64>());
    for id in orders {
        let Some(order) = found(shop, id).await else {
            report.gone += 1;
            report.unreturned += usize::from(sum(books.captured.get(id)) > sum(books.refunded.get(id)));
            continue;
        };
        let status = order["status"].as_str().unwrap_or_default();
        report.wrong.extend(books.check(id, &order, status).err());
        if case.is_promised() {
            // Beyond it an event may be told twice: heard, lost by its producer, and decided again.
            report.wrong.extend(check_history(id, &order, status).err());
        }
    }
    if report.gone > 0 {
        return;
    }
    for n in 1..=SKUS {
        let stock = shop.get(&format!("/stock/SKU-{n:03}?locationId=WH-001")).await;
        if stock["reserved"] != 0 {
            report.wrong.push(format!("reserved for nobody: {stock}"));
        }
    }
}
