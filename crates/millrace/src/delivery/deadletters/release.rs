//! Driving again what is parked, and then what is held behind it; by request, and in rounds for what a crash interrupted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Letter, Letters, Lines, Redriven};
use crate::delivery::{Job, PAGE, Parked, Progress, Reason, Way};
use crate::model::{Context, DecodeError, Incoming};
use crate::store::{Feed, Mark, PARTITIONS, Park, Position};

impl Letters {
    /// One round over everything parked and held.
    pub async fn release_all(&self) {
        let mut parked = 0;
        let mut by_partition: BTreeMap<u8, Vec<_>> = BTreeMap::new();
        for progress in self.trackers.all_progress().iter().cloned() {
            by_partition.entry(progress.feed().partition).or_default().push(progress);
        }
        for number in 0..PARTITIONS {
            let Ok(letters) = self.letters(number).await else { continue };
            parked += letters.len();
            for letter in letters.iter().filter(|letter| letter.record.redriving || self.knows_by_now(letter)) {
                self.drive_letter(letter).await;
            }
            for progress in by_partition.remove(&number).unwrap_or_default() {
                self.release_line(&progress).await;
            }
        }
        self.lanes.metrics.parked_now.set(parked as i64);
    }

    /// Whether it was set aside for a version that this program knows. Asked in each round, not at the start alone: while
    /// a release is on its way, replicas that don't know the version go on setting entries aside.
    fn knows_by_now(&self, letter: &Letter) -> bool {
        if letter.record.reason != Reason::UnknownVersion {
            return false;
        }
        let (Ok(consumer), Some(incoming)) = (self.consumer(letter), letter.incoming()) else { return false };
        let unknown = |error| matches!(error, DecodeError::UnknownVersion { .. } | DecodeError::UnknownType(_));
        let mut handlers = consumer.handlers.get(incoming.name.as_str()).into_iter().flatten();
        !handlers.any(|handler| (handler.decisions)(&incoming).is_err_and(unknown))
    }

    /// The ordinary path, for an entry that is set aside.
    pub(super) async fn drive_letter(&self, letter: &Letter) {
        let Some((feed, _)) = letter.place() else { return self.drive_unplaced(letter).await };
        let (Ok(consumer), Some(incoming)) = (self.consumer(letter), letter.incoming()) else { return };
        self.trackers.progress(&consumer.name, &feed).forget();
        self.inbox.drive_event(&consumer, Arc::new(incoming), Way::Redriven(letter.park.clone())).await;
    }

    /// What had no readable place may have one for this version of the program.
    async fn drive_unplaced(&self, letter: &Letter) {
        let (Some(bytes), Park { entry, .. }) = (letter.record.bytes(), &letter.park) else { return };
        let again = match Incoming::parse(&bytes) {
            Ok(incoming) if incoming.place.is_some() => match self.inbox.is_in_feed(&incoming).await {
                None => return,
                Some(false) => Some(Parked::not_in_feed(&bytes, &self.lanes.clock)),
                Some(true) => {
                    let topic = entry.split('|').next().unwrap_or_default();
                    self.inbox.drive(topic, vec![Arc::new(incoming)]).await;
                    None
                }
            },
            Ok(_) => Some(Parked::new(Reason::NoFeed, letter.record.detail.clone(), &bytes, &self.lanes.clock)),
            Err(violation) => Some(Parked::unreadable(&violation, &bytes, &self.lanes.clock)),
        };
        let back = again.map(|outcome| letter.record.clone().again(outcome));
        let parks = back.map(|record| Park { record: record.to_json(), ..letter.park.clone() });
        let mark = Mark::Parked(letter.park.clone());
        let job = Job { parks: parks.into_iter().collect(), ..Job::new(mark, Context::default()) };
        // Refused or not, a record that is left says that it is to be driven again.
        let _ = self.lanes.lane(letter.partition).submit(job).await;
    }

    /// Lets what is held behind a letter follow, when nothing is parked in front of it any more.
    pub(super) fn release_behind(self: &Arc<Self>, letter: &Letter, outcome: Redriven) {
        let place = letter.place().filter(|_| outcome == Redriven::Released);
        let Some((feed, _)) = place else { return };
        let (letters, progress) = (self.clone(), self.trackers.progress(&letter.park.consumer, &feed));
        // A long line takes longer than its caller waits.
        self.lanes.tasks.spawn(async move { letters.release_line(&progress).await });
    }

    /// Drives what is held but not parked, in the order of the feed; what is behind a parked entry stays held.
    async fn release_line(&self, progress: &Arc<Progress>) {
        if progress.held().is_empty() || self.fresh(progress).await.is_err() {
            return;
        }
        let (consumer, letters) = (self.trackers.consumer_of(progress), self.letters(progress.feed().partition).await);
        let (Some(consumer), Ok(letters)) = (consumer, letters) else { return };
        for event in self.fetch_all(progress.feed(), line(progress, &letters)).await.0 {
            self.inbox.drive_event(&consumer, event, Way::Released).await;
        }
    }

    /// What waits behind the letters of one partition.
    pub(super) async fn lines(&self, letters: &[Letter]) -> Lines {
        let mut lines = Lines::new();
        for letter in letters {
            let (Park { consumer, feed: name, .. }, Some((feed, _))) = (&letter.park, letter.place()) else { continue };
            let key = (consumer.clone(), name.clone());
            if lines.contains_key(&key) {
                continue;
            }
            let progress = self.trackers.progress(consumer, &feed);
            let mut count = None;
            if self.fresh(&progress).await.is_ok() {
                let (events, is_whole) = self.fetch_all(&feed, line(&progress, letters)).await;
                let mut streams = BTreeMap::<String, u64>::new();
                events.iter().for_each(|event| *streams.entry(event.subject.clone()).or_default() += 1);
                count = is_whole.then_some(streams);
            }
            lines.insert(key, count);
        }
        lines
    }

    /// Events of a feed at `positions`, in order, and whether their producer gave them all.
    async fn fetch_all(&self, feed: &Feed, mut positions: BTreeSet<Position>) -> (Vec<Arc<Incoming>>, bool) {
        let (mut events, mut is_whole) = (Vec::new(), true);
        while let Some(&first) = positions.first() {
            let page = self.producers.page(feed, first - 1, PAGE).await.unwrap_or_default().0;
            if page.is_empty() {
                return (events, false);
            }
            for event in page {
                let place = event.place.as_ref().map(|(_, placed)| placed.position);
                if place.is_some_and(|position| positions.remove(&position)) {
                    events.push(event);
                }
            }
            // Its producer skipped it: the next page must not start there again.
            is_whole &= !positions.remove(&first);
        }
        (events, is_whole)
    }
}

/// Positions that are held and not parked themselves.
fn line(progress: &Progress, letters: &[Letter]) -> BTreeSet<Position> {
    let mut line: BTreeSet<_> = progress.held().into_iter().collect();
    for letter in letters {
        let park = &letter.park;
        if park.consumer == progress.consumer() && park.feed == progress.feed_name() {
            letter.place().map(|(_, position)| line.remove(&position));
        }
    }
    line
}
