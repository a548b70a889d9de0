//! Queries as Redis commands and their replies as answers. Each query is asked once and, where its first replies name
//! what to fetch, once more; all queries of a call share these two round trips.

use std::collections::HashMap;

use bytes::Bytes;
use redis::{Cmd, FromRedisValue, Value, cmd};

use super::keys::{Keys, row_field};
use crate::store::{
    Answer, Claim, Head, Park, Placed, Position, Query, Ranges, Recorded, Row, StoreError, StoredStream, StreamId,
    Tracker, WorkRecord,
};

/// Events fetched along with a snapshot, before it is known how many are newer: more than there usually are, so that
/// loading a stream is one round trip.
const TAIL: isize = 32;

pub(super) fn first(keys: &Keys, query: &Query) -> Vec<Cmd> {
    match query {
        Query::Stream(stream) => vec![
            ask("GET", keys.snapshot(stream), &[]),
            ask("LRANGE", keys.stream(stream), &[&(-TAIL).to_string(), "-1"]),
        ],
        Query::Events { limit: 0, .. } | Query::Rows { limit: 0, .. } | Query::Feed { limit: 0, .. } => vec![],
        Query::Due { limit: 0 } | Query::Work { limit: 0 } | Query::Parked { limit: 0 } => vec![],
        Query::Events { stream, after, limit } => {
            let last = after.saturating_add(count(*limit) - 1);
            vec![ask("LRANGE", keys.stream(stream), &[&after.to_string(), &last.to_string()])]
        }
        Query::Row { view, key, row } => vec![ask("HGET", keys.rows(view), &[&row_field(key, row)])],
        Query::Rows { view, key, after, limit } => {
            let from = format!("({}", row_field(key, after));
            // 0xFF is in no UTF-8 text, so it sorts after every row of the key.
            let to = [b"(", row_field(key, "").as_bytes(), b"\xff"].concat();
            let mut command = cmd("ZRANGEBYLEX");
            command.arg(keys.index(view)).arg(from).arg(to).arg("LIMIT").arg(0).arg(count(*limit));
            vec![command]
        }
        Query::Tracker { consumer, feed } => vec![ask("HGETALL", keys.tracker(consumer, feed), &[])],
        Query::Feed { topic, after, limit } => {
            vec![ask("XRANGE", keys.feed(topic), &[&format!("({after}-0"), "+", "COUNT", &count(*limit).to_string()])]
        }
        Query::Heads => vec![ask("HGETALL", keys.heads(), &[]), ask("HGETALL", keys.voids(), &[])],
        Query::Claims => vec![ask("HGETALL", keys.floors(), &[])],
        Query::Due { limit } | Query::Work { limit } => {
            vec![cmd("TIME"), ask("ZRANGE", keys.due(), &["0", &(count(*limit) - 1).to_string(), "WITHSCORES"])]
        }
        Query::Parked { limit } => vec![ask("ZRANGE", keys.parked(), &["0", &(count(*limit) - 1).to_string()])],
    }
}

pub(super) fn second(keys: &Keys, query: &Query, first: &[Value]) -> Result<Vec<Cmd>, StoreError> {
    Ok(match (query, first) {
        (Query::Stream(stream), [snapshot, tail]) => {
            let taken = headed(snapshot)?.map_or(0, |(version, _)| version);
            match recorded(&stream.id, tail)?.first() {
                Some(oldest) if oldest.sequence > taken + 1 => {
                    let last = oldest.sequence - 2;
                    vec![ask("LRANGE", keys.stream(stream), &[&taken.to_string(), &last.to_string()])]
                }
                _ => vec![],
            }
        }
        (Query::Rows { view, .. }, [members]) => each("HMGET", keys.rows(view), &parse::<Vec<String>>(members)?),
        (Query::Feed { topic, .. }, [entries]) => parse::<Vec<FeedEntry>>(entries)?
            .into_iter()
            .map(|(_, (_, id, _, version))| {
                let stream = StreamId { topic: topic.clone(), id };
                ask("LINDEX", keys.stream(&stream), &[&(version - 1).to_string()])
            })
            .collect(),
        (Query::Due { .. } | Query::Work { .. }, [time, agenda]) => {
            let ids = due(query, time, agenda)?;
            // Tries first: those of a later take-up beside an earlier due time would let two processes hold the work.
            [each("HMGET", keys.tries(), &ids), each("ZMSCORE", keys.due(), &ids)].concat()
        }
        (Query::Claims, [floors]) => {
            let floors = parse::<Vec<(String, Position)>>(floors)?;
            floors.iter().map(|(progress, _)| ask("ZRANGE", keys.owed(progress), &["0", "-1"])).collect()
        }
        (Query::Parked { .. }, [entries]) => each("HMGET", keys.parks(), &parse::<Vec<String>>(entries)?),
        _ => vec![],
    })
}

pub(super) fn answer(query: &Query, first: &[Value], second: &[Value]) -> Result<Answer, StoreError> {
    Ok(match (query, first, second) {
        (Query::Stream(stream), [snapshot, tail], older) => {
            let snapshot = headed(snapshot)?;
            let taken = snapshot.as_ref().map_or(0, |(version, _)| *version);
            let mut events = older.first().map_or(Ok(vec![]), |older| recorded(&stream.id, older))?;
            events.extend(recorded(&stream.id, tail)?);
            let version = events.last().map_or(taken, |last| last.sequence);
            events.retain(|event| event.sequence > taken);
            Answer::Stream(StoredStream { version, snapshot, events })
        }
        (Query::Events { stream, .. }, [events], _) => Answer::Events(recorded(&stream.id, events)?),
        (Query::Events { .. }, ..) => Answer::Events(vec![]),
        (Query::Row { .. }, [row], _) => Answer::Row(headed(row)?.map(|(version, value)| Row { version, value })),
        (Query::Rows { key, .. }, [members], [values]) => {
            let prefix = row_field(key, "").len();
            let rows =
                pairs(members, values, |member, value| Ok((member[prefix..].to_owned(), number_and_rest(value)?.1)));
            Answer::Rows(rows?)
        }
        (Query::Rows { .. }, ..) => Answer::Rows(vec![]),
        (Query::Tracker { .. }, [fields], _) => Answer::Tracker(tracker(parse(fields)?)?),
        (Query::Feed { .. }, [entries], events) => {
            let entries = parse::<Vec<FeedEntry>>(entries)?.into_iter().zip(events);
            let events = entries.map(|((_, (_, stream, ..)), event)| record(&stream, &parse(event)?));
            Answer::Feed(events.collect::<Result<_, _>>()?)
        }
        (Query::Feed { .. }, ..) => Answer::Feed(vec![]),
        (Query::Heads, [heads, voids], _) => Answer::Heads(self::heads(heads, voids)?),
        (Query::Claims, [floors], owed) => Answer::Claims(claims(floors, owed)?),
        (Query::Due { .. } | Query::Work { .. }, [time, agenda], [tries, dues]) => {
            Answer::Work(work(query, time, agenda, tries, dues)?)
        }
        (Query::Due { .. } | Query::Work { .. }, ..) => Answer::Work(vec![]),
        (Query::Parked { .. }, [entries], [records]) => Answer::Parked(pairs(entries, records, park)?),
        (Query::Parked { .. }, ..) => Answer::Parked(vec![]),
        _ => return Err(StoreError::Corrupt(format!("{} replies to {query:?}", first.len()))),
    })
}

/// An entry of a feed's stream: `["<position>-0", ["s", id, "v", version]]`.
type FeedEntry = (String, (String, String, String, u64));

/// A limit the server takes.
fn count(limit: usize) -> u64 {
    (limit as u64).min(i64::MAX as u64)
}

fn ask(name: &str, key: String, arguments: &[&str]) -> Cmd {
    let mut command = cmd(name);
    command.arg(key).arg(arguments);
    command
}

/// `name` of all `members`; no command for none.
fn each(name: &str, key: String, members: &[String]) -> Vec<Cmd> {
    if members.is_empty() {
        return vec![];
    }
    let mut command = cmd(name);
    command.arg(key).arg(members);
    vec![command]
}

fn parse<T: FromRedisValue>(value: &Value) -> Result<T, StoreError> {
    T::from_redis_value_ref(value).map_err(|error| StoreError::Corrupt(error.to_string()))
}

fn pairs<T>(
    names: &Value,
    values: &Value,
    make: impl Fn(&str, Bytes) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let (names, values) = (parse::<Vec<String>>(names)?, parse::<Vec<Option<Bytes>>>(values)?);
    names.iter().zip(values).filter_map(|(name, value)| value.map(|value| make(name, value))).collect()
}

/// `<number>\n<the rest>`, as snapshots and rows are stored.
fn number_and_rest(value: Bytes) -> Result<(u64, Bytes), StoreError> {
    let (head, rest) = header(&value)?;
    let number = head.parse().map_err(|_| StoreError::Corrupt(format!("a number, not {head:?}")))?;
    Ok((number, rest))
}

fn header(value: &Bytes) -> Result<(&str, Bytes), StoreError> {
    let end = value
        .iter()
        .position(|byte| *byte == b'\n')
        .ok_or_else(|| StoreError::Corrupt("a value without header".into()))?;
    let head = str::from_utf8(&value[..end]).map_err(|error| StoreError::Corrupt(error.to_string()))?;
    Ok((head, value.slice(end + 1..)))
}

fn headed(value: &Value) -> Result<Option<(u64, Bytes)>, StoreError> {
    parse::<Option<Bytes>>(value)?.map(number_and_rest).transpose()
}

fn recorded(stream: &str, events: &Value) -> Result<Vec<Recorded>, StoreError> {
    parse::<Vec<Bytes>>(events)?.iter().map(|event| record(stream, event)).collect()
}

fn record(stream: &str, event: &Bytes) -> Result<Recorded, StoreError> {
    let (head, record) = header(event)?;
    let numbers: Vec<u64> = head.split(' ').filter_map(|number| number.parse().ok()).collect();
    let [sequence, position, previous] = numbers[..] else {
        return Err(StoreError::Corrupt(format!("an event headed {head:?}")));
    };
    let placed = (position > 0).then_some(Placed { position, previous });
    Ok(Recorded { stream: stream.to_owned(), sequence, placed, record })
}

fn tracker(fields: Vec<(String, String)>) -> Result<Tracker, StoreError> {
    let mut tracker = Tracker::default();
    for (field, value) in fields {
        let corrupt = || StoreError::Corrupt(format!("tracker field {field:?} = {value:?}"));
        match (field.as_str(), value.as_str()) {
            ("L", _) => tracker.low = value.parse().map_err(|_| corrupt())?,
            ("s", _) => tracker.start = Some(value.parse().map_err(|_| corrupt())?),
            ("g", _) => tracker.generation = value.parse().map_err(|_| corrupt())?,
            ("v", _) => tracker.void = ranges(&value)?,
            (position, state) => {
                let position = position.parse().map_err(|_| corrupt())?;
                match state {
                    "d" => tracker.done.insert(position),
                    "h" => tracker.held.insert(position),
                    "m" => tracker.missing.insert(position),
                    _ => return Err(corrupt()),
                };
            }
        }
    }
    Ok(tracker)
}

fn heads(heads: &Value, voids: &Value) -> Result<Vec<Head>, StoreError> {
    let voids: HashMap<String, String> = parse(voids)?;
    let mut heads = parse::<Vec<(String, Position)>>(heads)?;
    heads.sort();
    let head = |(topic, position): (String, Position)| {
        let void = voids.get(&topic).map_or_else(|| Ok(Ranges::default()), |void| ranges(void))?;
        Ok(Head { topic, position, void })
    };
    heads.into_iter().map(head).collect()
}

/// `1-16777216 20000000-40000000`.
fn ranges(text: &str) -> Result<Ranges, StoreError> {
    let corrupt = || StoreError::Corrupt(format!("void ranges {text:?}"));
    let range = |range: &str| {
        let (from, through) = range.split_once('-').ok_or_else(corrupt)?;
        Ok((from.parse().map_err(|_| corrupt())?, through.parse().map_err(|_| corrupt())?))
    };
    text.split(' ').map(range).collect()
}

fn claims(floors: &Value, owed: &[Value]) -> Result<Vec<Claim>, StoreError> {
    let mut claims = Vec::new();
    for ((progress, floor), owed) in parse::<Vec<(String, Position)>>(floors)?.into_iter().zip(owed) {
        let corrupt = || StoreError::Corrupt(format!("a floor of {progress:?}"));
        let (consumer, feed) = progress.split_once('|').ok_or_else(corrupt)?;
        claims.push(Claim { consumer: consumer.to_owned(), feed: feed.to_owned(), floor, owed: parse(owed)? });
    }
    claims.sort_by(|a, b| (&a.consumer, &a.feed).cmp(&(&b.consumer, &b.feed)));
    Ok(claims)
}

/// The ids of `agenda` that the query is about.
fn due(query: &Query, time: &Value, agenda: &Value) -> Result<Vec<String>, StoreError> {
    let latest = latest(query, time)?;
    let agenda = parse::<Vec<(String, f64)>>(agenda)?;
    Ok(agenda.into_iter().filter(|(_, due_ms)| *due_ms <= latest).map(|(id, _)| id).collect())
}

fn latest(query: &Query, time: &Value) -> Result<f64, StoreError> {
    let (seconds, micros) = parse::<(u64, u64)>(time)?;
    Ok(if matches!(query, Query::Due { .. }) { (seconds * 1_000 + micros / 1_000) as f64 } else { f64::INFINITY })
}

fn work(
    query: &Query,
    time: &Value,
    agenda: &Value,
    tries: &Value,
    dues: &Value,
) -> Result<Vec<WorkRecord>, StoreError> {
    let (ids, latest) = (due(query, time, agenda)?, latest(query, time)?);
    let (dues, tries) = (parse::<Vec<Option<f64>>>(dues)?, parse::<Vec<Option<u32>>>(tries)?);
    let found = ids.into_iter().zip(dues.into_iter().zip(tries));
    let open = found.filter_map(|(id, (due, tries))| {
        Some(WorkRecord { id, tries: tries?, due_ms: due.filter(|due| *due <= latest)? as u64 })
    });
    Ok(open.collect())
}

/// No consumer has a `|`; a feed's name has two, and only an entry without one may have any.
fn park(name: &str, record: Bytes) -> Result<Park, StoreError> {
    let parts = name.split_once('|').and_then(|(consumer, rest)| {
        let foreign = rest.strip_prefix('|').map(|entry| ("", entry));
        Some((consumer, foreign.or_else(|| rest.rsplit_once('|'))?))
    });
    let (consumer, (feed, entry)) = parts.ok_or_else(|| StoreError::Corrupt(format!("parked entry {name:?}")))?;
    Ok(Park { consumer: consumer.to_owned(), feed: feed.to_owned(), entry: entry.to_owned(), record })
}
