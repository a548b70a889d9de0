//! Feeds as services read them from each other: how far they have come, their pages, and what of their numbers is no event.

use std::collections::HashMap;
use std::sync::Arc;

use axum::http::Request;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::delivery::Lanes;
use crate::model::{Incoming, Problem, splice};
use crate::seams::Sidecar;
use crate::store::{Answer, Feed, Head, PARTITIONS, Position, Query, Ranges, Recorded};

/// Entries read from a producer at a time.
pub(crate) const PAGE: usize = 500;

/// How far a service's feeds have come: topic → partition → head.
pub(crate) type Heads = HashMap<String, HashMap<u8, FeedHead>>;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FeedHead {
    pub head: Position,
    /// Numbers up to there that are no events.
    #[serde(default)]
    pub void: Ranges,
}

/// A page of a feed: envelopes as they are published, and what is no event anywhere in the feed.
#[derive(Deserialize)]
struct FeedPage<'a> {
    #[serde(borrow)]
    events: Vec<&'a RawValue>,
    #[serde(default)]
    void: Ranges,
}

/// A [`FeedPage`] of what is JSON already.
pub(crate) fn feed_page(entries: &[Recorded], void: &Ranges) -> Result<Vec<u8>, serde_json::Error> {
    let mut page = br#"{"void":"#.to_vec();
    serde_json::to_writer(&mut page, void)?;
    page.extend_from_slice(br#","events":["#);
    for (number, entry) in entries.iter().enumerate() {
        page.extend((number > 0).then_some(b','));
        let event = entry.placed.map_or_else(|| entry.record.clone(), |placed| splice(&entry.record, placed));
        page.extend_from_slice(&event);
    }
    page.extend_from_slice(b"]}");
    Ok(page)
}

/// The service that owns a topic: events are named `{service}.{domain}.{action}`.
pub fn owner(topic: &str) -> &str {
    topic.split('.').next().unwrap_or(topic)
}

/// The services whose feeds are heard.
pub(crate) struct Producers {
    /// Who asks.
    pub service: &'static str,
    pub sidecar: Arc<dyn Sidecar>,
}

impl Producers {
    /// How far the feeds of `source` have come; `None` when it does not answer.
    pub async fn heads(&self, source: &str) -> Option<Heads> {
        serde_json::from_slice(&self.ask(source, "/feeds").await?).ok()
    }

    /// Events of a feed in order, and what of its numbers are none; `None` when its producer does not answer.
    pub async fn page(&self, feed: &Feed, after: Position, limit: usize) -> Option<(Vec<Arc<Incoming>>, Ranges)> {
        let path = format!("/feeds/{}/{}?after={after}&limit={limit}", feed.topic, feed.partition);
        let body = self.ask(&feed.source, &path).await?;
        let page: FeedPage<'_> = serde_json::from_slice(&body).ok()?;
        let parse = |event: &RawValue| Incoming::parse(&body.slice_ref(event.get().as_bytes())).ok().map(Arc::new);
        Some((page.events.into_iter().filter_map(parse).collect(), page.void))
    }

    async fn ask(&self, source: &str, path: &str) -> Option<Bytes> {
        let request = Request::get(path).body(Bytes::new()).ok()?;
        match self.sidecar.invoke(source, request).await {
            Ok(response) if response.status().is_success() => Some(response.into_body()),
            Ok(response) => {
                let (service, status) = (self.service, response.status().as_u16());
                tracing::warn!(service, source, path, status, "a producer refused its feed");
                None
            }
            Err(error) => {
                tracing::warn!(service = self.service, source, %error, "a producer does not answer");
                None
            }
        }
    }
}

/// The heads of all own feeds; all or an error, because who starts now takes what is absent for empty.
pub(crate) async fn own_heads(lanes: &Lanes) -> Result<Heads, Problem> {
    let mut heads = Heads::new();
    for (number, answers) in (0..PARTITIONS).zip(lanes.read_to_tell(0..PARTITIONS, &[Query::Heads]).await?) {
        for answer in answers {
            let Answer::Heads(own) = answer else { continue };
            for Head { topic, position, void } in own {
                heads.entry(topic).or_default().insert(number, FeedHead { head: position, void });
            }
        }
    }
    Ok(heads)
}
