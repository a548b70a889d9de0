//! What is seen while it happens: each second what was done to the shop, beside what the partners' books say.

use std::time::Duration;

use tokio::time::{Instant, interval, timeout};

use super::{Run, since};
use host::faults::{Done, Fault};
use host::output::{Unwritten, say};

const LOOK: Duration = Duration::from_secs(1);

impl Run {
    /// Keeps the fault switched on until it is over, and says what can be seen; never returns but by an error.
    pub async fn watch<T>(&self) -> anyhow::Result<T> {
        let started = Instant::now();
        let mut looks = interval(LOOK);
        looks.tick().await;
        loop {
            looks.tick().await;
            let done = if self.is_on.get() { self.switch.on().await? } else { self.switch.done().await? };
            // A shop that is being killed may be slow to tell; the fault's lease must not wait for it.
            let books = timeout(LOOK, self.books_now()).await;
            let books = books.unwrap_or_else(|_| Ok("the shop is slow to tell".to_owned()));
            self.tell(started, &since(&self.before, &done), &books.unwrap_or_else(|error| format!("{error:#}")))?;
        }
    }

    /// The last look, at a shop that is whole again.
    pub async fn look_back(&self, started: Instant, done: &Done) -> anyhow::Result<()> {
        Ok(self.tell(started, done, &self.books_now().await?)?)
    }

    fn tell(&self, started: Instant, done: &Done, books: &str) -> Result<(), Unwritten> {
        if self.args.json {
            return Ok(());
        }
        say(&format!("{:>4} s  {} | {books}", started.elapsed().as_secs(), told(self.args.fault, done)))
    }

    /// Of this run's orders. Numbers follow each other: a capture, then a parcel, then an emptier shelf.
    async fn books_now(&self) -> anyhow::Result<String> {
        let on_hand: i64 = self.goods.on_hand(&self.shop).await?.values().sum();
        let truth = self.books.open().await?;
        let ids = self.ids.borrow();
        let (mut captures, mut refunds) = (0, 0);
        for (_, money) in truth.money.iter().filter(|(id, _)| ids.contains(*id)) {
            captures += money.captures;
            refunds += money.refunds;
        }
        let parcels: Vec<_> = truth.parcels.iter().filter(|parcel| ids.contains(&parcel.request.order_id)).collect();
        let shipped: u64 = parcels.iter().flat_map(|parcel| &parcel.request.lines).map(|line| line.quantity).sum();
        let received: i64 = self.goods.received.values().sum();
        Ok(format!(
            "{} orders: {captures} captures, {refunds} refunds, {} parcels | {on_hand} on hand + {shipped} shipped, {received} received",
            ids.len(),
            parcels.len(),
        ))
    }
}

/// What `fault` came to.
pub fn told(fault: Fault, done: &Done) -> String {
    match fault {
        Fault::Duplicate => {
            format!("{} events published again, {} delivered again", done.published_again, done.delivered_again)
        }
        Fault::Drop => format!("{} events dropped", done.dropped),
        Fault::Reorder => format!("{} events held back", done.delayed),
        Fault::Kill => format!("{} kills", done.kills),
    }
}
