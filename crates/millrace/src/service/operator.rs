//! What operators ask of a service: what is pending, what is parked and what to do about it, and what it has counted.

use serde_json::Value;

use super::Service;
use crate::delivery::{By, DeadLetter, LogEntry, Pending, Redriven};
use crate::model::Problem;
use crate::store::{Answer, PARTITIONS, Park, Query};

impl Service {
    /// Asks every producer for its heads and reads every tracker anew. Of a producer that does not answer nobody knows
    /// what there is: it counts as one entry.
    pub async fn pending(&self) -> Pending {
        Pending::read(&self.0.rounds).await
    }

    /// Every record set aside, with its reason.
    pub async fn parked(&self) -> Vec<Park> {
        let mut parked = Vec::new();
        for number in 0..PARTITIONS {
            if let Ok(Answer::Parked(more)) = self.lanes().read_one(number, Query::Parked { limit: 100_000 }).await {
                parked.extend(more);
            }
        }
        parked
    }

    /// Everything parked, in the order of ids.
    pub async fn dead_letters(&self) -> Result<Vec<DeadLetter>, Problem> {
        self.0.rounds.letters.all().await
    }

    /// One of them with its payload, as the consumer would get it.
    pub async fn dead_letter(&self, id: &str) -> Result<DeadLetter, Problem> {
        self.0.rounds.letters.shown(id).await
    }

    /// Every action there was, oldest first.
    pub async fn dead_letter_log(&self) -> Result<Vec<LogEntry>, Problem> {
        self.0.rounds.letters.log().await
    }

    /// Drives it again the ordinary way, and then what waits behind it. The request itself is durable.
    pub async fn redrive(&self, id: &str, by: &By) -> Result<Redriven, Problem> {
        self.0.rounds.letters.redrive(id, by).await
    }

    /// Settles it without an effect, now and in every replay.
    pub async fn discard(&self, id: &str, by: &By) -> Result<(), Problem> {
        self.0.rounds.letters.discard(id, by).await
    }

    /// Changes the payload, by a merge patch (RFC 7396), for this consumer and every later replay; refused unless the
    /// outcome passes the schema of each of its handlers.
    pub async fn edit(&self, id: &str, by: &By, patch: &Value, version: Option<u32>) -> Result<(), Problem> {
        self.0.rounds.letters.edit(id, by, patch, version).await
    }

    /// The OpenMetrics text of everything counted, and how far behind this process knows itself to be.
    pub fn metrics_text(&self) -> String {
        let (consumers, cursors) = (self.0.rounds.trackers.all_progress(), self.0.rounds.relay.cursors());
        self.metrics().text(&consumers, &cursors, self.clock().now_us())
    }
}
