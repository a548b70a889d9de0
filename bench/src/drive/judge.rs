//! Whether a run counts: every order is shipped, exactly once, and each service has done as much as was ordered.

use std::time::Duration;

use anyhow::ensure;
use tokio::time::sleep;

use super::client::Client;
use super::load::Board;
use super::orders;
use crate::saga::{SERVICES, Totals};

/// What is done twice may be done late.
const LATER: Duration = Duration::from_secs(2);

pub async fn judge(client: &Client, board: &Board) -> anyhow::Result<()> {
    sleep(LATER).await;
    let wrong = board.wrong();
    ensure!(wrong.is_empty(), "orders not shipped exactly once: {wrong:?}");
    let due = orders::totals(board.placed())?;
    for (place, service) in SERVICES.iter().enumerate() {
        let done = client.json::<Totals>(place, "/totals").await?;
        ensure!(done == due, "{service} has done {done:?}, due is {due:?}");
    }
    Ok(())
}
