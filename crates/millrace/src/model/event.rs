//! The envelope: CloudEvents 1.0, structured JSON, every attribute a string. How an event is written into a stream,
//! spliced for the topic, and read back from either.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

pub use super::context::Context;
use super::context::is_traceparent;
use crate::model::{DecodeError, EventSchema, EventType, Violation, decode};
use crate::seams::parse_rfc3339;
use crate::store::{Feed, Placed, Position};

/// A payload with what its envelope says, as a reaction gets it.
#[derive(Debug, Clone)]
pub struct Event<E> {
    pub data: E,
    pub id: String,
    /// Microseconds since the Unix epoch, by the producer's clock.
    pub time_us: i64,
    /// The stream it belongs to.
    pub subject: String,
    /// Its version in that stream, from 1.
    pub sequence: u64,
}

/// An envelope as read from a topic, a feed or a stream; the payload is still bytes.
#[derive(Debug, Clone)]
pub struct Incoming {
    pub id: String,
    pub name: String,
    pub version: u32,
    pub time_us: i64,
    pub subject: String,
    pub sequence: u64,
    /// The producer's feed and this event's place in it; `None` for private and foreign events.
    pub place: Option<(Arc<Feed>, Placed)>,
    pub context: Context,
    pub data: Bytes,
    /// The whole envelope as received.
    pub bytes: Bytes,
}

impl Incoming {
    /// Reads an envelope published or recorded by this framework. The violation says which attribute is wrong.
    pub fn parse(bytes: &Bytes) -> Result<Self, Violation> {
        let wire: Wire = serde_json::from_slice(bytes)
            .map_err(|error| Violation::whole(format!("not a CloudEvent ({:?})", error.classify())))?;
        let place = wire.place()?;
        Ok(Self {
            version: wire.version()?,
            time_us: parse_rfc3339(&wire.time).ok_or_else(|| attribute("time"))?,
            sequence: wire.sequence.parse().map_err(|_| attribute("sequence"))?,
            place,
            context: Context {
                correlation: wire.correlationid.map(Cow::into_owned).unwrap_or_default(),
                causation: wire.causationid.map(Cow::into_owned),
                traceparent: wire.traceparent.map(Cow::into_owned).filter(|parent| is_traceparent(parent)),
                user: wire.userid.map(Cow::into_owned),
                session: wire.sessionid.map(Cow::into_owned),
                actor: wire.actor.map(Cow::into_owned),
            },
            data: bytes.slice_ref(wire.data.get().as_bytes()),
            id: wire.id.into_owned(),
            name: wire.name.into_owned(),
            subject: wire.subject.into_owned(),
            bytes: bytes.clone(),
        })
    }

    /// A recorded event, read back with its place.
    pub fn recorded(record: &Bytes, placed: Option<Placed>) -> Result<Self, Violation> {
        Self::parse(&placed.map_or_else(|| record.clone(), |placed| splice(record, placed)))
    }

    /// The typed event; checks the payload against its schema.
    pub fn event<E: EventType>(&self) -> Result<Event<E>, DecodeError> {
        Ok(Event {
            data: decode(self.version, &self.data)?,
            id: self.id.clone(),
            time_us: self.time_us,
            subject: self.subject.clone(),
            sequence: self.sequence,
        })
    }

    /// The same event saying something else; its bytes stay as they came.
    pub(crate) fn with_payload(&self, version: u32, data: &serde_json::Value) -> Self {
        Self { version, data: Bytes::from(data.to_string()), ..self.clone() }
    }

    /// The context of what this event causes.
    pub fn cause(&self) -> Context {
        Context { causation: Some(self.id.clone()), ..self.context.clone() }
    }
}

fn attribute(name: &str) -> Violation {
    Violation { pointer: format!("/{name}"), message: "not as this attribute must be".to_owned() }
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow)]
    specversion: Cow<'a, str>,
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    source: Cow<'a, str>,
    #[serde(borrow, rename = "type")]
    name: Cow<'a, str>,
    #[serde(borrow)]
    subject: Cow<'a, str>,
    #[serde(borrow)]
    time: Cow<'a, str>,
    #[serde(borrow)]
    dataschema: Cow<'a, str>,
    #[serde(borrow)]
    sequence: Cow<'a, str>,
    #[serde(borrow)]
    feed: Cow<'a, str>,
    #[serde(borrow, default)]
    position: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    previous: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    correlationid: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    causationid: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    traceparent: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    userid: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    sessionid: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    actor: Option<Cow<'a, str>>,
    #[serde(borrow)]
    data: &'a RawValue,
}

impl Wire<'_> {
    fn version(&self) -> Result<u32, Violation> {
        let (name, version) = self
            .dataschema
            .strip_prefix("urn:millrace:")
            .and_then(|rest| rest.rsplit_once(':'))
            .ok_or_else(|| attribute("dataschema"))?;
        if name != self.name {
            return Err(attribute("dataschema"));
        }
        version.parse().map_err(|_| attribute("dataschema"))
    }

    fn place(&self) -> Result<Option<(Arc<Feed>, Placed)>, Violation> {
        if self.specversion != "1.0" {
            return Err(attribute("specversion"));
        }
        let (Some(position), Some(previous)) = (&self.position, &self.previous) else { return Ok(None) };
        let source = self.source.strip_prefix('/').ok_or_else(|| attribute("source"))?;
        let (topic, _) = self.name.rsplit_once('.').ok_or_else(|| attribute("type"))?;
        let partition = self
            .feed
            .parse()
            .ok()
            .filter(|number| *number < crate::store::PARTITIONS)
            .ok_or_else(|| attribute("feed"))?;
        let number = |text: &str, name| text.parse::<Position>().map_err(|_| attribute(name));
        let placed = Placed { position: number(position, "position")?, previous: number(previous, "previous")? };
        if placed.position == 0 || placed.previous >= placed.position {
            return Err(attribute("position"));
        }
        Ok(Some((Arc::new(Feed { source: source.to_owned(), topic: topic.to_owned(), partition }), placed)))
    }
}

/// What a commit fixes of an event besides its payload.
#[derive(Debug)]
pub struct Draft<'a> {
    pub service: &'a str,
    pub epoch: &'a str,
    pub schema: &'static EventSchema,
    pub stream: &'a str,
    pub sequence: u64,
    pub partition: u8,
    pub partition_key: &'a str,
    pub time: &'a str,
    pub context: &'a Context,
    /// Checked against its schema by the caller.
    pub data: &'a RawValue,
}

impl Draft<'_> {
    pub fn id(&self) -> String {
        format!("{}/{}-{}~{}", self.schema.topic, self.stream, self.sequence, self.epoch)
    }

    /// The record of the event: its envelope without the two numbers only the commit knows.
    pub fn record(&self) -> Result<Bytes, serde_json::Error> {
        let context = self.context;
        let traceid = context.trace_id();
        serde_json::to_vec(&Outgoing {
            specversion: "1.0",
            id: &self.id(),
            source: &format!("/{}", self.service),
            name: self.schema.name,
            subject: self.stream,
            time: self.time,
            datacontenttype: "application/json",
            dataschema: self.schema.schema.id,
            sequence: &self.sequence.to_string(),
            sequencetype: "Integer",
            feed: &format!("{:02}", self.partition),
            partitionkey: self.partition_key,
            correlationid: &context.correlation,
            causationid: context.causation.as_deref(),
            traceparent: traceid.and(context.traceparent.as_deref()),
            traceid,
            userid: context.user.as_deref(),
            sessionid: context.session.as_deref(),
            actor: context.actor.as_deref(),
            data: self.data,
        })
        .map(Bytes::from)
    }
}

#[derive(Serialize)]
struct Outgoing<'a> {
    specversion: &'a str,
    id: &'a str,
    source: &'a str,
    #[serde(rename = "type")]
    name: &'a str,
    subject: &'a str,
    time: &'a str,
    datacontenttype: &'a str,
    dataschema: &'a str,
    sequence: &'a str,
    sequencetype: &'a str,
    feed: &'a str,
    partitionkey: &'a str,
    correlationid: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    causationid: Option<&'a str>,
    // Both or neither: daprd replaces a traceparent that comes without its traceid.
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    traceid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    userid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sessionid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<&'a str>,
    data: &'a RawValue,
}

/// A record with its place written in front, so that the payload is not parsed again.
pub fn splice(record: &Bytes, placed: Placed) -> Bytes {
    let head = format!(r#"{{"position":"{}","previous":"{}","#, placed.position, placed.previous);
    let mut bytes = Vec::with_capacity(head.len() + record.len());
    bytes.extend_from_slice(head.as_bytes());
    bytes.extend_from_slice(record.get(1..).unwrap_or_default());
    Bytes::from(bytes)
}
