//! Dead letters as their operator meets them: what is parked, what waits behind it, and the three ways on: drive it again,
//! replace its payload, give it up. Every action is one commit with its record in the service's own log.

mod letter;
mod log;
mod release;

use std::sync::Arc;

use serde_json::Value;

pub use self::letter::{By, DeadLetter, Redriven};
use self::letter::{Letter, Lines, masked};
use self::log::Act;
pub use self::log::{Acted, Action, Entry as LogEntry};
use crate::delivery::{
    Consumer, Done, Inbox, Instead, Job, Lanes, Parked, Producers, Progress, Reason, Refused, Trackers,
};
use crate::model::{Context, DecodeError, Problem, Rejected};
use crate::store::{Answer, Leaving, Mark, NewWork, Outcome, PARTITIONS, Park, Placed, Query};

/// Rounds through admit before an action is left to its caller to repeat.
const ROUNDS: usize = 8;

/// What an action changes besides the record it names.
#[derive(Default)]
struct Change {
    /// The record as it is put back.
    back: Option<Parked>,
    /// What every later replay takes instead of the payload.
    instead: Option<Instead>,
    settle: bool,
    work: Vec<NewWork>,
}

pub(crate) struct Letters {
    pub lanes: Arc<Lanes>,
    pub trackers: Arc<Trackers>,
    pub producers: Arc<Producers>,
    pub inbox: Arc<Inbox>,
}

impl Letters {
    /// Everything parked, in the order of ids.
    pub async fn all(&self) -> Result<Vec<DeadLetter>, Problem> {
        let mut all = Vec::new();
        for number in 0..PARTITIONS {
            let letters = self.letters(number).await?;
            let lines = self.lines(&letters).await;
            let mut shown: Vec<_> = letters.iter().map(|letter| letter.shown(self.lanes.name, &lines)).collect();
            shown.sort_by(|a, b| a.id.cmp(&b.id));
            all.extend(shown);
        }
        Ok(all)
    }

    /// One of them with its payload, as the consumer would get it.
    pub async fn shown(&self, id: &str) -> Result<DeadLetter, Problem> {
        let letter = self.letter(id).await?;
        let lines = self.lines(&self.letters(letter.partition).await?).await;
        let payload = self.payload(&letter).await?.map(|(_, payload)| masked(payload));
        Ok(DeadLetter { payload, ..letter.shown(self.lanes.name, &lines) })
    }

    /// Drives it again the ordinary way, and then what waits behind it. The request itself is durable.
    pub async fn redrive(self: &Arc<Self>, id: &str, by: &By) -> Result<Redriven, Problem> {
        let mut letter = self.letter(id).await?;
        if letter.record.reason == Reason::Work {
            // As its second try: what a try before may have done is asked after before it is done again.
            let work = NewWork { id: letter.park.entry.clone(), delay_ms: 0, tries: 1 };
            self.act(&letter, by, Action::Redriven, Change { work: vec![work], ..Change::default() }).await?;
            return Ok(Redriven::Released);
        }
        if letter.place().is_some() {
            self.consumer(&letter)?;
        }
        if !letter.record.redriving {
            let back = Parked { redriving: true, ..letter.record.clone() };
            self.act(&letter, by, Action::Redriven, Change { back: Some(back), ..Change::default() }).await?;
            letter = self.letter(id).await?;
        }
        self.drive_letter(&letter).await;
        let outcome = match self.letter(id).await {
            Err(Problem::NotFound(_)) => Redriven::Released,
            Ok(letter) if letter.record.redriving => Redriven::Pending,
            Ok(_) => Redriven::Parked,
            Err(problem) => return Err(problem),
        };
        self.release_behind(&letter, outcome);
        Ok(outcome)
    }

    /// Settles it without an effect, now and in every replay.
    pub async fn discard(self: &Arc<Self>, id: &str, by: &By) -> Result<(), Problem> {
        let letter = self.letter(id).await?;
        let settle = letter.place().is_some();
        let instead = settle.then_some(Instead::Nothing);
        self.act(&letter, by, Action::Discarded, Change { settle, instead, ..Change::default() }).await?;
        self.release_behind(&letter, Redriven::Released);
        Ok(())
    }

    /// Changes the payload, by a merge patch (RFC 7396), for this consumer and every later replay; refused unless the
    /// outcome passes the schema of each of its handlers.
    pub async fn edit(&self, id: &str, by: &By, patch: &Value, version: Option<u32>) -> Result<(), Problem> {
        let letter = self.letter(id).await?;
        let no_position = || Rejected::conflict("deadletter_not_editable", "it has no position: redrive or discard it");
        let consumer = letter.place().map(|_| self.consumer(&letter)).ok_or_else(no_position)??;
        let (Some(incoming), Some((known, mut data))) = (letter.incoming(), self.payload(&letter).await?) else {
            return Err(no_position().into());
        };
        merge(&mut data, patch);
        let version = version.unwrap_or(known);
        let edited = incoming.with_payload(version, &data);
        for handler in consumer.handlers.get(edited.name.as_str()).into_iter().flatten() {
            (handler.decisions)(&edited).map_err(|error| match error {
                DecodeError::Invalid(violation) => Problem::Invalid(violation),
                other => Rejected::unprocessable("unknown_version", other.to_string()).into(),
            })?;
        }
        let back = Parked { edited: true, redriving: false, ..letter.record.clone() };
        let instead = Some(Instead::Payload { version, data });
        self.act(&letter, by, Action::Edited, Change { back: Some(back), instead, ..Change::default() }).await
    }

    /// The parked entries of a partition.
    async fn letters(&self, partition: u8) -> Result<Vec<Letter>, Problem> {
        let Answer::Parked(parks) = self.lanes.read_one(partition, Query::Parked { limit: usize::MAX >> 1 }).await?
        else {
            return Err(Problem::Internal("no parked entries".to_owned()));
        };
        Ok(parks.into_iter().filter_map(|park| Letter::of(partition, park)).collect())
    }

    async fn letter(&self, id: &str) -> Result<Letter, Problem> {
        let not_found = || Problem::NotFound("deadletter_not_found");
        let number = id.rsplit('-').nth(1).and_then(|number| number.parse().ok());
        let number = number.filter(|number| *number < PARTITIONS).ok_or_else(not_found)?;
        let letters = self.letters(number).await?;
        letters.into_iter().find(|letter| letter.id(self.lanes.name) == id).ok_or_else(not_found)
    }

    fn consumer(&self, letter: &Letter) -> Result<Arc<Consumer>, Problem> {
        let gone = || Rejected::conflict("consumer_gone", "this version has no such consumer: discard it");
        let place = letter.place();
        let consumer = place.and_then(|(feed, _)| self.trackers.consumer(&feed.topic, &letter.park.consumer));
        Ok(consumer.ok_or_else(gone)?)
    }

    /// Version and payload as the consumer would get them now.
    async fn payload(&self, letter: &Letter) -> Result<Option<(u32, Value)>, Problem> {
        let Some(incoming) = letter.incoming() else { return Ok(None) };
        let original = (incoming.version, serde_json::from_slice(&incoming.data).unwrap_or_default());
        let Some((feed, position)) = letter.place() else { return Ok(Some(original)) };
        let progress = self.trackers.progress(&letter.park.consumer, &feed);
        self.fresh(&progress).await?;
        Ok(Some(match progress.instead(position) {
            Some(Instead::Payload { version, data }) => (version, data),
            _ => original,
        }))
    }

    async fn fresh(&self, progress: &Progress) -> Result<(), Problem> {
        let is_fresh = self.trackers.reread(progress).await;
        is_fresh.then_some(()).ok_or_else(|| Problem::Unavailable("the store does not answer".to_owned()))
    }

    /// The one commit of an action; refused if the record is no longer as it was read.
    async fn act(&self, letter: &Letter, by: &By, action: Action, change: Change) -> Result<(), Problem> {
        let Letter { partition, park, .. } = letter;
        let acted = Acted::new(action, letter.id(self.lanes.name), park, &by.reason);
        let back = change.back.map(|record| Park { record: record.to_json(), ..park.clone() });
        let progress = letter.place().map(|(feed, position)| (self.trackers.progress(&park.consumer, &feed), position));
        let context = Context { actor: Some(by.actor.clone()), ..Context::default() };
        let act = Act::new(acted, park, change.instead);
        for _ in 0..ROUNDS {
            let mut job = Job::new(Mark::Parked(park.clone()), context.clone()).decide(vec![Box::new(act.clone())]);
            job.parks = back.clone().into_iter().collect();
            job.work.clone_from(&change.work);
            if let Some((progress, position)) = progress.as_ref().filter(|_| change.settle) {
                self.fresh(progress).await?;
                let (admitted, _) = progress.admit(Placed { position: *position, previous: 0 }, true);
                job.life = Some(admitted.life);
                job.settles.push(progress.settle(*position, admitted, Outcome::Done));
            }
            let unavailable = |error: &dyn std::fmt::Display| Problem::Unavailable(error.to_string());
            let epoch = self.lanes.lane(*partition).epoch().await.map_err(|error| unavailable(&error))?;
            let verdict = self.lanes.lane(*partition).submit(job).await;
            progress.iter().for_each(|(progress, _)| progress.forget());
            match verdict {
                Ok(Done::Committed(_)) => {
                    let (service, actor, id) = (self.lanes.name, &by.actor, letter.id(self.lanes.name));
                    tracing::warn!(service, actor, ?action, id, "a dead letter was acted on");
                    let durable = self.lanes.durable(*partition, &epoch, Leaving::Answer).await;
                    return durable.map_err(|error| unavailable(&error));
                }
                Ok(Done::Duplicate(_)) => {
                    let detail = "somebody has acted on it meanwhile: look at it again";
                    return Err(Rejected::conflict("deadletter_changed", detail).into());
                }
                Err(Refused::Stale) => {}
                Err(refused) => return Err(Problem::Unavailable(refused.to_string())),
            }
        }
        Err(Problem::Unavailable("progress keeps moving".to_owned()))
    }
}

/// RFC 7396.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        target.clone_from(patch);
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    let Value::Object(fields) = target else { return };
    for (name, change) in changes {
        if change.is_null() {
            fields.remove(name);
        } else {
            merge(fields.entry(name).or_insert(Value::Null), change);
        }
    }
}
