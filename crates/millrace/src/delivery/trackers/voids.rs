//! What a producer that came back without its last events says of their numbers, and what a consumer makes of it.

use std::sync::Arc;

use super::{Progress, Trackers};
use crate::delivery::Job;
use crate::seams::{Fault, is_off};
use crate::store::{Outcome, Position, Ranges};

impl Trackers {
    /// Follows what the producer says of a feed. `reached` is what was settled last before the producer was asked.
    pub async fn heard_head(&self, progress: &Arc<Progress>, head: Position, void: &Ranges, reached: Position) {
        if head < reached {
            let (service, consumer, feed) = (self.lanes.name, progress.consumer(), progress.feed_name());
            tracing::error!(service, consumer, feed, reached, head, "a feed went back");
            self.lanes.metrics.regressed.inc();
        }
        progress.saw_head(head);
        self.skip_voids(progress, void).await;
    }

    /// Stores ranges that are news. What fails is told again with the next heads.
    pub async fn skip_voids(&self, progress: &Arc<Progress>, void: &Ranges) {
        for (from, through) in void.iter().filter(|_| !is_off(Fault::Voids)) {
            if !self.refresh(progress).await {
                return;
            }
            let Some(ghosts) = progress.ghosts(from, through) else { continue };
            let (admitted, _) = progress.admit(crate::store::Placed { position: from, previous: 0 }, false);
            let outcome = Outcome::Void { through };
            let settle = progress.settle(from, admitted, outcome);
            let job = Job::settle(vec![settle], Some(admitted.life));
            if self.lanes.lane(progress.feed().partition).submit(job).await.is_err() {
                return progress.forget();
            }
            progress.settled(from, outcome);
            if ghosts > 0 {
                let (service, consumer, feed) = (self.lanes.name, progress.consumer(), progress.feed_name());
                let what = "the producer has lost events that were applied here";
                tracing::error!(service, consumer, feed, from, through, ghosts, "{what}");
                self.lanes.metrics.ghosts.inc_by(ghosts);
            }
        }
    }
}
