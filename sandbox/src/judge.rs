//! The outside judge: reads the partners' ledger files, also after everything was killed, and says
//! what really happened. Asks no running process.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use crate::carrier::Parcel;
use crate::ledger;
pub use crate::ledger::path;
use crate::mailbox::{self, Mail};
use crate::provider::{Booking, Kind};

/// What a provider did with one order's money, in minor units.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Money {
    pub captures: u32,
    pub captured: i64,
    pub refunds: u32,
    pub refunded: i64,
}

/// Each order the provider `name` captured or refunded for.
pub fn money(folder: &Path, name: &str) -> io::Result<BTreeMap<String, Money>> {
    let (bookings, _) = ledger::read::<Booking>(&path(folder, name))?;
    let mut orders = BTreeMap::<String, Money>::new();
    for Booking { kind, request, .. } in bookings.into_iter().filter(|booking| booking.kind != Kind::Decline) {
        let money = orders.entry(request.order_id).or_default();
        let (count, sum) = match kind {
            Kind::Refund => (&mut money.refunds, &mut money.refunded),
            Kind::Capture | Kind::Decline => (&mut money.captures, &mut money.captured),
        };
        *count += 1;
        *sum += request.amount;
    }
    Ok(orders)
}

pub fn parcels(folder: &Path, carrier: &str) -> io::Result<Vec<Parcel>> {
    Ok(ledger::read(&path(folder, carrier))?.0)
}

pub fn mails(folder: &Path) -> io::Result<Vec<Mail>> {
    Ok(ledger::read(&path(folder, mailbox::NAME))?.0)
}
